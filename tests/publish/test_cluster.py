"""A sweep on a cluster gives what it gives on one machine, also when a worker dies."""

import os
import re
import signal
import subprocess
import time

import pytest

from lib.publish.runs import differences, read_runs
from tests.publish import toy
from tests.publish.test_reproduce import command, done

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


def started(root, *words: str) -> subprocess.Popen:
    """A scheduler or a worker, whose log is read from `stdout`."""
    return toy.python(root, f"distributed.cli.dask_{words[0]}", *words[1:])


@pytest.fixture
def cluster(tmp_path):
    """A repository, the address of a scheduler, and a function that starts a worker there."""
    root = tmp_path / "repository"
    page = toy.make(root, pause=0.5)
    scheduler = started(root, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    processes = [scheduler]
    address = next(m[1] for line in scheduler.stdout if (m := re.search(r"Scheduler at:\s+(tcp://\S+)", line)))

    def worker(folder=root):
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60")
        processes.append(started(folder, "worker", address, *options))
        return processes[-1]

    yield root, page, address, worker
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_sweep_on_two_workers_one_of_which_is_killed_equals_the_local_one(cluster, tmp_path):
    root, page, address, worker = cluster
    file = root / "data" / "results" / "sweeps" / "toy.jsonl"
    done(root, "sweep", str(page), "--jobs", "1")
    local = {str(r["setting"]): r["result"] for r in read_runs(file)}
    file.unlink()
    worker()
    victim = worker()
    process = command(root, "sweep", str(page), "--cluster", address)
    while process.poll() is None and len(read_runs(file)) < 2:
        time.sleep(0.05)
    os.killpg(victim.pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    there = {str(r["setting"]): r["result"] for r in read_runs(file)}
    assert set(there) == set(local)
    assert not any(differences(local[s], there[s]) for s in local)


def test_a_worker_with_other_code_is_refused_and_nothing_is_overwritten(cluster, tmp_path):
    root, page, address, worker = cluster
    file = root / "data" / "results" / "sweeps" / "toy.jsonl"
    other = tmp_path / "other"
    toy.make(other)
    tool = other / "lib" / "toy.py"
    tool.write_text(tool.read_text().replace("float(x)", "2 * float(x)"))
    worker(other)
    process = command(root, "sweep", str(page), "--cluster", address)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1, out
    assert "has other code of lib; update its copy" in out
    assert read_runs(file) == []


def test_an_address_where_no_scheduler_answers_is_told(tmp_path):
    root = tmp_path / "repository"
    page = toy.make(root)
    process = command(root, "sweep", str(page), "--cluster", "tcp://127.0.0.1:9")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in out
    assert "Traceback" not in out
