"""wav2vec 2.0 as a classifier."""

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from speech_models import count, head, moved_in_phases, padding_changes, trainable, without_gradient
from transformers import Wav2Vec2Config, Wav2Vec2Model

from lib.models.wav2vec import Wav2Vec2Classifier, small_config
from lib.models.weights import WeightsError

LENGTHS = torch.tensor([8000, 4000, 4000, 6001, 719, 400])


def config(**changes):
    tiny = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    tiny |= {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4}
    return small_config(**tiny | changes)


def small(changes=None, **options):
    torch.manual_seed(0)
    return Wav2Vec2Classifier(**{"config": config(**changes or {}), **options})


def waves(lengths=LENGTHS):
    x = torch.randn(len(lengths), int(lengths.max()), generator=torch.Generator().manual_seed(0))
    return x * (torch.arange(x.shape[1]) < lengths[:, None]), lengths


NORMS = pytest.mark.parametrize("norm", ["layer", "group"])  # group: as wav2vec2-base has it


def test_the_default_is_wav2vec2_base_and_its_convolutions_are_frozen():
    with torch.device("meta"):
        model = Wav2Vec2Classifier()
    cnn = model.network.feature_extractor
    assert (count(model.network), count(cnn), count(cnn, only_trainable=True)) == (94_371_712, 4_200_448, 0)
    assert count(model.head) == 769 * 256 + 257
    assert count(model, only_trainable=True) == 94_371_712 - 4_200_448 + 769 * 256 + 257


@pytest.mark.slow
@torch.no_grad()
def test_full_size_wav2vec2_base_runs():
    model = Wav2Vec2Classifier().eval()
    features, steps = model.extract(torch.randn(1, 16000), torch.tensor([16000]))
    assert features.shape == (1, 49, 512)
    assert steps.tolist() == [49]
    model.inputs = "features"
    assert model(features, steps).isfinite().all()


def test_the_small_one_has_fifty_steps_a_second_too():
    model, base = Wav2Vec2Classifier(config=small_config()), Wav2Vec2Config()
    assert model.config.inputs_to_logits_ratio == base.inputs_to_logits_ratio == 320
    assert [model.steps(n) for n in (399, 400, 719, 720, 16000)] == [0, 1, 1, 2, 49]
    assert count(model) < 2.5e6


@NORMS
@pytest.mark.parametrize("inputs", ["waves", "features"])
@pytest.mark.parametrize("extra", [0, 321, 5000])
def test_padding_does_not_change_an_item_whatever_stands_in_it(norm, inputs, extra):
    model, (x, lengths) = small({"feat_extract_norm": norm}), waves()
    if inputs == "features":
        x, lengths = model.extract(x, lengths)
        model.inputs, extra = inputs, extra // 320
    assert padding_changes(model, x, lengths, extra) < 1e-4


@NORMS
@torch.no_grad()
def test_features_do_not_depend_on_the_batch_and_are_zero_behind_the_item(norm):
    model, (x, lengths) = small({"feat_extract_norm": norm}), waves()
    features, steps = model.extract(torch.nn.functional.pad(x, (0, 777)), lengths)
    assert features.shape == (6, 24, 8)
    for row, n, wave, length in zip(features, steps, x, lengths, strict=True):
        alone = model.network.feature_extractor(wave[None, :length])[0].T
        assert len(alone) == n
        assert torch.allclose(row[:n], alone, atol=1e-5)
        assert row[n:].abs().sum() == 0


@torch.no_grad()
def test_group_norm_over_a_padded_wave_would_change_the_features():
    model, (x, _) = small({"feat_extract_norm": "group"}), waves()
    cnn = model.network.feature_extractor
    assert not torch.allclose(cnn(x[1:2])[:, :, :10], cnn(x[1:2, :4000])[:, :, :10], rtol=0.05)


@NORMS
@torch.no_grad()
def test_an_unpadded_item_gives_what_transformers_own_model_gives(norm):
    model, (x, _) = small({"feat_extract_norm": norm}).eval(), waves()
    theirs = model.network(x[:1]).last_hidden_state.mean(1)
    assert torch.allclose(model.embed(x[:1], LENGTHS[:1]), theirs, atol=1e-5)


@NORMS
@torch.no_grad()
def test_waves_and_their_features_give_the_same(norm):
    model, (x, lengths) = small({"feat_extract_norm": norm}).eval(), waves()
    direct = model(x, lengths)
    model.inputs = "features"
    assert torch.equal(model(*model.extract(x, lengths)), direct)


@NORMS
@pytest.mark.parametrize("freeze", [True, False])
def test_a_gradient_reaches_what_trains_and_nothing_else(norm, freeze):
    x, lengths = waves()
    model = small({"feat_extract_norm": norm}, freeze_cnn=freeze)
    assert without_gradient(model, x, lengths) == set()
    assert any("feature_extractor" in name for name in trainable(model)) is not freeze
    assert not x.requires_grad


def test_first_the_head_moves_alone_then_everything_but_the_convolutions():
    model = small()
    before = {name for name in trainable(model) if "feature_extractor" in name}
    first, second = moved_in_phases(model, *waves())
    assert before == set()
    assert first == head(model)
    assert second == trainable(model)


def test_the_frozen_part_stays_in_eval_mode_and_the_rest_follows():
    model = small().train()
    modes = {name: module.training for name, module in model.named_modules()}
    assert {on for name, on in modes.items() if "feature_extractor" in name} == {False}
    assert {on for name, on in modes.items() if "feature_extractor" not in name} == {True}
    assert small(freeze_cnn=False).train().network.feature_extractor.training
    assert not any(module.training for module in model.eval().modules())


def test_spans_are_masked_in_training_and_never_in_eval_mode():
    quiet = {"hidden_dropout": 0.0, "feat_proj_dropout": 0.0}
    model, (x, lengths) = small(quiet, dropout=0.0), waves()
    assert not torch.equal(model.train()(x, lengths), model(x, lengths))
    assert torch.equal(model.eval()(x, lengths), model(x, lengths))
    model.config.mask_time_prob = 0.0
    assert torch.allclose(model.train()(x, lengths), model.eval()(x, lengths), atol=1e-6)


def test_no_layer_is_dropped_whatever_the_configuration_says():
    assert without_gradient(small({"layerdrop": 1.0}), *waves()) == set()


def test_items_shorter_than_a_masked_span_can_be_trained_on():
    model = small().train()
    model(torch.randn(2, 800), torch.tensor([800, 400])).sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(3)
    Wav2Vec2Model(config(feat_extract_norm="group", layerdrop=0.1)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_local_models_weights_arrive_and_its_convolutions_are_frozen(folder, capfd):
    saved = Wav2Vec2Model.from_pretrained(folder).state_dict()
    capfd.readouterr()
    model = Wav2Vec2Classifier(folder)
    assert "".join(capfd.readouterr()) == ""
    got = model.network.state_dict()
    assert got.keys() == saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in got.items())
    first, second = moved_in_phases(model, *waves())
    assert (first, second) == (head(model), trainable(model))
    assert not any("feature_extractor" in name for name in second)


def test_a_file_without_the_vector_for_masked_steps_loads_as_the_hubs_does(folder):
    model = Wav2Vec2Model.from_pretrained(folder)
    state = model.state_dict()
    del state["masked_spec_embed"]
    model.save_pretrained(folder, state_dict=state)
    assert Wav2Vec2Classifier(folder).network.masked_spec_embed.isfinite().all()


def test_a_model_that_lacks_weights_is_refused(folder):
    model = Wav2Vec2Model.from_pretrained(folder)
    state = {name: value for name, value in model.state_dict().items() if "layers.1" not in name}
    model.save_pretrained(folder, state_dict=state)
    with pytest.raises(WeightsError, match=r"lacks encoder\.layers\.1"):
        Wav2Vec2Classifier(folder)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"holds no config\.json"):
        Wav2Vec2Classifier(tmp_path)


def test_an_unreachable_hub_says_how_to_go_on(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"(?s)hub.*HF_HUB_OFFLINE.*weights=PATH.*weights=None"):
        Wav2Vec2Classifier("hub")


def test_the_same_seed_gives_the_same_network_dropout_and_masks():
    def once():
        model = small().train()
        torch.manual_seed(1)
        np.random.seed(1)  # transformers draws its masks from here
        return model(*waves())

    assert torch.equal(once(), once())


@pytest.mark.parametrize(
    ("shape", "lengths", "word"),
    [((2, 1, 4000), [4000, 4000], "samples"), ((2, 4000), [4001, 4000], "between"), ((2, 4000), [4000, 399], "short")],
)
def test_wrong_shapes_and_lengths_are_refused(shape, lengths, word):
    with pytest.raises(ValueError, match=word):
        small()(torch.zeros(shape), torch.tensor(lengths))
    with pytest.raises(ValueError, match="features"):
        small(inputs="features")(torch.zeros(2, 20, 9), torch.tensor([20, 20]))


@pytest.mark.parametrize(
    "options", [{"inputs": "mel"}, {"inputs": "features", "freeze_cnn": False}, {"weights": "hub"}]
)
def test_settings_that_exclude_each_other_are_refused(options):
    with pytest.raises(ValueError, match=r"inputs|freeze_cnn|not both"):
        small(**options)
