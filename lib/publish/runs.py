"""The stored runs of a sweep: a file of lines, one a run, with its setting, its result and where it comes from."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from lib.publish.project import PublishError, write_atomically

MEASURED = re.compile(r"(^|_)(seconds|per_second|mb)$")  # results that tell of the machine, not of the data


def setting_key(setting: dict) -> str:
    """A setting as text, the same for the same setting."""
    return json.dumps(setting, sort_keys=True)


def read_runs(file: Path) -> list[dict]:
    """The stored runs, of each setting the newest; a last line that was cut off by an interruption is left out.

    Raises
    ------
    PublishError
        A line before the last can't be read.
    """
    runs: dict[str, dict] = {}
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            run = json.loads(line)
            runs[setting_key(run["setting"])] = run
            run["result"], run["provenance"]["data"]
        except (ValueError, TypeError, KeyError):
            if number == len(lines):
                break
            raise PublishError(
                f"{file}: line {number} of {len(lines)} is no stored run; take the file back from version control"
            ) from None
    return list(runs.values())


def write_runs(file: Path, runs: Iterable[dict]) -> None:
    write_atomically(file, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in runs))


def append_run(file: Path, run: dict) -> None:
    """Add a run to the file, on the disk before the next one begins."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(run, ensure_ascii=False, allow_nan=False) + "\n")
        out.flush()
        os.fsync(out.fileno())


def differences(one: dict, other: dict) -> list[str]:
    """The names of results that differ; of those that were measured, only whether they are there counts."""
    shared = {k for k in {*one} & {*other} if MEASURED.search(k) or one[k] == other[k]}
    return sorted({*one, *other} - shared)
