"""The data commands do their work, end with 0, 1 or 2, and tell errors in one sentence."""

import argparse
import hashlib

import pytest

from lib.data import commands, names

TEXT = b"the set\n"


@pytest.fixture
def run(capsys):
    """Run one command: its status, output and errors."""

    def run(*argv):
        status = commands.main(list(argv))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def online(server, register):
    server.files["/a.txt"] = TEXT
    pinned = f'sha256 = {{ "a.txt" = "{hashlib.sha256(TEXT).hexdigest()}" }}'
    register(more=f'{pinned}\ndownloads = [{{ urls = ["{server.url("/a.txt")}"], name = "a.txt", size = 8 }}]')
    return server


def test_list_shows_every_set_with_its_licence(run):
    status, out, err = run("list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == names()
    assert "CC BY 4.0" in next(line for line in lines if line.startswith("heart "))
    assert " ask " in next(line for line in lines if line.startswith("timit "))


def test_list_tells_what_is_here(run, online):
    assert run("list")[1].splitlines()[1].split()[:2] == ["toy", "no"]
    run("fetch", "toy")
    assert run("list")[1].splitlines()[1].split()[:2] == ["toy", "yes"]


def test_fetch_where_and_verify_agree(run, online, cache):
    assert run("fetch", "toy") == (0, f"toy: {cache / 'toy'}\n", "")
    assert run("where", "toy") == (0, f"{cache / 'toy'}\n", "")
    status, out, err = run("verify", "toy")
    assert (status, err) == (0, "")
    assert run("verify") == (0, out, "")


def test_where_an_absent_set_is_ends_with_1(run, online):
    status, out, err = run("where", "toy")
    assert (status, out) == (1, "")
    assert "python -m lib data fetch toy" in err


def test_verify_ends_with_1_for_a_damaged_or_absent_set(run, online, cache):
    status, _, err = run("verify", "toy")
    assert status == 1
    assert "not on this machine" in err
    run("fetch", "toy")
    (cache / "toy" / "a.txt").write_bytes(b"rotten")
    status, out, err = run("verify")
    assert (status, out) == (1, "")
    assert "a.txt is not the published file" in err


def test_a_failed_fetch_ends_with_1_and_the_others_are_fetched(run, register, server, cache):
    server.files["/a.txt"] = TEXT
    path = register(more=f'downloads = [{{ urls = ["{server.url("/a.txt")}"], name = "a.txt" }}]')
    text = path.read_text()
    path.write_text(text + text.replace("[toy]", "[gone]").replace("/a.txt", "/gone.txt"))
    server.script["/gone.txt"] = [lambda h, s, seen: h.send_error(404)]
    status, out, err = run("fetch", "gone", "toy")
    assert status == 1
    assert out == f"toy: {cache / 'toy'}\n"
    assert err.startswith("error: gone could not be fetched")
    assert err.count("\n") == 1


@pytest.mark.parametrize("argv", [["fetch", "toy", "tyo"], ["where", "tyo"], ["verify", "tyo"]])
def test_an_unknown_name_ends_with_2_before_anything_is_fetched(run, online, argv):
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert "no data set 'tyo'; there are toy" in err
    assert online.seen == []


@pytest.mark.parametrize("argv", [[], ["frobnicate"], ["fetch"], ["where"]])
def test_a_mistake_in_the_command_ends_with_2(run, argv):
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert "usage:" in err


def test_help_ends_with_0(run):
    status, out, _ = run("--help")
    assert status == 0
    for command in ("list", "fetch", "where", "verify"):
        assert command in out


def test_the_commands_can_be_added_to_another_parser(capsys):
    parser = argparse.ArgumentParser()
    commands.add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args(["list"])
    assert options.run(options) == 0
    assert "heart" in capsys.readouterr().out
