"""Where things are in the repository, and how a notebook is read and written."""

import json
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "data" / "results"
SCALES = ("smoke", "cpu", "gpu")  # at which a notebook can run; see lib/publish/execute.py
PAGE_FOLDERS = ("projects", "blog", "notebooks")


class PublishError(RuntimeError):
    """Something in the tree that its author has to mend; the message says what and how."""


def notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook that is a page of the site, in order; generated student versions are none."""
    found = (p for folder in PAGE_FOLDERS for p in (root / folder).rglob("*.ipynb"))
    return sorted(p for p in found if ".ipynb_checkpoints" not in p.parts and not p.stem.endswith("_student"))


def pages(root: Path = ROOT) -> list[Path]:
    """Every source of a page: the qmd files of the site and its notebooks."""
    texts = [*root.glob("*.qmd"), *(p for folder in PAGE_FOLDERS for p in (root / folder).rglob("*.qmd"))]
    return sorted(texts) + notebooks(root)


def module_file(module: str, root: Path = ROOT) -> Path:
    """The file of a module of `lib`, whether it is there or not."""
    base = root.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def slug(notebook: Path) -> str:
    """The name of a notebook's results: its file's name; of a course unit its folder's name."""
    return notebook.parent.name if notebook.parent.parent.name == "notebooks" else notebook.stem


def read_notebook(path: Path) -> dict:
    """The notebook as nbformat-4 JSON, each `source` one string.

    Raises
    ------
    PublishError
        When the file is missing, is not JSON, or is no notebook of format 4.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PublishError(f"{path}: there is no such notebook") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise PublishError(f"{path}: not a notebook ({error}); open and save it in Jupyter") from None
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4 or "cells" not in notebook:
        raise PublishError(f"{path}: not a notebook of format 4; open and save it in Jupyter")
    for cell in notebook["cells"]:
        if isinstance(cell.get("source"), list):
            cell["source"] = "".join(cell["source"])
    return notebook


def notebook_text(notebook: dict) -> str:
    """The notebook as Jupyter writes it: sources as lists of lines, so that differences are readable."""
    lines = {**notebook, "cells": [{**c, "source": c["source"].splitlines(True)} for c in notebook["cells"]]}
    return json.dumps(lines, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader finds the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def has_tag(cell: dict, tag: str) -> bool:
    return tag in cell.get("metadata", {}).get("tags", [])
