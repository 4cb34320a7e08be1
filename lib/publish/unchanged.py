"""Whether anything changed since the site was rendered, so that an unchanged tree costs a moment."""

import json
from importlib import metadata
from pathlib import Path

from lib.publish.definitions import digest
from lib.publish.project import PAGE_FOLDERS, write_atomically

FOLDERS = (*PAGE_FOLDERS, "images", "_includes", "lib/publish")


def _listing(files: list[Path], root: Path) -> list:
    """Path, size and time of change of each file."""
    return [[f.relative_to(root).as_posix(), (s := f.stat()).st_size, s.st_mtime_ns] for f in sorted(files)]


def state(root: Path, renderer: str) -> str:
    """A hash of what a rendered site is made of and of what it is."""
    above = [f for f in root.iterdir() if f.is_file() and f.suffix in (".qmd", ".yml", ".css", ".md", ".toml")]
    inner = [f for name in FOLDERS for f in (root / name).rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    made = [f for f in (root / "_site").rglob("*") if f.is_file()]
    version = ""
    if renderer == "smalldocs":
        try:
            version = metadata.version("smalldocs")
        except metadata.PackageNotFoundError:
            version = "not installed"
    return digest(json.dumps([renderer, version, _listing(above + inner, root), _listing(made, root)]))


def _memory(root: Path) -> Path:
    return root / "data" / "cache" / "site.json"


def is_unchanged(root: Path, renderer: str) -> bool:
    try:
        known = json.loads(_memory(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return known == state(root, renderer)


def remember(root: Path, renderer: str) -> None:
    """Note that the site is rendered; where that can't be written, the next call renders again."""
    try:
        write_atomically(_memory(root), json.dumps(state(root, renderer)))
    except OSError:
        return
