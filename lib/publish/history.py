"""Earlier states of the repository, taken out of version control."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.publish.project import ROOT, PublishError


def git(*words: str, root: Path = ROOT) -> bytes:
    """What git says.

    Raises
    ------
    PublishError
        There is no git, or it refuses.
    """
    try:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise PublishError("git is not installed; a proof needs the repository's history") from None
    except subprocess.CalledProcessError as error:
        raise PublishError(f"git {words[0]}: {error.stderr.decode(errors='replace').strip()}") from None


@contextmanager
def as_of(commit: str, root: Path = ROOT) -> Iterator[Path]:
    """A folder that holds the repository as it was at a commit, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="notes_history_", ignore_cleanup_errors=True) as folder:
        archive = git("archive", commit, root=root)
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def newest(paths: list[str], fits: Callable[[Path], bool], root: Path = ROOT) -> str | None:
    """The newest commit at which the repository `fits`, of those that changed one of these paths."""
    for commit in git("log", "--format=%H", "HEAD", "--", *paths, root=root).decode().split():
        with as_of(commit, root) as folder:
            if fits(folder):
                return commit
    return None
