"""A run that was interrupted and went on gives what it would have given, bit by bit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import small
import torch
from torch import nn
from torch.utils.data import DataLoader

from lib.batching import MultiDataLoader
from lib.training import Training, TrainingError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def uninterrupted():
    """What each case gives in one go, without any checkpoint."""
    return {
        case: small.outcome(Training(small.config(case, callbacks=[small.StopAt(0, small.interrupt)])).run())
        for case in small.CASES
    }


# Batches an epoch: 7; two epochs of the head, then four of everything.
HEAD, NEW, FULL = 12, 15, 33
TRIED = [(case, at) for case in small.CASES for at in (HEAD, NEW, FULL) if at == FULL or case != "workers"]


@pytest.mark.parametrize(("case", "at"), TRIED)
def test_a_resumed_run_equals_an_uninterrupted_one(case, at, tmp_path, uninterrupted):
    with pytest.raises(small.Interrupted):
        Training(small.resumable(case, tmp_path, at, small.interrupt)).run()
    torch.rand(5)  # whatever the generators did in between
    run = Training(small.resumable(case, tmp_path)).run()
    assert small.outcome(run) == uninterrupted[case]


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_an_epoch_goes_on_as_if_it_had_not_been(tmp_path, uninterrupted):
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, small.__file__, "kill", str(tmp_path)], env=env, check=True)
    for case in small.KILLED:
        state = torch.load(tmp_path / case / "checkpoint.pt", weights_only=True)
        assert 0 < state["position"]["batch"] < 7
        assert small.outcome(Training(small.resumable(case, tmp_path / case)).run()) == uninterrupted[case]


def test_a_finished_run_is_not_trained_again(tmp_path, uninterrupted):
    Training(small.resumable("batches", tmp_path)).run()
    before = (tmp_path / "checkpoint.pt").read_bytes()
    run = Training(small.resumable("batches", tmp_path, 1, small.interrupt)).run()
    assert small.outcome(run) == uninterrupted["batches"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_checkpoint_of_another_configuration_is_refused_and_the_difference_named(tmp_path):
    Training(small.config(folder=tmp_path, epochs=1)).run()
    for changes, named in [
        ({"learning_rate": 0.5}, "learning_rate: 0.01 there, 0.5 now"),
        ({"train": small.tensors(100, seed=9)}, "train: "),
        ({"model": nn.Linear(small.FEATURES, 1)}, "model: "),
        ({"seed": 5}, "seed: 0 there, 5 now"),
        ({"class_weights": [1, 2]}, "class_weights: None there, [1.0, 2.0] now"),
        ({"train": DataLoader(small.tensors(100), batch_size=16)}, "train: "),
        ({"callbacks": [small.StopAt(0, small.interrupt)]}, "callbacks:  there, StopAt now"),
    ]:
        with pytest.raises(TrainingError, match="another configuration") as error:
            Training(small.config(**{"folder": tmp_path, "epochs": 1} | changes)).run()
        assert named in str(error.value)


class Labelled(torch.utils.data.Dataset):
    """Ten points with known targets, of lengths that differ."""

    def __init__(self, targets):
        self.targets = torch.tensor(targets)
        self.lengths = list(range(1, 11))

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return torch.ones(self.lengths[i], small.FEATURES), self.targets[i]


def test_other_recordings_of_the_same_number_are_not_taken_for_those_of_the_checkpoint(tmp_path):
    class Mean(nn.Linear):
        def forward(self, x, lengths):
            return super().forward(x.sum(1) / lengths[:, None])

    def run(targets, **sampling):
        data = Labelled(targets)
        loader = MultiDataLoader(data, data.lengths, **{"batch_size": 4, "seed": 0} | sampling)
        settings = {"validation": None, "monitor": "train_loss", "epochs": 1, "folder": tmp_path}
        return Training(small.config(model=Mean(small.FEATURES, 1), train=loader, **settings)).run()

    one, other = [0, 1] * 5, [1, 0] * 5
    run(one)
    run(one)
    for changed in [{"targets": other}, {"targets": one, "seed": 1}, {"targets": one, "shuffle": False}]:
        with pytest.raises(TrainingError, match="another configuration") as error:
            run(**changed)
        assert "train: MultiDataLoader of" in str(error.value)


def test_how_it_is_shown_and_how_often_it_is_stored_is_no_other_configuration(tmp_path, capsys):
    Training(small.config(folder=tmp_path, epochs=1)).run()
    Training(small.config(folder=tmp_path, epochs=1, show="lines", checkpoint_every=3, checkpoint_steps=1)).run()


def test_a_spoiled_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match="can't be read: delete it"):
        Training(small.config(folder=tmp_path, epochs=1)).run()


def test_an_interruption_while_writing_leaves_the_former_checkpoint(tmp_path, monkeypatch):
    Training(small.config(folder=tmp_path, epochs=1)).run()
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def half_written(state, stream):
        stream.write(b"half")
        raise KeyboardInterrupt

    training = Training(small.config(folder=tmp_path, epochs=1))
    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(KeyboardInterrupt):
        training.run().checkpoint.save(training)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Training(small.config(epochs=1)).run()
    assert list(tmp_path.iterdir()) == []


def test_a_training_runs_once(tmp_path):
    run = Training(small.config(epochs=1)).run()
    with pytest.raises(TrainingError, match="has run"):
        run.run()
