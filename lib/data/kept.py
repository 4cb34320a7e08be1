"""Arrays that take long to make, kept in the cache under a hash of what they were made from.

    signals = kept.arrays("cinc2017", content_hash("cinc2017"), decode)

The first call makes and stores them, later calls map the files into memory. Whoever calls puts everything
the arrays depend on into `key`; nothing is ever overwritten, and deleting the cache is always safe.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from lib.data.store import cache_folder

if TYPE_CHECKING:
    import numpy as np


def arrays(name: str, key: str, make: Callable[[], dict[str, "np.ndarray"]]) -> dict[str, "np.ndarray"]:
    """What `make()` returns (name → array without objects), from the cache when it is there.

    Arrays from the cache are read-only. A cache that can't be written to only costs the time of making them again.
    """
    folder = cache_folder() / ".arrays" / name / hashlib.sha256(key.encode()).hexdigest()[:16]
    kept = _read(folder)
    if kept is not None:
        return kept
    made = make()
    _write(folder, made)
    return made


def code_hash(*modules: ModuleType) -> str:
    """A hash of the source files of modules, of a package with all in it: the part of a key that is code."""
    digest = hashlib.sha256()
    for module in modules:
        file = Path(module.__file__)
        for source in sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]:
            digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _read(folder: Path) -> dict[str, "np.ndarray"] | None:
    import numpy as np

    try:
        return {file.stem: np.load(file, mmap_mode="r") for file in sorted(folder.glob("*.npy"))} or None
    except (OSError, ValueError, EOFError):  # damaged: as good as absent
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _write(folder: Path, made: dict[str, "np.ndarray"]) -> None:
    """Store under a temporary name and rename, so that another process finds all of it or nothing."""
    import numpy as np

    new = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name, array in made.items():
            np.save(new / f"{name}.npy", array, allow_pickle=False)
        os.rename(new, folder)
    except OSError:  # no room, no permission, or another process was quicker
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)
