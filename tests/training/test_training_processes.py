"""Two processes do what one does: the same weights and metrics, each sample counted once, one of them talking."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes told, and what they printed."""
    folder = tmp_path_factory.mktemp("two")
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run([*launch, small.__file__, "train", str(folder)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "told.json").read_text()), done.stdout, folder


@pytest.mark.parametrize("name", small.SHARED)
def test_two_processes_train_as_one_does(name, two):
    together, alone = two[0][name], small.shared(name, show="off")
    assert (together["processes"], alone["processes"]) == (2, 1)
    for key, weights in alone["weights"].items():
        np.testing.assert_allclose(together["weights"][key], weights, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(together["logits"], alone["logits"], rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(alone["history"], together["history"], strict=True):
        assert ours.keys() == theirs.keys()
        numbers = [k for k in ours if k != "phase"]
        np.testing.assert_allclose([float(theirs[k]) for k in numbers], [float(ours[k]) for k in numbers], rtol=1e-4)


def test_two_processes_report_each_sample_once_and_in_the_order_of_the_data(two):
    for name in small.SHARED:
        assert two[0][name]["items"] == list(range(33))
        assert len(two[0][name]["logits"]) == 33


def test_two_processes_resume_bit_by_bit(two):
    assert two[0]["resumed"] == two[0]["accumulated"]


def test_only_the_main_process_prints_and_writes(two):
    _, printed, folder = two
    assert [line.split()[1] for line in printed.splitlines()] == ["1/3", "2/3", "3/3"]
    assert [p.name for p in (folder / "checkpoints").iterdir()] == ["checkpoint.pt"]
