"""Unpack zip and tar archives so that nothing lands outside the target and a damaged archive leaves nothing.

Refused: absolute names, names with `..`, devices, links to anything but a regular file that came before in
the same archive, encrypted members, and archives that declare far more than they could reasonably hold.
"""

import errno
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from lib.data.errors import ArchiveError, DataError, DiskFull
from lib.data.progress import bar

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LARGEST_RATIO = 200  # bytes declared for each byte of the archive
ALWAYS_ALLOWED = 100_000_000  # bytes a small archive may declare whatever its ratio
MOST_MEMBERS = 1_000_000
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, EOFError, NotImplementedError)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive this module unpacks."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(archive: Path, target: Path) -> None:
    """Unpack `archive` into the new folder `target`, which appears whole or not at all.

    Raises `ArchiveError` when the archive is damaged or holds what must not be unpacked, `DiskFull` when
    there is no room, `DataError` when `target` exists.
    """
    if target.exists():
        raise DataError(f"{target} exists already: remove it before unpacking {archive.name} there.")
    target.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{target.name}-new-", dir=target.parent))
    try:
        extract(archive, new)
        new.chmod(0o755)
        os.rename(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def extract(archive: Path, folder: Path) -> None:
    """Unpack `archive` into the existing `folder`; for a folder that is thrown away when this fails."""
    try:
        with archive.open("rb") as file:
            beginning = file.read(512)
        if zipfile.is_zipfile(archive):
            _extract_zip(archive, folder)
        else:
            _extract_tar(archive, folder)
    except _DAMAGE as error:
        raise _damaged(archive, str(error) or type(error).__name__, beginning) from None
    except OSError as error:
        if error.errno in _FULL:
            raise _no_room(folder) from error
        if error.errno is None:  # the decompressors raise a bare OSError for a damaged stream
            raise _damaged(archive, str(error), beginning) from None
        raise DataError(f"{archive} can't be unpacked into {folder} ({error.strerror}).") from error


def _extract_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        budget = _Budget(archive)
        for member in members:
            _check_name(archive, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, member.filename, "a link or device")
            if member.flag_bits & 1:
                raise _refused(archive, member.filename, "encrypted")
            budget.spend(member.file_size)
        if budget.spent > shutil.disk_usage(folder).free:
            raise _no_room(folder, budget.spent)
        for member in bar(iterable=members, desc=archive.name, unit="file"):
            place = folder / member.filename
            if member.is_dir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with file.open(member) as source, place.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)  # stops at the declared size, then checks the CRC


def _extract_tar(archive: Path, folder: Path) -> None:
    """Write the members ourselves: a link becomes a copy, so no later member can be written through it.

    tarfile's data filter is not needed for that, and Python 3.11.0 to 3.11.3 (Debian 12) do not have it.
    """
    with tarfile.open(archive) as file, bar(desc=archive.name, unit="file") as progress:
        for member, source in _checked(archive, file):
            place = folder / member.name
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                content = file.extractfile(member) if member.isreg() else (folder / source).open("rb")
                with content, place.open("wb") as sink:
                    shutil.copyfileobj(content, sink, 1 << 20)
            progress.update()
        # tarfile takes a broken header for the end, and leaves the end of a compressed stream unread.
        file.fileobj.seek(file.offset)
        if file.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it does not end as it should")
        while file.fileobj.read(1 << 20):
            pass


def _checked(archive: Path, file: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """The members one after another, each looked at first, with the name whose bytes it holds."""
    budget = _Budget(archive)
    sizes: dict[str, int] = {}  # of the regular files so far
    for member in file:
        _check_name(archive, member.name)
        member.name = source = os.path.normpath(member.name)
        if member.issym() or member.islnk():
            beside = os.path.dirname(member.name) if member.issym() else ""
            source = os.path.normpath(os.path.join(beside, member.linkname))
            if source not in sizes or source == member.name:
                raise _refused(archive, member.name, f"a link to {member.linkname}")
        elif not (member.isreg() or member.isdir()):
            raise _refused(archive, member.name, "a device")
        size = sizes[source] if source in sizes and not member.isreg() else member.size
        if not member.isdir():
            sizes[member.name] = size
        budget.spend(size)
        yield member, source


class _Budget:
    """Counts what an archive declares and refuses what could only be a trap (a decompression bomb)."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.limit = max(ALWAYS_ALLOWED, LARGEST_RATIO * archive.stat().st_size)
        self.spent = 0  # bytes
        self.members = 0

    def spend(self, size: int) -> None:
        self.spent += size
        self.members += 1
        if self.spent > self.limit or self.members > MOST_MEMBERS:
            raise ArchiveError(
                f"{self.archive} declares more than {self.limit:,} bytes or {MOST_MEMBERS:,} files, too much for its "
                "size; it was not unpacked. Delete it and fetch it from its owner."
            )


def _check_name(archive: Path, name: str) -> None:
    """Refuse a name that would, or on another system could, land outside the target."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")) or "\0" in name:
        raise _refused(archive, name, "outside the target")


def _refused(archive: Path, member: str, why: str) -> ArchiveError:
    return ArchiveError(
        f"{archive} holds {member!r}, which is {why}; nothing of it was unpacked. "
        "Delete it and fetch it from its owner."
    )


def _damaged(archive: Path, why: str, beginning: bytes) -> ArchiveError:
    if beginning.lstrip()[:1] == b"<":
        why = "it is a web page; perhaps the address wants a log-in"
    return ArchiveError(f"{archive} is not a whole archive ({why}). Delete it and fetch it again.")


def _no_room(folder: Path, needed: int = 0) -> DiskFull:
    amount = f" {needed / 1e6:,.1f} MB are needed." if needed else ""
    return DiskFull(
        f"The disk of {folder.parent} has no room for the unpacked files.{amount} Free some, or set NOTES_CACHE "
        "to a folder on a larger disk, and run it again."
    )
