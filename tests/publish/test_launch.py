"""A training of each page runs in several processes, as it would on several GPUs or machines."""

import json
import os
import subprocess
import sys

import pytest

from lib.publish import launch
from lib.publish.project import ROOT, notebooks, slug

pytestmark = pytest.mark.slow

SETTINGS = {
    "ecg_lstm": '"part": "network"',
    "emotional_speech_detection": '"model": "conv_transformer"',
    "inertial_signals": '"part": "windows"',
    "music_genre_affect": '"part": "lstm"',
    "resnet_from_scratch": '"part": "network"',
    "respiratory_sounds": '"network": "SimpleCNN"',
    "speaker_sex": '"part": "network"',
}
PAGES = {slug(path): path for path in notebooks()}


@pytest.mark.parametrize("page", SETTINGS)
def test_a_training_of_the_page_runs_in_two_processes(page, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words = [str(PAGES[page]), SETTINGS[page], "--epochs", "1", "--stand-in", "--into", str(tmp_path / "result.json")]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NOTES_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    environment.pop("NOTES_DATA", None)
    command = [*torchrun, "-m", "lib.publish.launch", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("in 2 processes") == 1, "only the main process tells"
    made = json.loads((tmp_path / "result.json").read_text())
    assert made["processes"] == 2
    assert SETTINGS[page] in json.dumps(made["setting"], sort_keys=True)
    assert made["result"]


def test_a_page_without_a_sweep_or_such_a_setting_is_told(capsys):
    assert launch.main([str(PAGES["heart_disease"])]) == 1
    assert "no training to launch" in capsys.readouterr().err
    assert launch.main([str(PAGES["ecg_lstm"]), "no such thing"]) == 1
    assert "no setting holds 'no such thing'; the first of" in capsys.readouterr().err
