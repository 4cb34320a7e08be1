"""Everything again from nothing, in a folder of its own, as often interrupted as may be."""

import json
import os
import signal
import time

import pytest

from lib.publish.project import PublishError
from lib.publish.reproduce import duration, judged, prepare, reproduce
from lib.publish.runs import read_runs
from tests.publish import toy

pytestmark = pytest.mark.slow


def command(root, *words):
    return toy.python(root, "lib", *words)


def done(root, *words) -> str:
    process = command(root, *words)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    return out


def test_a_reproduction_killed_three_times_goes_on_and_gives_the_same(tmp_path):
    root, into = tmp_path / "repository", tmp_path / "again"
    page = toy.make(root, pause=0.4)
    done(root, "sweep", str(page), "--jobs", "2")
    done(root, "run", str(page))
    before = page.read_bytes()
    words = ("reproduce", str(page), "--into", str(into), "--jobs", "1")
    file, seen = into / "data" / "results" / "sweeps" / "toy.jsonl", [0]
    for _ in range(3):
        process = command(root, *words)
        while process.poll() is None and len(read_runs(file)) <= seen[-1]:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        seen.append(len(read_runs(file)))
    assert seen == sorted(set(seen)), "each call went on where the one before was killed"
    out = done(root, *words)
    assert out.startswith("To do: 1 pages")
    assert "8 runs of sweeps" in out
    line = next(line for line in out.splitlines() if line.startswith("toy "))
    assert line.split()[:7] == ["toy", "1", "0", "0", "8", "of", "8"]
    assert page.read_bytes() == before, "nothing outside the folder changed"
    assert "8 of 8" in done(root, *words), "what is finished is only compared"


def test_a_folder_with_other_things_or_of_other_code_is_left_alone(tmp_path):
    root, into = tmp_path / "repository", tmp_path / "again"
    page = toy.make(root)
    into.mkdir()
    (into / "thesis.txt").write_text("five years of work")
    with pytest.raises(PublishError, match="holds something else"):
        reproduce([page], into, root, say=lambda line: None)
    assert (into / "thesis.txt").read_text() == "five years of work"
    (into / "thesis.txt").unlink()
    prepare([page], into, root)
    (root / "lib" / "toy.py").write_text(toy.TOOL.replace("float(x)", "1 + float(x)"))
    with pytest.raises(PublishError, match="other code"):
        prepare([page], into, root)


def test_figures_are_equal_inside_the_interval_or_different():
    def entry(value, low=None, high=None):
        return {"value": value, "low": low, "high": high}

    old = {"a": entry(1.0), "b": entry(2.0, 1.5, 2.5), "c": entry(3.0, 2.9, 3.1), "gone": entry(1.0), "d": entry(1.0)}
    new = {"a": entry(1.0), "b": entry(2.2, 1.7, 2.7), "c": entry(3.2, 3.1, 3.3), "come": entry(1.0), "d": entry(2.0)}
    assert judged(old, new) == {
        "equal": ["a"],
        "within the interval": ["b"],
        "different": ["c", "come", "d", "gone"],
    }


def test_a_duration_is_said_in_words():
    assert [duration(s) for s in (12, 3300, 27600)] == ["12 s", "55 min", "7 h 40 min"]


def test_a_sweep_file_cut_in_the_middle_is_told_and_left_alone(tmp_path):
    root = tmp_path / "repository"
    page = toy.make(root)
    done(root, "sweep", str(page))
    file = root / "data" / "results" / "sweeps" / "toy.jsonl"
    lines = file.read_text().splitlines(True)
    file.write_text("".join([*lines[:2], lines[2][:20] + "\n", *lines[3:]]))
    before = file.read_bytes()
    for words in (("sweep", str(page)), ("status",)):
        process = command(root, *words)
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 1
        assert "toy.jsonl: line 3 of 8 is no stored run" in out
        assert "Traceback" not in out
    assert file.read_bytes() == before
    notebook = json.loads(page.read_text())
    notebook["metadata"]["provenance"] = {"key": 7}
    page.write_text(json.dumps(notebook))
    process = command(root, "status")
    assert "its provenance stamp can't be read" in process.communicate(timeout=100)[0]
