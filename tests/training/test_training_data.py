"""Data in all its forms give the same batches; bad data and bad settings are named."""

import numpy as np
import pytest
import small
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

from lib.batching import MultiDataLoader
from lib.training import Callback, Training, TrainingConfig, TrainingError
from lib.training.batches import batches_of


class Items(Dataset):
    """Item by item."""

    def __init__(self, data):
        self.data = data
        self.asked = []

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        self.asked.append(i)
        return self.data[i]


class ItemLists(Items):
    """Lists of items."""

    def __getitems__(self, indices):
        return [self.data[i] for i in indices]


class Ready(Items):
    """Batches ready made."""

    def __getitems__(self, indices):
        return self.data[indices]


class Doubled(TensorDataset):
    """A TensorDataset that changes its items."""

    def __getitem__(self, i):
        x, y = super().__getitem__(i)
        return 2 * x, y


def weights(**changes) -> torch.Tensor:
    """All weights after a short training."""
    run = Training(small.config(**{"epochs": 2, "validation": None} | changes)).run()
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


@pytest.mark.parametrize("kind", [Items, ItemLists, Ready, lambda d: Subset(d, range(100))])
def test_every_form_of_a_dataset_gives_the_same_batches(kind):
    data = small.tensors(100)
    assert torch.equal(weights(train=kind(data)), weights(train=data))


def test_a_dataset_that_gives_whole_batches_is_not_asked_for_items():
    for kind in (ItemLists, Ready):
        data = kind(small.tensors(100))
        weights(train=data)
        assert data.asked == []


def test_the_tensors_behind_nested_subsets_are_indexed_directly():
    data = small.tensors(100)
    part = random_split(random_split(data, [60, 40])[0], [30, 30])[1]
    rows = torch.stack([x for x, _ in part]), torch.stack([y for _, y in part])
    assert torch.equal(weights(train=part), weights(train=TensorDataset(*rows)))
    batches = Training(small.config(train=part)).train_batches
    assert batches.fetch.tensors is data.tensors


def test_a_subclass_that_changes_its_items_keeps_doing_so():
    data = small.tensors(100)
    doubled = TensorDataset(2 * data.tensors[0], data.tensors[1])
    assert torch.equal(weights(train=Doubled(*data.tensors)), weights(train=doubled))


def test_a_loader_is_used_as_it_is():
    data = small.tensors(100)
    for loader in (DataLoader(data, batch_size=16), [*DataLoader(data, batch_size=16)].__iter__):
        if not isinstance(loader, DataLoader):
            loader = _Loader(loader)
        assert torch.equal(weights(train=loader), weights(train=data, shuffle=False))


class _Loader:
    def __init__(self, begin):
        self.begin = begin

    def __len__(self):
        return 7

    def __iter__(self):
        return self.begin()


def test_a_shuffled_loader_is_seeded_and_differs_from_epoch_to_epoch():
    class Seen(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.rows = nn.Linear(small.FEATURES, 1), []

        def forward(self, x):
            self.rows.append(x.clone())
            return self.linear(x)

    seen = []
    for generator in (None, None, torch.Generator(), torch.Generator()):
        net = Seen()
        loader = DataLoader(small.tensors(100), batch_size=16, shuffle=True, generator=generator)
        Training(small.config(model=net, train=loader, validation=None, epochs=2)).run()
        seen.append(torch.cat(net.rows))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[0][:100], seen[0][100:])


def test_a_loader_hears_which_epoch_it_is():
    class Told(_Loader):
        epochs = ()

        def set_epoch(self, epoch):
            self.epochs += (epoch,)

    loader = Told(lambda: iter(DataLoader(small.tensors(100), batch_size=16)))
    weights(train=loader, epochs=3)
    assert loader.epochs == (0, 1, 2)


def test_collate_makes_batches_of_items_of_different_length():
    lengths = [3, 5, 2, 4, 6, 1] * 5
    items = [(torch.ones(n), n > 3) for n in lengths]

    def padded(batch):
        x = nn.utils.rnn.pad_sequence([x for x, _ in batch], batch_first=True)
        return x, torch.tensor([len(x) for x, _ in batch]), torch.tensor([y for _, y in batch])

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)

        def forward(self, x, length):
            return self.linear(torch.stack([x.sum(1), length.float()], 1))

    run = Training(small.config(model=Net(), train=items, validation=items, collate=padded)).run()
    assert run.predict(items).shape == (30, 1)


def test_a_loader_with_planned_batches_is_trained_on_in_those_batches():
    data = small.Sequences()
    numbers = []

    class Watch(Callback):
        def after_batch(self, training):
            numbers.append(training.batch.items.tolist())

    config = small.sequences_config(data, callbacks=[Watch()], epochs=2)
    Training(config).run()
    planned = [batch.tolist() for epoch in range(2) for batch in config.train.batch_sampler.batches(epoch)]
    assert numbers == planned


def test_a_loader_with_planned_batches_gives_results_in_the_order_of_its_dataset():
    data = small.Sequences(seed=1)
    loader = MultiDataLoader(data, data.lengths, 7)
    run = Training(small.sequences_config(small.Sequences(), validation=loader, epochs=1)).run()
    one_by_one = [run.model(x[None], torch.tensor([len(x)])).item() for x, _ in data]
    np.testing.assert_allclose(run.predict(loader)[:, 0], one_by_one, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(run.validated.labels, [y for _, y in data])
    report = run.item_errors(loader)
    assert list(report["target"]) == [data[i][1] for i in report["item"]]
    assert sorted(report["item"]) == list(range(60))


def test_a_loader_with_planned_batches_resumes_bit_by_bit_without_making_what_was_used(tmp_path):
    whole = small.outcome(Training(small.sequences_config(small.Sequences())).run())
    stop = [small.StopAt(12, small.interrupt)]
    checkpoints = {"folder": tmp_path, "checkpoint_steps": 1}
    with pytest.raises(small.Interrupted):
        Training(small.sequences_config(small.Sequences(), callbacks=stop, **checkpoints)).run()
    data = small.Sequences()
    run = Training(small.sequences_config(data, callbacks=[small.StopAt(0, small.interrupt)], **checkpoints)).run()
    assert small.outcome(run) == whole
    plan = run.config.train.batch_sampler.batches
    # The batch in which it was interrupted came after the last checkpoint, so it is done again.
    assert data.made == [i for batch in [*plan(1)[3:], *plan(2), *plan(3)] for i in batch]


def test_a_loader_with_planned_batches_fetches_them_with_its_own_workers():
    data = small.Sequences()
    alone = Training(small.sequences_config(data, epochs=1)).run()
    loader = MultiDataLoader(data, data.lengths, 8, seed=1, num_workers=1)
    assert batches_of(loader, "training", batch_size=1).workers == 1
    helped = Training(small.sequences_config(data, train=loader, epochs=1)).run()
    assert small.outcome(helped) == small.outcome(alone)


def test_predictions_come_in_the_order_of_the_data_and_without_dropout():
    data = small.tensors(50, seed=3)
    run = Training(small.config(model=small.net(dropout=0.5), epochs=1)).run()
    with torch.no_grad():
        expected = run.model.eval()(data.tensors[0]).numpy()
    for form in (data, Items(data), DataLoader(data, batch_size=7)):
        logits = run.predict(form)
        assert logits.shape == (50, 1)
        np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_item_report_names_each_item_worst_first(classes):
    data = small.tensors(50, classes, seed=3)
    net = small.net(1 if classes == 2 else classes)
    run = Training(small.config(model=net, train=small.tensors(100, classes), validation=None, epochs=1)).run()
    report = run.item_errors(data)
    assert list(report.columns) == ["item", "target", "predicted", "probability", "loss"]
    assert sorted(report["item"]) == list(range(50))
    assert report["loss"].is_monotonic_decreasing
    y = data.tensors[1]
    logits = torch.from_numpy(run.predict(data)).double()
    share = torch.cat([1 - logits.sigmoid(), logits.sigmoid()], 1) if classes == 2 else logits.softmax(1)
    for row in report.itertuples():
        assert row.target == y[row.item]
        assert row.predicted == share[row.item].argmax()
        assert row.probability == pytest.approx(share[row.item, row.target].item())
        assert row.loss == pytest.approx(-np.log(row.probability), rel=1e-4)


def test_a_loss_of_ones_own_decides_what_is_learned():
    x = small.tensors(100).tensors[0]
    y = x @ torch.arange(6.0)[:, None]
    changes = {"train": TensorDataset(x, y), "validation": TensorDataset(x, y), "epochs": 40, "learning_rate": 0.03}
    run = Training(small.config(loss=lambda logits, target: ((logits - target) ** 2)[:, 0], **changes)).run()
    best = run.history[run.best_epoch - 1]["val_loss"]
    assert best < 0.1 * y.var().item()
    assert np.isnan([run.history[-1][name] for name in ("train_accuracy", "val_accuracy", "val_auroc")]).all()
    assert best == pytest.approx(((run.predict(TensorDataset(x, y)) - y.numpy()) ** 2).mean())


def bad(x=None, y=None, n=40) -> TensorDataset:
    """Small data with something changed."""
    data = small.tensors(n)
    return TensorDataset(data.tensors[0] if x is None else x, data.tensors[1] if y is None else y)


def with_nan(row: int) -> torch.Tensor:
    x = small.tensors(40).tensors[0].clone()
    x[row, 2] = torch.nan
    return x


def labels(**changes) -> torch.Tensor:
    y = small.tensors(40).tensors[1].clone()
    y[7] = 5
    return y


FOUR = {"model": small.net(4)}
WRONG_DATA = {
    "empty": ({"train": TensorDataset(torch.zeros(0, 6), torch.zeros(0))}, "training data is empty"),
    "empty validation": ({"validation": []}, "validation data is empty"),
    "no length": ({"train": iter([])}, "has no length"),
    "no batch": ({"train": TensorDataset(torch.zeros(9, 6))}, r"must be \(\*inputs, target\)"),
    "NaN input": ({"train": bad(with_nan(7))}, "Input 0 of item 7 holds NaN"),
    "NaN input to validation": ({"validation": bad(with_nan(7))}, r"item 7 of the validation data.*Input 0 of item 7"),
    "label outside": ({"train": bad(y=labels())}, "the target holds 5; with 1 logit classes are 0 to 1"),
    "class outside": ({"train": bad(y=labels())} | FOUR, "the target holds 5; with 4 logits classes are 0 to 3"),
    "class outside, balanced": ({"train": bad(y=labels()), "class_weights": "balanced"} | FOUR, "the target holds 5"),
    "NaN target": ({"train": bad(y=torch.full((40,), torch.nan))}, "the target holds nan"),
    "float classes": ({"train": bad(y=torch.zeros(40))} | FOUR, "whole numbers.*got float32"),
    "one-hot": ({"train": bad(y=torch.zeros(40, 4))} | FOUR, r"one class a sample.*\(16, 4\)"),
    "sequence": ({"train": bad(y=torch.zeros(40, 3))}, r"one class a sample.*\(16, 3\)"),
    "flat logits": (
        {"model": nn.Sequential(nn.Linear(6, 1), nn.Flatten(0))},
        r"logits of shape \(16, classes\).*\(16,\)",
    ),
    "mean loss": ({"loss": nn.BCELoss()}, 'reduction="none"'),
    "too few weights": ({"class_weights": [1, 2, 3]}, "3 class weights are given, there are 2 classes"),
    "liar": ({"train": _Loader(lambda: iter([next(iter(DataLoader(bad())))]))}, "length is 7 batches, but it gave 1"),
    "all frozen": ({"model": small.net().requires_grad_(False)}, "no weight of the model can move"),
    "unknown column": ({"monitor": "val_aroc"}, "val_aroc.*val_auroc"),
}


@pytest.mark.parametrize("case", WRONG_DATA)
def test_bad_data_stops_with_a_message_that_names_it(case):
    changes, message = WRONG_DATA[case]
    if case == "mean loss":
        changes = {"loss": lambda logits, target: (logits[:, 0] - target).square().mean()}
    with pytest.raises(TrainingError, match=f"(?s){message}"):
        Training(small.config(**{"shuffle": False} | changes)).run()


class Explodes(nn.Module):
    """Gives NaN for some items in a certain call."""

    def __init__(self, call: int):
        super().__init__()
        self.linear, self.calls, self.call = nn.Linear(6, 1), 0, call

    def forward(self, x):
        self.calls += 1
        logits = self.linear(x)
        if self.calls == self.call:
            logits = logits + torch.tensor([torch.nan if i in (2, 5) else 0 for i in range(len(x))])[:, None]
        return logits


def test_a_loss_that_is_no_number_names_epoch_batch_and_items_and_leaves_the_checkpoint(tmp_path):
    net = Explodes(call=10)
    training = Training(small.config(model=net, validation=None, shuffle=False, folder=tmp_path))
    with pytest.raises(TrainingError) as error:
        training.run()
    message = str(error.value)
    assert "epoch 2, batch 3 of 7: items 34, 37 of the training data" in message
    assert "clip_norm" in message
    assert "checkpoint is untouched" in message
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["position"]["epoch"] == 1
    assert all(v.isfinite().all() for v in kept["model"].values())
    assert all(p.isfinite().all() for p in net.parameters())


def test_a_loss_that_is_no_number_is_found_later_where_each_look_would_wait_for_the_device():
    training = Training(small.config(model=Explodes(call=10), validation=None, shuffle=False))
    look = training.check_losses
    training.check_losses = lambda: look() if training.position.batch == 7 else None
    with pytest.raises(TrainingError, match="epoch 2, batch 3 of 7: items 34, 37"):
        training.run()


def test_too_large_steps_are_told_from_bad_data():
    loss = lambda logits, target: (logits[:, 0] - target).square()  # noqa: E731
    changes = {"model": nn.Linear(6, 1), "loss": loss, "validation": None, "optimizer": "sgd", "learning_rate": 1e20}
    with pytest.raises(TrainingError, match=r"weights had grown to .*, so a step before was too large: try a smaller"):
        Training(small.config(**changes)).run()


@pytest.mark.parametrize("outputs", [1, 4])
def test_one_class_only_in_validation_leaves_gaps_in_the_history_and_goes_on(outputs):
    alone = TensorDataset(torch.randn(20, 6), torch.zeros(20, dtype=torch.long))
    run = Training(small.config(model=small.net(outputs), validation=alone)).run()
    assert len(run.history) == 4
    last = run.history[-1]
    assert np.isfinite([last["val_loss"], last["val_accuracy"]]).all()
    assert np.isnan([last[f"val_{name}"] for name in ("auroc", "f1", "balanced_accuracy", "precision")]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adamm"}, "optimizer must be one of adam, adamw, sgd; got 'adamm'"),
        ({"schedule": "linear"}, "schedule must be one of"),
        ({"mixed_precision": "half"}, "mixed_precision must be one of"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"learning_rate": -1}, "learning_rate is out of range"),
        ({"warmup": 1.0}, "warmup is out of range"),
        ({"head": "0"}, "head_epochs"),
        ({"head": "nose", "head_epochs": 1}, "no submodule 'nose'; it has 0, 1"),
        ({"patience": 3, "validation": None}, "no validation data"),
        ({"class_weights": "even"}, "class_weights"),
        ({"class_weights": [0, 0]}, "class_weights"),
        ({"callbacks": [print]}, "callbacks"),
        ({"model": nn.Linear}, "not the class"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        small.config(**changes)


def test_a_device_that_is_not_there_is_named():
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ValueError, match="CUDA devices"):
        Training(small.config(device=missing))


def test_fp16_needs_a_gpu():
    with pytest.raises(ValueError, match="needs a GPU"):
        Training(small.config(device="cpu", mixed_precision="fp16"))


def test_the_smallest_configuration_is_model_and_data():
    config = TrainingConfig(model=small.net(), train=small.tensors(10), epochs=1, show="off")
    history = Training(config).run().history
    assert list(history[0]) == [
        "epoch", "learning_rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_balanced_accuracy",
        "val_auroc", "val_f1", "val_threshold", "val_precision", "val_recall", "examples_per_second", "phase",
    ]  # fmt: skip


def test_weights_that_are_no_numbers_are_never_stored(tmp_path):
    class Spoils(Callback):
        def after_step(self, training):
            if training.position.step == 14:  # the last of the second epoch: no loss will show it
                training.parameters[0].data[0] = torch.nan

    with pytest.raises(TrainingError, match="a weight is no longer a finite number after epoch 2, step 14"):
        Training(small.config(validation=None, folder=tmp_path, callbacks=[Spoils()])).run()
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["position"]["epoch"] == 1
    assert all(v.isfinite().all() for v in kept["model"].values())
