"""The loop: gradients, phases, modes, callbacks, early stopping."""

import numpy as np
import pytest
import small
import torch
import torch.nn.functional as F
from torch import nn

from lib.training import Callback, Training


class Gradients(Callback):
    """Keeps a copy of the gradients of each step, as the optimiser sees them."""

    def before_run(self, training):
        self.steps = []

    def before_step(self, training):
        self.steps.append([p.grad.clone() for p in training.parameters])

    def norms(self):
        return [torch.cat([g.flatten() for g in step]).norm().item() for step in self.steps]


def standing_still(parameters):
    """An optimiser that leaves the weights where they are."""
    return torch.optim.SGD(parameters, lr=0.0)


@pytest.mark.parametrize("weights", [None, "given"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(("accumulate_to", "groups"), [(48, [48, 48, 4]), (40, [48, 48, 4]), (1000, [100]), (None, 7)])
def test_accumulated_gradients_equal_those_of_the_mean_over_all_samples_gathered(
    accumulate_to, groups, classes, weights
):
    data, net = small.tensors(100, classes), small.net(1 if classes == 2 else classes)
    class_weights = None if weights is None else [1.0, 3.0, 0.5, 0.1][:classes]
    seen = Gradients()
    changes = {"model": net, "train": data, "validation": None, "shuffle": False, "optimizer": standing_still}
    changes |= {"accumulate_to": accumulate_to, "class_weights": class_weights, "callbacks": [seen], "epochs": 1}
    Training(small.config(**changes)).run()

    groups = [16] * 6 + [4] if groups == 7 else groups
    assert len(seen.steps) == len(groups)
    x, y = data.tensors
    for step, rows in zip(seen.steps, torch.arange(100).split(groups), strict=True):
        net.zero_grad()
        weight = None if weights is None else torch.tensor(class_weights)
        if classes == 2:
            each = None if weights is None else weight[y[rows], None]
            loss = F.binary_cross_entropy_with_logits(net(x[rows]), y[rows, None].float(), each, reduction="sum")
            loss = loss / (len(rows) if weights is None else each.sum())
        else:
            loss = F.cross_entropy(net(x[rows]), y[rows], weight)
        loss.backward()
        for got, p in zip(step, net.parameters(), strict=True):
            torch.testing.assert_close(got, p.grad, rtol=1e-5, atol=1e-7)


def test_balanced_weights_give_both_classes_the_same_say():
    data = small.tensors(100)
    y = data.tensors[1].float()
    share = y.mean().item()
    assert not 0.45 < share < 0.55
    weights = [1 / (2 * (1 - share)), 1 / (2 * share)]
    runs = [Training(small.config(class_weights=w)).run() for w in ("balanced", weights)]
    np.testing.assert_allclose(runs[0].table()["train_loss"], runs[1].table()["train_loss"], rtol=1e-5)


def test_clipping_bounds_the_norm_of_each_step():
    free, bounded = Gradients(), Gradients()
    Training(small.config(callbacks=[free])).run()
    Training(small.config(callbacks=[bounded], clip_norm=0.05)).run()
    assert max(free.norms()) > 0.1
    assert max(bounded.norms()) <= 0.05 * (1 + 1e-5)


class Modes(nn.Module):
    """Remembers the mode it was run in."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append((self.training, torch.is_grad_enabled()))
        return x


def test_train_and_eval_mode_reach_the_children():
    inner = Modes()
    net = nn.Sequential(nn.Sequential(inner), nn.Linear(small.FEATURES, 1))
    run = Training(small.config(model=net, epochs=2)).run()
    once = [(True, True)] * 7 + [(False, False)] * 3
    assert inner.seen == once * 2
    assert not any(m.training for m in run.model.modules())


class Watch(Callback):
    """Copies of the weights and buffers after each epoch, and the modes within."""

    def before_run(self, training):
        self.states, self.modes = [self.copy(training)], []

    def copy(self, training):
        return {k: v.clone() for k, v in training.model.state_dict().items()}

    def after_batch(self, training):
        self.modes.append({name: m.training for name, m in training.model.named_modules()})

    def after_epoch(self, training):
        self.states.append(self.copy(training))


def test_the_head_is_trained_alone_first_and_then_everything():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(small.FEATURES, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
    net = nn.Sequential()
    net.add_module("body", body)
    net.add_module("head", nn.Linear(8, 1))
    watch = Watch()
    run = Training(
        small.config(model=net, head="head", head_epochs=2, epochs=2, callbacks=[watch], weight_decay=0.1)
    ).run()
    assert [row["phase"] for row in run.history] == ["head", "head", "full", "full"]
    start, *_, after_head, after_one, _ = watch.states
    for key in start:
        same = torch.equal(start[key], after_head[key])
        assert same == key.startswith("body"), key
        assert not torch.equal(after_head[key], after_one[key]), key
    assert not any(on for modes in watch.modes[:14] for name, on in modes.items() if name.startswith("body"))
    assert all(modes["head"] for modes in watch.modes)
    assert all(on for modes in watch.modes[14:] for on in modes.values())
    assert all(p.requires_grad for p in net.parameters())


def test_the_head_phase_can_have_a_learning_rate_of_its_own():
    settings = {"head": "5", "head_epochs": 1, "epochs": 1, "learning_rate": 1e-4, "schedule": "constant"}
    run = Training(small.config(head_learning_rate=1e-2, **settings)).run()
    assert [row["learning_rate"] for row in run.history] == [1e-2, 1e-4]
    run = Training(small.config(**settings)).run()
    assert [row["learning_rate"] for row in run.history] == [1e-4, 1e-4]


def test_what_the_user_froze_stays_frozen():
    net = small.net()
    net[0].requires_grad_(False)
    before = net[0].weight.clone(), net[3].weight.clone()
    Training(small.config(model=net, head="5", head_epochs=1)).run()
    assert torch.equal(net[0].weight, before[0])
    assert not torch.equal(net[3].weight, before[1])
    assert [p.requires_grad for p in net.parameters()] == [False, False, True, True, True, True]


class Script(Callback):
    """Writes given values into a column of the history."""

    def __init__(self, column, values):
        self.column, self.values = column, values

    def after_epoch(self, training):
        training.row[self.column] = self.values[training.row["epoch"] - 1]


@pytest.mark.parametrize(
    ("monitor", "values", "best", "epochs"),
    [
        ("val_loss", [5.0, 3.0, 4.0, 2.0, 2.0, 9.0, 9.0, 1.0], 4, 7),
        ("val_auroc", [0.1, 0.5, 0.4, float("nan"), 0.2, 0.9, 0.9, 0.9], 2, 5),
        ("mine", [1, 2, 3, 4, 5, 6, 7, 8], 8, 8),
        ("my_loss", [1, 2, 3, 4, 5, 6, 7, 8], 1, 4),
    ],
)
def test_early_stopping_ends_after_patience_and_restores_the_best_weights(monitor, values, best, epochs):
    watch = Watch()
    changes = {"epochs": 8, "monitor": monitor, "patience": 3, "callbacks": [Script(monitor, values), watch]}
    run = Training(small.config(**changes)).run()
    assert (run.best_epoch, len(run.history)) == (best, epochs)
    for key, value in run.model.state_dict().items():
        assert torch.equal(value, watch.states[best][key])
    watch = Watch()
    run = Training(
        small.config(**changes | {"callbacks": [Script(monitor, values), watch], "restore_best": False})
    ).run()
    assert torch.equal(run.model[0].weight, watch.states[-1]["0.weight"])
    assert run.best_epoch == best


def test_without_a_value_to_watch_the_last_weights_stay():
    run = Training(small.config(validation=None)).run()
    assert run.best_epoch == 4
    assert np.isnan(run.history[-1]["val_loss"])
    run = Training(small.config(callbacks=[Script("val_loss", [float("nan")] * 4)])).run()
    assert run.best_epoch == 4


def test_a_head_phase_without_progress_gives_way_to_fine_tuning():
    script = Script("val_loss", [1.0, 2.0, 2.0, 2.0, 0.5, 0.4])
    run = Training(small.config(head="5", head_epochs=5, epochs=3, patience=2, callbacks=[script])).run()
    assert [row["phase"] for row in run.history] == ["head"] * 3 + ["full"] * 3


class Recorder(Callback):
    """Writes down which event came, under a name."""

    def __init__(self, name, log):
        self.name, self.log = name, log


def _record(event):
    return lambda self, training: self.log.append(f"{self.name} {event}")


for _event in [e for e in vars(Callback) if e.startswith(("before_", "after_", "cleanup_"))]:
    setattr(Recorder, _event, _record(_event))


def test_callbacks_are_called_in_the_documented_order():
    log = []
    changes = {"train": small.tensors(40), "accumulate_to": 32, "epochs": 1, "callbacks": [Recorder("a", log)]}
    Training(small.config(**changes)).run()
    batch, step = ["before_batch", "after_batch"], ["before_step", "after_step"]
    assert [line.removeprefix("a ") for line in log] == [
        "before_run", "before_phase", "before_epoch",
        *batch, batch[0], *step, batch[1], batch[0], *step, batch[1],
        "after_epoch", "after_phase", "after_run", "cleanup_run",
    ]  # fmt: skip


def test_callbacks_are_called_in_the_order_of_the_list(tmp_path):
    log = []
    own = [Recorder("a", log), Recorder("b", log)]
    run = Training(small.config(epochs=1, clip_norm=1.0, folder=tmp_path, show="lines", callbacks=own))
    names = [type(c).__name__ for c in run.callbacks]
    assert names == ["Schedule", "ClipGradients", "Recorder", "Recorder", "BestWeights", "Checkpoint", "Lines"]
    run.run()
    assert [line[0] for line in log] == ["a", "b"] * (len(log) // 2)


def test_cleaning_up_happens_after_an_error_too():
    log, net = [], small.net()
    with pytest.raises(small.Interrupted):
        Training(
            small.config(
                model=net, head="5", head_epochs=1, callbacks=[Recorder("a", log), small.StopAt(3, small.interrupt)]
            )
        ).run()
    assert log[-1] == "a cleanup_run"
    assert all(p.requires_grad for p in net.parameters())
    assert not net.training


def test_a_callback_can_end_the_training():
    class Enough(Callback):
        def after_epoch(self, training):
            training.stop = training.row["epoch"] == 2

    assert len(Training(small.config(callbacks=[Enough()])).run().history) == 2


class Orders(Callback):
    """The items of each batch."""

    def before_run(self, training):
        self.items = []

    def after_batch(self, training):
        self.items.append(training.batch.items.tolist())


def test_the_seed_alone_decides_the_order_the_dropout_and_the_noise():
    outcomes, orders = [], []
    for seed in (3, 3, 4):
        torch.rand(seed)  # the generators' state before the run doesn't matter
        order = Orders()
        net = small.net(dropout=0.3)
        run = Training(small.config("batches", model=net, seed=seed, callbacks=[order])).run()
        outcomes.append(small.outcome(run))
        orders.append(order.items)
    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert orders[0] == orders[1] != orders[2]
    epochs = [[item for batch in orders[0][i : i + 7] for item in batch] for i in range(0, 42, 7)]
    assert all(sorted(items) == list(range(100)) for items in epochs)
    assert len({tuple(items) for items in epochs}) == 6


def test_the_number_of_workers_doesnt_change_what_comes_out():
    runs = [Training(small.config("workers", workers=n, epochs=1, head=None, head_epochs=0)).run() for n in (1, 2)]
    assert small.outcome(runs[0]) == small.outcome(runs[1])


def test_the_training_columns_can_be_measured_after_the_epoch():
    data = small.tensors(100)
    run = Training(small.config(train=data, validation=data, evaluate_train=True, model=small.net(dropout=0.5))).run()
    for row in run.history:
        assert (row["train_loss"], row["train_accuracy"]) == (row["val_loss"], row["val_accuracy"])


def test_half_precision_trains_and_leaves_no_trace_in_the_model():
    net = small.net()
    run = Training(small.config(model=net, mixed_precision="bf16")).run()
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"]
    assert "forward" not in vars(net)
    assert net(small.tensors(3).tensors[0]).dtype == torch.float32
    full = Training(small.config()).run()  # another precision in the same process
    assert full.history[0]["train_loss"] != run.history[0]["train_loss"]
    np.testing.assert_allclose(full.history[0]["train_loss"], run.history[0]["train_loss"], rtol=0.02)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)])
def test_a_small_problem_is_learned(optimizer):
    changes = {"optimizer": optimizer, "learning_rate": 0.02 if optimizer != "sgd" else 0.5, "epochs": 30}
    run = Training(small.config(**changes)).run()
    assert run.history[-1]["train_loss"] < 0.8 * run.history[0]["train_loss"]
    assert max(row["val_auroc"] for row in run.history) > 0.85


def test_a_prediction_in_the_middle_of_an_epoch_changes_nothing():
    class Predicts(Callback):
        def after_batch(self, training):
            training.predict(small.tensors(5))

    with_it = Training(small.config(model=small.net(dropout=0.5), callbacks=[Predicts()])).run()
    without = Training(small.config(model=small.net(dropout=0.5))).run()
    assert small.outcome(with_it) == small.outcome(without)
