"""Nothing an archive holds lands outside its target, and a damaged one leaves nothing."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile

import pytest

from lib.data import archive as archives
from lib.data.archive import unpack
from lib.data.errors import ArchiveError, DataError, DiskFull

FILES = {"folder/a.txt": b"alpha" * 5000, "folder/sub/b.bin": bytes(range(256)) * 400, "c.txt": b""}
TAR_KINDS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def make_zip(path, files=FILES, **settings):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **settings) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def make_tar(path, files=FILES, members=()):
    mode = next(m for suffix, m in TAR_KINDS.items() if path.name.endswith(suffix))
    with tarfile.open(path, mode) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            file.addfile(info)
    return path


def make(path, files=FILES):
    return make_zip(path, files) if path.suffix == ".zip" else make_tar(path, files)


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refuses(path, target, match):
    """The archive is refused and leaves its own folder and the target's as they were."""
    before = sorted(p for p in target.parent.parent.rglob("*"))
    with pytest.raises(ArchiveError, match=match) as caught:
        unpack(path, target)
    assert str(path) in str(caught.value)
    assert "fetch it" in str(caught.value)
    assert sorted(p for p in target.parent.parent.rglob("*")) == before


@pytest.fixture
def target(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "target"


@pytest.mark.parametrize("suffix", [".zip", *TAR_KINDS])
def test_every_kind_of_archive_is_unpacked_whole(tmp_path, target, suffix):
    unpack(make(tmp_path / f"a{suffix}"), target)
    assert tree(target) == FILES
    assert [p.name for p in target.parent.iterdir()] == ["target"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/tmp/evil.txt", "..\\evil.txt", "C:/evil.txt"])
def test_a_name_outside_the_target_is_refused(tmp_path, target, suffix, name):
    refuses(make(tmp_path / f"a{suffix}", {"good.txt": b"x", name: b"evil"}), target, "outside the target")


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("link", tarfile.SYMTYPE, "/etc/passwd"),
        ("link", tarfile.SYMTYPE, "../outside"),
        ("folder/link", tarfile.SYMTYPE, "../../outside"),
        ("link", tarfile.SYMTYPE, "folder"),  # a way to a folder is a way to write through
        ("link", tarfile.LNKTYPE, "/etc/passwd"),
        ("link", tarfile.LNKTYPE, "../outside"),
        ("link", tarfile.LNKTYPE, "not-there"),
        ("c.txt", tarfile.SYMTYPE, "c.txt"),
    ],
)
def test_a_link_to_anything_but_a_file_of_the_archive_is_refused(tmp_path, target, name, kind, link):
    refuses(make_tar(tmp_path / "a.tar.gz", members=[(name, kind, link)]), target, "a link to")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["a symbolic link", "a hard link"])
def test_a_link_to_a_file_of_the_archive_is_kept(tmp_path, target, kind):
    link = "a.txt" if kind == tarfile.SYMTYPE else "folder/a.txt"
    unpack(make_tar(tmp_path / "a.tar", members=[("folder/same.txt", kind, link)]), target)
    assert (target / "folder/same.txt").read_bytes() == FILES["folder/a.txt"]


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_refused(tmp_path, target, kind):
    refuses(make_tar(tmp_path / "a.tar", members=[("dev", kind, "")]), target, "a device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_link_or_device_in_a_zip_is_refused(tmp_path, target, kind):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = (kind | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    refuses(path, target, "a link or device")


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_a_truncated_archive_is_refused_by_name(tmp_path, target, suffix, share):
    path = make(tmp_path / f"a{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    if suffix == ".tar" and share == 0.9:
        path.write_bytes(content[:60_000])  # the last tenth is padding
    refuses(path, target, "not a whole archive")


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.xz"])
def test_a_flipped_byte_is_found(tmp_path, target, suffix):
    path = make(tmp_path / f"a{suffix}", {"a.bin": bytes(i * i % 251 for i in range(50_000))})
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    refuses(path, target, "not a whole archive")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_a_tar_that_breaks_off_or_breaks_between_two_members_is_found(tmp_path, target, suffix):
    whole = make_tar(tmp_path / "whole.tar").read_bytes()
    second = whole.index(b"folder/sub/b.bin")  # where its header begins
    pack = gzip.compress if suffix == ".tar.gz" else bytes
    path = tmp_path / f"a{suffix}"
    for broken in (whole[:second], whole[:second] + b"X" * 512 + whole[second + 512 :]):
        path.write_bytes(pack(broken))
        refuses(path, target, "not a whole archive")


def test_a_compressed_tar_whose_checksum_is_wrong_is_found(tmp_path, target):
    path = make_tar(tmp_path / "a.tar.gz")
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)
    refuses(path, target, "not a whole archive")


def test_a_web_page_in_place_of_an_archive_is_called_that(tmp_path, target):
    path = tmp_path / "a.zip"
    path.write_text("<!DOCTYPE html><html><body>Please sign in</body></html>")
    refuses(path, target, "it is a web page")


def test_an_encrypted_member_is_refused(tmp_path, target):
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"secret"})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        content[at] |= 1
    path.write_bytes(content)
    refuses(path, target, "encrypted")


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_that_declares_far_too_much_is_refused(tmp_path, target, suffix, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1000)
    refuses(make(tmp_path / f"a{suffix}", {"zeros": bytes(5_000_000)}), target, "declares more than")


def test_a_zip_that_declares_less_than_it_holds_does_not_write_more(tmp_path, target):
    path = make_zip(tmp_path / "a.zip", {"a.bin": bytes(100_000)})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", 10)
    path.write_bytes(content)
    refuses(path, target, "not a whole archive")


def test_an_archive_of_too_many_members_is_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    refuses(make(tmp_path / "a.zip"), target, "2 files")


def test_a_target_that_exists_is_left_as_it_is(tmp_path, target):
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        unpack(make(tmp_path / "a.zip"), target)
    assert tree(target) == {"mine.txt": b"mine"}


def test_a_missing_archive_is_named(tmp_path, target):
    with pytest.raises(DataError, match=r"gone\.zip"):
        unpack(tmp_path / "gone.zip", target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("suffix", "match"), [(".zip", r"1\.0 MB are needed.*NOTES_CACHE"), (".tar.gz", "NOTES_CACHE")]
)
def test_a_disk_too_small_for_the_files_is_told_and_left_empty(tmp_path, tiny_disk, suffix, match):
    disk = tiny_disk(256)
    path = make(tmp_path / f"a{suffix}", {"big.bin": bytes(1_000_000)})
    with pytest.raises(DiskFull, match=match):
        unpack(path, disk / "target")
    assert list(disk.iterdir()) == []
