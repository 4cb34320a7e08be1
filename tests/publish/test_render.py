"""The site is rendered by what is there, and the command says which."""

import contextlib
import os
import re
import socket
import stat
import subprocess
import sys
import time
import urllib.request

import pytest

from lib.publish.project import ROOT, PublishError
from lib.publish.render import quarto, render, renderer


@pytest.fixture
def fake_quarto(tmp_path, monkeypatch):
    """A `quarto` on the PATH that prints what it is told to."""

    def install(script: str) -> None:
        program = tmp_path / "quarto"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("NOTES_RENDERER", raising=False)

    return install


def test_quarto_is_preferred_where_it_is_installed(fake_quarto):
    fake_quarto("exit 0")
    assert renderer() == "quarto"


def test_a_variable_chooses_the_renderer(fake_quarto, monkeypatch):
    fake_quarto("exit 0")
    monkeypatch.setenv("NOTES_RENDERER", "smalldocs")
    assert renderer() == "smalldocs"
    monkeypatch.setenv("NOTES_RENDERER", "word")
    with pytest.raises(PublishError, match="quarto or smalldocs"):
        renderer()


def test_a_warning_of_quarto_is_a_fault(fake_quarto, tmp_path, capsys):
    fake_quarto("echo 'WARN: Unable to resolve link target: x.qmd' >&2")
    assert render(tmp_path) == ["WARN: Unable to resolve link target: x.qmd"]
    assert "Rendering with Quarto" in capsys.readouterr().out


def test_a_coloured_warning_of_quarto_is_a_fault_as_well(fake_quarto, tmp_path):
    fake_quarto(r"printf '\033[33mWARN: Unable to resolve link target: x.qmd\033[39m\n' >&2")
    assert render(tmp_path) == ["WARN: Unable to resolve link target: x.qmd"]


def test_quarto_is_asked_for_words_without_colour(fake_quarto, tmp_path):
    fake_quarto('echo "WARN: colours off: $NO_COLOR"')
    assert render(tmp_path) == ["WARN: colours off: 1"]


def test_the_quarto_of_the_environment_comes_before_the_one_on_the_path(fake_quarto, tmp_path, monkeypatch):
    fake_quarto("exit 1")
    own = tmp_path / "venv" / "bin"
    own.mkdir(parents=True)
    (own / "quarto").write_text("#!/bin/sh\nexit 0\n")
    (own / "quarto").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(own / "python"))
    assert quarto() == str(own / "quarto")
    assert render(tmp_path) == []


def test_make_quarto_installs_the_series_that_publishes():
    published = re.search(r"version: (\d+\.\d+)\.\d+", (ROOT / ".github/workflows/publish.yml").read_text())[1]
    assert f"quarto-cli=={published}.*" in (ROOT / "Makefile").read_text()


def test_a_failure_of_quarto_shows_what_it_said(fake_quarto, tmp_path):
    fake_quarto("echo 'ERROR: bad yaml' >&2; exit 1")
    with pytest.raises(PublishError, match="bad yaml"):
        render(tmp_path)


def test_the_fallback_says_which_program_it_used_and_where_the_site_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NOTES_RENDERER", "smalldocs")
    (tmp_path / "_quarto.yml").write_text("project:\n  type: website\nwebsite:\n  title: T\n")
    (tmp_path / "index.qmd").write_text("---\ntitle: Hello\n---\n\nSee [nowhere](gone.qmd).\n")
    assert render(tmp_path) == ["index.qmd: broken link gone.qmd"]
    said = capsys.readouterr().out
    assert "smalldocs" in said
    assert str(tmp_path / "_site") in said


def test_broken_options_are_told_in_one_sentence(tmp_path):
    (tmp_path / "_quarto.yml").write_text("website: [unclosed\n")
    env = {**os.environ, "NOTES_RENDERER": "smalldocs"}
    code = f"from lib.publish.render import render; from pathlib import Path; render(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert "PublishError" in done.stderr
    assert "_quarto.yml" in done.stderr


@pytest.mark.slow
def test_the_preview_renders_again_when_a_page_changes(tmp_path, monkeypatch):
    (tmp_path / "_quarto.yml").write_text("project:\n  type: website\nwebsite:\n  title: T\n")
    page = tmp_path / "index.qmd"
    page.write_text("---\ntitle: Hello\n---\n\nbefore\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from lib.publish.render import preview; from pathlib import Path; preview(Path({str(tmp_path)!r}), {port})"
    env = {**os.environ, "NOTES_RENDERER": "smalldocs"}
    server = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    try:
        wait_for_words(port, "before")
        page.write_text("---\ntitle: Hello\n---\n\nafter\n")
        wait_for_words(port, "after")
    finally:
        server.terminate()
        server.wait(10)


def wait_for_words(port: int, words: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            if words in answer.read().decode():
                return
        time.sleep(0.1)
    pytest.fail(f"the preview never showed {words!r}")


def test_an_unchanged_tree_is_not_rendered_again_and_any_change_is(fake_site):
    root, render_again = fake_site
    assert "Rendering" in render_again()
    assert "Nothing changed" in render_again()
    (root / "index.qmd").write_text("---\ntitle: Home\n---\n\nOther words.\n")
    assert "Rendering" in render_again()
    (root / "_site" / "index.html").unlink()
    assert "Rendering" in render_again()
    assert (root / "_site" / "index.html").is_file()


@pytest.fixture
def fake_site(tmp_path, monkeypatch, capsys):
    """A site of one page, and a function that renders it and returns what was said."""
    monkeypatch.setenv("NOTES_RENDERER", "smalldocs")
    (tmp_path / "_quarto.yml").write_text("project:\n  type: website\nwebsite:\n  title: Notes\n")
    (tmp_path / "index.qmd").write_text("---\ntitle: Home\n---\n\nWords.\n")

    def again() -> str:
        render(tmp_path)
        return capsys.readouterr().out

    return tmp_path, again
