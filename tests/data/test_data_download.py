"""A download ends with the right file or with a clear error and nothing at the final place."""

import hashlib
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from misbehaving_server import fail, hang_up, redirect, serve

from lib.data.download import download
from lib.data.errors import DataError, DiskFull, DownloadError

CONTENT = random.Random(1).randbytes(700_000)
OTHER = random.Random(2).randbytes(700_000)
SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
PATH = "/file.bin"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "arrivals" / "file.bin"


@pytest.fixture
def get(server, target):
    """Download PATH (or other paths, in order) without waiting between tries."""
    server.files.setdefault(PATH, CONTENT)

    def get(*paths, **settings):
        settings = {"pause": 0, "timeout": (2, 2), **settings}
        return download([server.url(p) for p in paths or (PATH,)], target, **settings)

    return get


def part(target):
    return target.with_name(target.name + ".part")


def nothing_final(target):
    return not target.exists()


def test_a_file_arrives_whole_and_leaves_no_part_behind(get, target, server):
    assert get(size=len(CONTENT), checksum=SHA) == server.url(PATH)
    assert target.read_bytes() == CONTENT
    assert sorted(p.name for p in target.parent.iterdir() if not p.name.endswith(".lock")) == ["file.bin"]


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_each_kind_of_checksum_is_compared(get, target, algorithm):
    get(checksum=f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}")
    assert target.read_bytes() == CONTENT
    target.unlink()
    with pytest.raises(DownloadError, match="not the recorded one"):
        get(checksum=f"{algorithm}:{hashlib.new(algorithm, OTHER).hexdigest()}")
    assert nothing_final(target)


def test_a_file_that_is_there_and_right_is_not_asked_for_again(get, server, target):
    get(checksum=SHA)
    get(checksum=SHA)
    assert len(server.seen) == 1
    target.write_bytes(OTHER)
    get(checksum=SHA)
    assert target.read_bytes() == CONTENT


def test_a_cut_connection_is_resumed_and_only_the_rest_is_sent(get, server, target):
    server.script[PATH] = [serve(cut=300_000)]
    get(checksum=SHA)
    first, second = server.seen
    start = int(second.range.removeprefix("bytes=").removesuffix("-"))
    assert 200_000 < start <= 300_000
    assert second.if_range == '"v1"'
    assert second.status == 206
    assert second.sent == len(CONTENT) - start
    assert first.sent == 300_000
    assert target.read_bytes() == CONTENT


def test_many_cuts_do_not_use_up_the_tries_while_the_file_grows(get, server, target):
    server.script[PATH] = [serve(cut=100_000) for _ in range(8)]
    get(checksum=SHA, tries=2)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_never_brings_anything_gives_up_with_the_reason(get, server, target):
    server.script[PATH] = [hang_up() for _ in range(10)]
    with pytest.raises(DownloadError, match="3 tries"):
        get(tries=3)
    assert len(server.seen) == 3
    assert nothing_final(target)


def test_a_server_without_ranges_that_always_cuts_gives_up(get, server, target):
    server.script[PATH] = [serve(cut=300_000, ranges=False) for _ in range(20)]
    with pytest.raises(DownloadError, match=r"connection broke|ended after"):
        get(tries=3)
    assert 3 <= len(server.seen) <= 6
    assert nothing_final(target)


def test_a_server_without_ranges_is_read_from_the_beginning(get, server, target):
    server.script[PATH] = [serve(cut=300_000), serve(ranges=False)]
    get(checksum=SHA)
    assert server.seen[1].range is not None
    assert server.seen[1].status == 200
    assert server.seen[1].sent == len(CONTENT)
    assert target.read_bytes() == CONTENT


def test_a_file_that_changed_between_two_tries_begins_anew(get, server, target):
    def change(handler, outer, seen):
        serve(cut=300_000)(handler, outer, seen)
        outer.files[PATH], outer.etags[PATH] = OTHER, '"v2"'

    server.script[PATH] = [change]
    get()
    assert target.read_bytes() == OTHER
    assert server.seen[1].if_range == '"v1"'
    assert server.seen[1].status == 200


def test_a_changed_file_on_a_server_that_ignores_if_range_is_never_mixed(get, server, target):
    def change(handler, outer, seen):
        serve(cut=300_000)(handler, outer, seen)
        outer.files[PATH], outer.etags[PATH] = OTHER, '"v2"'

    server.script[PATH] = [change, serve(if_range=False)]
    get()
    assert [s.status for s in server.seen] == [200, 206, 200]
    assert target.read_bytes() == OTHER


def test_without_validator_and_checksum_a_part_is_not_trusted(get, server, target):
    server.script[PATH] = [serve(cut=300_000, validator=False), serve(validator=False)]
    get()
    assert server.seen[1].range is None
    assert target.read_bytes() == CONTENT


def test_a_wrong_mixture_is_found_by_the_checksum_and_fetched_again(get, server, target):
    server.script[PATH] = [serve(cut=300_000, validator=False, body=OTHER), serve(validator=False)]
    get(checksum=SHA)
    assert [s.status for s in server.seen] == [200, 206, 200]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("claimed", [len(CONTENT) // 2, len(CONTENT) * 2])
def test_a_wrong_length_is_an_error_before_the_file_is_read(get, server, target, claimed):
    server.script[PATH] = [serve(claimed=claimed)]
    with pytest.raises(DownloadError, match=rf"{claimed} bytes, the registry says {len(CONTENT)}"):
        get(size=len(CONTENT))
    assert nothing_final(target)
    assert not part(target).exists()


def test_an_answer_without_length_that_ends_early_is_an_error(get, server, target):
    server.script[PATH] = [serve(length=False, ranges=False, cut=1000) for _ in range(9)]
    with pytest.raises(DownloadError, match=f"1000 of {len(CONTENT)} bytes"):
        get(size=len(CONTENT), tries=2)
    assert nothing_final(target)


def test_wrong_bytes_are_thrown_away_and_named(get, server, target):
    server.script[PATH] = [serve(body=OTHER)]
    with pytest.raises(DownloadError, match=r"file\.bin .*not the recorded one"):
        get(size=len(CONTENT), checksum=SHA)
    assert nothing_final(target)
    assert not part(target).exists()


def test_after_wrong_bytes_the_next_address_is_asked(get, server, target):
    server.files["/bad.bin"] = OTHER
    assert get("/bad.bin", PATH, checksum=SHA) == server.url(PATH)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_4xx_goes_straight_to_the_mirror(get, server, target, status):
    server.script["/gone.bin"] = [fail(status)]
    assert get("/gone.bin", PATH) == server.url(PATH)
    assert len(server.asked("/gone.bin")) == 1
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_error_is_tried_again(get, server, target, status):
    server.script[PATH] = [fail(status), fail(status)]
    get(checksum=SHA)
    assert [s.status for s in server.seen] == [status, status, 200]
    assert target.read_bytes() == CONTENT


def test_a_lasting_server_error_names_every_address_with_its_reason(get, server, target):
    server.script[PATH] = [fail(500)] * 9
    server.script["/gone.bin"] = [fail(404)]
    with pytest.raises(DownloadError) as caught:
        get(PATH, "/gone.bin", tries=3)
    assert f"{server.url(PATH)}: the server answered 500 (3 tries)" in str(caught.value)
    assert f"{server.url('/gone.bin')}: the server answered 404" in str(caught.value)
    assert nothing_final(target)


def test_the_pause_between_tries_doubles(get, server, monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.script[PATH] = [fail(500)] * 4
    get(pause=0.5)
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_a_redirect_is_followed_also_when_resuming(get, server, target):
    server.files["/there.bin"] = CONTENT
    server.script[PATH] = [redirect("/there.bin"), redirect("/there.bin")]
    server.script["/there.bin"] = [serve(cut=300_000)]
    get(checksum=SHA)
    assert [s.status for s in server.seen] == [302, 200, 302, 206]
    assert target.read_bytes() == CONTENT


def test_redirects_in_a_circle_end_with_an_error(get, server, target):
    server.script[PATH] = [redirect(PATH)] * 100
    with pytest.raises(DownloadError, match="redirects"):
        get()
    assert nothing_final(target)


def test_a_stalled_server_is_left_and_asked_for_the_rest(get, server, target):
    never = threading.Event()
    server.script[PATH] = [serve(pause_at=300_000, go_on=never)]
    get(timeout=(2, 0.3), checksum=SHA)
    never.set()
    assert server.seen[1].range is not None
    assert target.read_bytes() == CONTENT


def test_a_server_that_never_answers_ends_in_a_timeout_error(get, server, target):
    never = threading.Event()
    server.script[PATH] = [lambda handler, outer, seen: never.wait(20)] * 2
    with pytest.raises(DownloadError, match="timed out"):
        get(timeout=(2, 0.2), tries=2)
    never.set()
    assert len(server.seen) == 2
    assert nothing_final(target)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/file.bin", "http://no-such-host.invalid/file.bin"])
def test_an_address_nobody_answers_at_is_left_at_once(get, server, target, address, monkeypatch):
    def waited(seconds):
        raise AssertionError("it waited")

    monkeypatch.setattr(time, "sleep", waited)
    assert download([address, server.url(PATH)], target, checksum=SHA) == server.url(PATH)
    target.unlink()
    with pytest.raises(DownloadError, match=r"file\.bin could not be downloaded"):
        download([address], target)


def test_a_later_call_resumes_what_an_earlier_one_left(get, server, target):
    server.script[PATH] = [serve(cut=300_000), fail(404)]
    with pytest.raises(DownloadError):
        get(checksum=SHA)
    left = part(target).stat().st_size
    get(checksum=SHA)
    assert server.seen[-1].range == f"bytes={left}-"
    assert target.read_bytes() == CONTENT


def test_a_failing_mirror_does_not_throw_away_what_the_first_address_gave(get, server, target):
    server.script[PATH] = [serve(cut=300_000), fail(404)]
    server.script["/gone.bin"] = [fail(404)]
    with pytest.raises(DownloadError):
        get(PATH, "/gone.bin", checksum=SHA)
    get(PATH, checksum=SHA)
    assert server.seen[-1].status == 206
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_complete_is_checked_and_not_fetched_again(get, server, target):
    server.script[PATH] = [serve(cut=300_000), fail(404)]
    with pytest.raises(DownloadError):
        get(checksum=SHA)
    part(target).write_bytes(CONTENT)  # as if the process had died just before the check
    before = len(server.seen)
    get(checksum=SHA)
    assert len(server.seen) == before
    assert target.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_begins_anew(get, server, target):
    server.script[PATH] = [serve(cut=300_000), fail(404)]
    with pytest.raises(DownloadError):
        get(checksum=SHA)
    part(target).write_bytes(CONTENT + OTHER)
    get(checksum=SHA)
    assert target.read_bytes() == CONTENT


def test_a_compressed_file_is_stored_as_it_is_on_the_wire(server, target):
    import gzip

    server.files["/a.tar.gz"] = gzip.compress(b"not really a tar" * 100)

    def step(handler, outer, seen):
        body = outer.files["/a.tar.gz"]
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.script["/a.tar.gz"] = [step]
    download([server.url("/a.tar.gz")], target)
    assert target.read_bytes() == server.files["/a.tar.gz"]


# ----------------------------------------------------------------------------------------- full disks


def test_a_file_larger_than_the_free_disk_is_refused_before_it_is_read(server, tiny_disk):
    disk = tiny_disk(512)
    server.files[PATH] = CONTENT
    with pytest.raises(DiskFull, match=r"0\.5 MB free, file\.bin needs 0\.7 MB"):
        download([server.url(PATH)], disk / "file.bin")
    assert not (disk / "file.bin").exists()
    assert not (disk / "file.bin.part").exists()


def test_a_disk_that_fills_up_keeps_the_part_and_goes_on_later(server, tiny_disk):
    server.files[PATH] = CONTENT
    disk = tiny_disk(512)
    target = disk / "file.bin"
    server.script[PATH] = [serve(length=False)]  # of unknown size, so it begins
    with pytest.raises(DiskFull, match="NOTES_CACHE"):
        download([server.url(PATH)], target, checksum=SHA)
    assert nothing_final(target)
    left = part(target).stat().st_size
    assert left > 300_000
    subprocess.run(["mount", "-o", "remount,size=2m", str(disk)], check=True)
    download([server.url(PATH)], target, checksum=SHA)
    assert server.seen[-1].range == f"bytes={left}-"
    assert target.read_bytes() == CONTENT


def test_a_file_size_limit_is_told_like_a_full_disk(server, target, python):
    server.files[PATH] = CONTENT
    code = """
import resource, sys
from pathlib import Path
from lib.data import DiskFull
from lib.data.download import download
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    download([sys.argv[1]], Path(sys.argv[2]))
except DiskFull as error:
    print(error)
"""
    out, err = python(code, server.url(PATH), target).communicate(timeout=30)
    assert "what came is kept" in out, err
    assert nothing_final(target)
    assert 200_000 < part(target).stat().st_size <= 300_000
    download([server.url(PATH)], target, checksum=SHA)
    assert server.seen[-1].status == 206
    assert target.read_bytes() == CONTENT


def test_a_place_that_cannot_be_written_to_is_named(server, tmp_path):
    server.files[PATH] = CONTENT
    (tmp_path / "a-file").write_text("")
    with pytest.raises(DataError, match="a-file"):
        download([server.url(PATH)], tmp_path / "a-file" / "file.bin")


# ----------------------------------------------------------------------------------- several processes

FETCH = """
import sys
from pathlib import Path
from lib.data.download import download
print("asking", flush=True)
download([sys.argv[1]], Path(sys.argv[2]), checksum=sys.argv[3])
print("done", flush=True)
"""


def test_two_processes_that_ask_at_once_fetch_the_file_once(server, target, python):
    server.files[PATH] = CONTENT
    reached, go_on = threading.Event(), threading.Event()
    server.script[PATH] = [serve(pause_at=100_000, reached=reached, go_on=go_on)]
    first = python(FETCH, server.url(PATH), target, SHA)
    assert reached.wait(20)
    second = python(FETCH, server.url(PATH), target, SHA)
    assert second.stdout.readline() == "asking\n"
    time.sleep(0.3)  # time for it to go wrong in
    go_on.set()
    for process in (first, second):
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    assert sum(s.sent for s in server.seen) == len(CONTENT)
    assert len(server.seen) == 1
    assert target.read_bytes() == CONTENT


def test_a_process_killed_in_the_middle_leaves_a_part_that_is_resumed(server, target, python):
    server.files[PATH] = CONTENT
    reached, go_on = threading.Event(), threading.Event()
    server.script[PATH] = [serve(pause_at=400_000, reached=reached, go_on=go_on)]
    process = python(FETCH, server.url(PATH), target, SHA)
    assert reached.wait(20)
    deadline = time.monotonic() + 20
    while not (part(target).exists() and part(target).stat().st_size > 300_000):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(20)
    go_on.set()
    assert nothing_final(target)
    left = part(target).stat().st_size
    download([server.url(PATH)], target, checksum=SHA)
    assert server.seen[-1].range == f"bytes={left}-"
    assert server.seen[-1].sent == len(CONTENT) - left
    assert target.read_bytes() == CONTENT
