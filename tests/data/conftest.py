"""Every test of the data room has its own empty cache and names no folder of the user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from misbehaving_server import Server

from lib.data import registry

REPOSITORY = Path(__file__).resolve().parents[2]


def _real_data():
    named = os.environ.get("NOTES_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return folder if folder.is_dir() else None


REAL_DATA = _real_data()  # before the variable is taken away below


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, named by NOTES_CACHE."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NOTES_CACHE", str(folder))
    monkeypatch.delenv("NOTES_DATA", raising=False)
    monkeypatch.delenv("NOTES_DATA_LOG", raising=False)
    return folder


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def real_data():
    if REAL_DATA is None:
        pytest.skip("the real data sets are not on this machine (NOTES_DATA)")
    return REAL_DATA


ENTRY = """
[{key}]
title = "A set"
authors = "A. Author"
year = 2020
published = "Somewhere"
page = "https://example.org/set"
licence = "CC BY 4.0"
licence_url = "https://creativecommons.org/licenses/by/4.0/"
expect = {expect}
{more}
"""


@pytest.fixture
def register(tmp_path, monkeypatch):
    """Put a registry with one entry in place of the project's; returns its file."""

    def register(key="toy", expect='{ "a.txt" = 1 }', more=""):
        number = len(list(tmp_path.glob("registry-*.toml")))
        path = tmp_path / f"registry-{number}.toml"
        path.write_text(ENTRY.format(key=key, expect=expect, more=more))
        monkeypatch.setattr(registry, "REGISTRY", path)
        return path

    return register


@pytest.fixture
def tiny_disk(tmp_path):
    """Mounts an empty file system of so many kB, where the machine lets one be mounted; a test may ask for one."""
    mounted = []

    def mount(kilobytes):
        folder = tmp_path / "tiny"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            done = False
        if not done:
            pytest.skip("this account may not mount a small file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def python():
    """Start a Python process that runs `code`; it is killed at the end if it still runs."""
    started = []

    def start(code, *arguments, **settings):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            **settings,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
