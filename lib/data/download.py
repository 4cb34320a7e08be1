"""Fetch one file over HTTP: resumed when cut, checked before use, in its final place whole or not at all.

While it grows the file is called `<name>.part`; `<name>.part.json` beside it holds the address and the
validator (ETag or Last-Modified, RFC 9110 section 8.8) of the version it is a part of. A later call, also
after a crash, asks for the rest with `Range` and `If-Range` (RFC 9110 sections 13.1.5 and 14.2), so a file
that has changed in the meantime begins anew.
"""

import errno
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.data.errors import DataError, DiskFull, DownloadError
from lib.data.progress import bar

if TYPE_CHECKING:
    from requests import Response, Session

CHUNK = 1 << 16  # bytes read at a time; a broken connection costs the last, unfinished piece
TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces of the answer
TRIES = 5  # for one address, without the file growing
PAUSE = 1.0  # seconds before the second try, doubled each time
LONGEST_PAUSE = 30.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class _Later(Exception):
    """A fault that may pass: try the same address again."""


class _Never(Exception):
    """This address does not give the file: go on to the next."""


@dataclass
class _Version:
    """Which version of which file a `.part` belongs to."""

    url: str
    etag: str | None = None
    modified: str | None = None
    size: int | None = None  # bytes of the whole file

    @property
    def validator(self) -> str | None:
        """What `If-Range` may carry: a strong ETag, or the date where there is none."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


def download(
    urls: Sequence[str],
    target: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    timeout: tuple[float, float] = TIMEOUT,
    tries: int = TRIES,
    pause: float = PAUSE,
) -> str:
    """Fetch `target` from the first of `urls` that gives it; returns that address.

    `size` is in bytes, `checksum` reads "sha256:…", "sha1:…" or "md5:…"; what is given is checked. Nothing
    is fetched when `target` is there already and passes. Two processes that ask for one file fetch it once.
    Raises `DownloadError` (each address with its reason) or `DiskFull`; then nothing is at `target`, and
    what had arrived is kept for the next call unless it proved wrong.
    """
    import requests
    from filelock import FileLock

    failures = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(target.name + ".lock")), requests.Session() as session:
            if target.is_file() and not _fault(target, size, checksum):
                return urls[0]
            for url in urls:
                try:
                    _from_one_address(session, url, target, size, checksum, timeout, tries, pause)
                    return url
                except _Never as reason:
                    failures.append(f"{url}: {reason}")
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(target) from error
        raise DataError(f"{target} can't be written ({error.strerror or error}).") from error
    raise DownloadError(f"{target.name} could not be downloaded: {'; '.join(failures)}")


def _from_one_address(
    session: "Session",
    url: str,
    target: Path,
    size: int | None,
    checksum: str | None,
    timeout: tuple[float, float],
    tries: int,
    pause: float,
) -> None:
    """Try one address until it gives the file (then it is at `target`) or there is no use in going on."""
    part = target.with_name(target.name + ".part")
    again = part.exists()  # a file put together from two answers may fail the check and deserves a second start
    tried, farthest = 0, 0
    while True:
        try:
            _receive(session, url, part, size, checksum, timeout)
            with part.open("r+b") as file:
                os.fsync(file.fileno())
            if not (fault := _fault(part, size, checksum)):
                break
            _discard(part)
            if not again:
                raise _Never(fault)
            again = False
        except _Later as reason:
            again = True
            reached = part.stat().st_size if part.exists() else 0
            tried = 1 if reached > farthest else tried + 1  # growth is progress, however often it is cut
            farthest = max(farthest, reached)
            if tried >= tries:
                raise _Never(f"{reason} ({tried} tries)") from None
            time.sleep(min(pause * 2 ** (tried - 1), LONGEST_PAUSE))
    os.replace(part, target)
    _state(part).unlink(missing_ok=True)


def _receive(
    session: "Session",
    url: str,
    part: Path,
    size: int | None,
    checksum: str | None,
    timeout: tuple[float, float],
) -> None:
    """One request; appends to `part` or begins it anew. Returns when the file is whole."""
    import requests
    from urllib3.exceptions import HTTPError, NewConnectionError

    have, version = _resumable(part, url, checksum)
    if have and have == version.size:
        return  # a process was stopped between the last byte and the check
    headers = {"Accept-Encoding": "identity", "User-Agent": "engineering-notes"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if version.validator:
            headers["If-Range"] = version.validator
    try:
        response = session.get(url, headers=headers, stream=True, timeout=timeout)
    except (
        requests.exceptions.ProxyError,
        requests.exceptions.SSLError,
        requests.exceptions.ConnectTimeout,
    ) as error:
        raise _Never(_short(error)) from None
    except requests.exceptions.ConnectionError as error:
        cause = getattr(error.args[0], "reason", None) if error.args else None
        unreachable = isinstance(cause, NewConnectionError)  # no such host, or nobody listens: don't wait
        raise (_Never if unreachable else _Later)(_short(error)) from None
    except requests.exceptions.Timeout as error:
        raise _Later(_short(error)) from None
    except requests.exceptions.RequestException as error:
        raise _Never(_short(error)) from None
    with response:
        offset, current = _accept(response, url, have, version, part)
        if size is not None and current.size is not None and current.size != size:
            _discard(part)
            raise _Never(f"the file there has {current.size} bytes, the registry says {size}")
        whole = current.size if current.size is not None else size
        _require_room(part, (whole or 0) - offset)
        _state(part).write_text(json.dumps(asdict(current)), encoding="utf-8")
        with part.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            with bar(total=whole, initial=offset, desc=part.stem, unit="B", unit_scale=True) as progress:
                try:
                    while piece := _read(response):
                        file.write(piece)
                        progress.update(len(piece))
                except (
                    HTTPError,
                    requests.exceptions.RequestException,
                    ConnectionError,
                    TimeoutError,
                ) as error:
                    raise _Later(f"the connection broke after {file.tell()} bytes ({_short(error)})") from None
            arrived = file.tell()
    if whole is not None and arrived < whole:
        raise _Later(f"the answer ended after {arrived} of {whole} bytes")


def _read(response: "Response") -> bytes:
    """The next bytes as they are on the wire: a `.tar.gz` must not be unpacked by the way."""
    return response.raw.read(CHUNK, decode_content=False)


def _accept(response: "Response", url: str, have: int, version: _Version, part: Path) -> tuple[int, _Version]:
    """Judge the status: at which byte the answer begins, and which version of the file it is."""
    status, headers = response.status_code, response.headers
    seen = _Version(url, headers.get("ETag"), headers.get("Last-Modified"))
    if status == 206:
        span, _, total = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        seen.size = int(total) if total.isdigit() else None
        same = version.size in (None, seen.size) and all(
            ours in (None, theirs) for ours, theirs in ((version.etag, seen.etag), (version.modified, seen.modified))
        )
        if not same or not span.startswith(f"{have}-"):
            _discard(part)
            raise _Later("the file there has changed since the download began")
        return have, seen
    if status == 416:  # our part is as long as the file, or longer
        _discard(part)
        raise _Later("the server does not hold the rest of the file")
    if status in _PASSING:
        raise _Later(f"the server answered {status}")
    if status != 200:
        raise _Never(f"the server answered {status}")
    length = headers.get("Content-Length", "")
    seen.size = int(length) if length.isdigit() else None
    return 0, seen


def _resumable(part: Path, url: str, checksum: str | None) -> tuple[int, _Version]:
    """How many bytes of which version lie in `part`; 0 when they can't be told to be of this file."""
    try:
        version = _Version(**json.loads(_state(part).read_text(encoding="utf-8")))
        have = part.stat().st_size
    except (OSError, ValueError, TypeError):
        return 0, _Version(url)
    if version.url != url or not (version.validator or checksum):
        return 0, _Version(url)
    return have, version


def _state(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state(part).unlink(missing_ok=True)


def _fault(path: Path, size: int | None, checksum: str | None) -> str | None:
    """What is wrong with a file that has arrived, or None."""
    import hashlib

    found = path.stat().st_size
    if size is not None and found != size:
        return f"the file has {found} bytes instead of {size}"
    if checksum:
        algorithm, _, expected = checksum.partition(":")
        with path.open("rb") as file:
            got = hashlib.file_digest(file, algorithm).hexdigest()
        if got != expected:
            return f"the file is not the recorded one ({algorithm} {got[:12]}… instead of {expected[:12]}…)"
    return None


def _require_room(part: Path, needed: int) -> None:
    """Refuse before the first byte what the disk has no room for. `needed` in bytes."""
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise DiskFull(
            f"{part.parent} has {free / 1e6:,.1f} MB free, {part.stem} needs {needed / 1e6:,.1f} MB more: "
            "free some, or set NOTES_CACHE to a folder on a larger disk."
        )


def _disk_full(target: Path) -> DiskFull:
    return DiskFull(
        f"The disk was full while {target.name} arrived in {target.parent}; what came is kept. Free some room, "
        "or set NOTES_CACHE to a folder on a larger disk, and run it again: the download goes on where it was."
    )


def _short(error: BaseException) -> str:
    """The end of a network error's chain, which says what happened, in a few words."""
    reason = error
    while True:
        inner = getattr(reason, "reason", None) or next(
            (a for a in getattr(reason, "args", ()) if isinstance(a, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        reason = inner
    text = str(reason).rpartition(": ")[2] or type(reason).__name__
    return text.strip("'\"<> ")[:160]
