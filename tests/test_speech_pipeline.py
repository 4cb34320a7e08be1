"""From recordings to a trained network, through all rooms: made-up RAVDESS, log-mels, loaders, models, training."""

import numpy as np
import pytest
import torch

from lib.audio.augment import Augment
from lib.audio.datasets import KeptFeatures, Paired, Spectrograms, Waves, mean_and_sd
from lib.audio.logmel import log_mels
from lib.audio.statistics import clip_statistics
from lib.batching import MultiDataLoader
from lib.data.ravdess import load_ravdess
from lib.data.splits import speaker_split
from lib.models.conv_transformer import ConvTransformer
from lib.models.hybrid import Hybrid
from lib.models.wav2vec import Wav2Vec2Classifier, small_config
from lib.training import Callback, Training, TrainingConfig

ACTIVE = ("happy", "angry", "fearful", "surprised")


class Interrupted(Exception):
    """What an interrupted run raises."""


class StopAt(Callback):
    """Interrupts the run after so many batches; 0: never."""

    def __init__(self, batches=0):
        self.left = batches

    def after_batch(self, training):
        self.left -= 1
        if self.left == 0:
            raise Interrupted


@pytest.fixture(scope="module")
def parts():
    """By speaker: (recordings, targets, log-mels) to train and to validate, and the mean and sd of those to train."""
    recordings = load_ravdess("synthetic")
    held_out = speaker_split(recordings.table, share=0.34, seed=0)
    found = []
    for rows in (~held_out, held_out):
        part = recordings.select(rows)
        found.append((part, part.table["emotion"].isin(ACTIVE), log_mels(part.signals)))
    return found, mean_and_sd(found[0][2])


@pytest.fixture(scope="module")
def spectrograms(parts):
    found, normal = parts
    augment = Augment((1, 10), (1, 8), gain=0.3, shift=1, stretch=0.1)
    return [Spectrograms(x, y, *normal, a) for (_, y, x), a in zip(found, (augment, None), strict=True)]


@pytest.fixture(scope="module")
def pairs(parts, spectrograms, tmp_path_factory):
    """Spectrograms with kept features of small wav2vec convolutions."""
    wav2vec = small_wav2vec()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTES_CACHE", str(tmp_path_factory.mktemp("cache")))
        features = [
            KeptFeatures(Waves(part.signals, y), wav2vec.extract, wav2vec.network.feature_extractor)
            for part, y, _ in parts[0]
        ]
    return [Paired(a, b) for a, b in zip(spectrograms, features, strict=True)]


def small_wav2vec():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "conv_dim": (8,) * 6 + (32,)}
    return Wav2Vec2Classifier(config=small_config(**sizes), inputs="features")


def small_conv_transformer():
    torch.manual_seed(0)
    return ConvTransformer(channels=(8, 8, 16, 16, 16), width=32, layers=1)


def small_hybrid():
    return Hybrid(small_conv_transformer(), small_wav2vec(), width=16)


def settings(data, model, **changes):
    train, validation = data
    loader = MultiDataLoader(train, train.lengths, 8, seed=1)
    options = {"epochs": 2, "learning_rate": 1e-3, "class_weights": "balanced", "show": "off", "accumulate_to": 16}
    options |= {"validation": MultiDataLoader(validation, validation.lengths, 16, shuffle=False)}
    return TrainingConfig(model=model(), train=loader, **options | {"callbacks": [StopAt()]} | changes)


def outcome(run):
    """All that a run gave but for its speed, as text that is equal only when every bit is."""
    history = [{k: repr(v) for k, v in row.items() if k != "examples_per_second"} for row in run.history]
    weights = {k: v.double().flatten().tolist() for k, v in run.model.state_dict().items()}
    return history, weights


@pytest.fixture(scope="module", params=["spectrograms", "pairs"])
def case(request):
    """Data, model and what one uninterrupted run of it gave."""
    data = request.getfixturevalue(request.param)
    model = {"spectrograms": small_conv_transformer, "pairs": small_hybrid}[request.param]
    return data, model, Training(settings(data, model)).run()


def test_a_network_learns_to_tell_made_up_voices_apart(case):
    (_, validation), _, run = case
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"]
    assert np.isfinite([row["val_loss"] for row in run.history]).all()
    assert run.history[-1]["val_auroc"] > 0.8
    errors = run.item_errors(MultiDataLoader(validation, validation.lengths, 5, shuffle=False))
    assert sorted(errors["item"]) == list(range(len(validation)))
    assert (validation.targets.numpy()[errors["item"]] == errors["target"]).all()


def test_predictions_come_in_the_order_of_the_recordings_and_do_not_depend_on_the_batch(case):
    (_, validation), _, run = case
    together = run.predict(MultiDataLoader(validation, validation.lengths, 16))
    apart = run.predict(MultiDataLoader(validation, validation.lengths, 1, shuffle=False))
    assert together.shape == (len(validation), 1)
    np.testing.assert_allclose(together, apart, atol=1e-4)
    assert np.ptp(together) > 0.01


def test_a_second_run_gives_the_same_bit_by_bit(case):
    data, model, run = case
    torch.rand(3)
    assert outcome(Training(settings(data, model)).run()) == outcome(run)


def test_a_run_interrupted_in_the_middle_of_an_epoch_goes_on_as_if_it_had_not_been(case, tmp_path):
    data, model, run = case
    checkpoints = {"folder": tmp_path, "checkpoint_steps": 2}
    with pytest.raises(Interrupted):
        Training(settings(data, model, callbacks=[StopAt(11)], **checkpoints)).run()
    torch.rand(3)
    resumed = Training(settings(data, model, **checkpoints)).run()
    assert outcome(resumed) == outcome(run)


def test_the_head_alone_moves_first_and_then_everything(pairs):
    model = small_hybrid()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    moved = []

    class Look(Callback):
        def after_phase(self, training):
            now = training.model.named_parameters()
            moved.append({k.split(".")[0] for k, v in now if not torch.equal(v, before[k])})

    Training(settings(pairs, lambda: model, head="head", head_epochs=1, epochs=1, callbacks=[Look()])).run()
    assert moved == [{"head"}, {"head", "spectrogram", "wave"}]


def test_the_plain_baseline_reads_the_same_recordings(parts):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (train, y, _), (validation, y_validation, _) = parts[0]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    model.fit(clip_statistics(train.signals), y)
    chances = model.predict_proba(clip_statistics(validation.signals))[:, 1]
    assert roc_auc_score(y_validation, chances) > 0.8
