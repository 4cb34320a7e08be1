"""The command line answers briefly and with the right exit status."""

import subprocess
import sys

import pytest

from lib.publish.project import ROOT


def call(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "lib", *words], cwd=ROOT, capture_output=True, text=True)


def test_help_names_every_command():
    done = call("--help")
    assert done.returncode == 0
    for command in ("data", "run", "status", "numbers", "pictures", "site", "preview"):
        assert command in done.stdout


def test_the_data_commands_have_their_own_help():
    done = call("data", "--help")
    assert done.returncode == 0
    assert "fetch" in done.stdout


def test_a_missing_notebook_is_a_sentence_not_a_traceback():
    done = call("run", "projects/no_such.ipynb")
    assert done.returncode == 1
    assert "there is no such notebook" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [(), ("sing",), ("run", "x.ipynb", "--scale", "huge")])
def test_a_wrong_call_shows_the_usage(words):
    done = call(*words)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_the_sites_own_pictures_are_as_the_code_draws_them(tmp_path):
    from lib.publish.pictures import PICTURES, draw_all

    draw_all(tmp_path)
    for name in PICTURES:
        assert (ROOT / name).read_text() == (tmp_path / name).read_text(), "run `python -m lib pictures`"


def test_importing_the_package_or_its_command_line_loads_nothing_heavy():
    code = "import sys, lib, lib.publish.cli, lib.data; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "numpy", "pandas", "matplotlib", "requests", "nbformat", "smalldocs"} & set(loaded)
