"""The heart table is what its document says; odd files are told; the stand-in is like it and says so."""

import json
import shutil

import pytest

pd = pytest.importorskip("pandas")

from lib.data import DataError, load_heart, read_heart  # noqa: E402
from lib.data.heart import COLUMNS, FEATURES, HOSPITALS  # noqa: E402


@pytest.fixture
def heart(real_data, monkeypatch):
    if not (real_data / "heart").is_dir():
        pytest.skip("the heart files are not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    return load_heart()


def write(folder, hospital, lines):
    (folder / f"processed.{hospital}.data").write_text("".join(line + "\n" for line in lines))


@pytest.fixture
def made_up(tmp_path):
    """A folder with four made-up files of the right form."""
    folder = tmp_path / "heart"
    folder.mkdir()
    for hospital, count in HOSPITALS.items():
        write(folder, hospital, [f"{30 + i % 50},1,?,120,0,0,1,150,0,-.5,2,?,7,{i % 5}" for i in range(count)])
    return folder


@pytest.mark.real_data
def test_the_real_table_has_the_patients_of_four_hospitals_in_the_documents_order(heart):
    assert heart.shape == (920, 15)
    assert list(heart.columns) == [*COLUMNS, "hospital"]
    assert list(heart.index) == list(range(920))
    assert list(heart["hospital"].unique()) == ["switzerland", "cleveland", "va", "hungarian"]
    assert heart["hospital"].value_counts().to_dict() == HOSPITALS
    assert heart["hospital"].is_monotonic_increasing is False
    assert heart.loc[0, list(FEATURES)].fillna(-1).tolist() == [32, 1, 1, 95, 0, -1, 0, 127, 0, 0.7, 1, -1, -1]
    assert heart.loc[123, ["age", "chol", "oldpeak", "disease"]].tolist() == [63, 233, 2.3, 0]
    assert heart.attrs == {"name": "heart", "synthetic": False}


@pytest.mark.real_data
def test_the_real_table_has_the_known_counts(heart):
    assert heart["disease"].value_counts().to_dict() == {1: 509, 0: 411}
    assert heart["disease"].dtype == "int64"
    assert all(heart[f].dtype == "float64" for f in FEATURES)
    assert (heart["chol"] > 0).sum() == 718
    assert (heart["trestbps"] > 0).sum() == 860
    assert (heart["oldpeak"] >= 0).sum() == 846
    assert heart[["slope", "ca", "thal"]].isna().sum().to_dict() == {"slope": 309, "ca": 611, "thal": 486}
    swiss = heart[heart["hospital"] == "switzerland"]
    assert (swiss["chol"] == 0).all()
    assert round(swiss["disease"].mean(), 2) == 0.93
    assert heart.groupby("hospital")["disease"].mean().min() == pytest.approx(106 / 294)


@pytest.mark.real_data
def test_loading_the_real_table_is_logged(heart, monkeypatch, tmp_path):
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    load_heart()
    entry, call = map(json.loads, log.read_text().splitlines())
    assert call["call"] == "load_heart()"
    assert entry["name"] == "heart"
    assert len(entry["hash"]) == 64


def test_files_of_the_right_form_are_read(made_up):
    frame = read_heart(made_up)
    assert frame.shape == (920, 15)
    assert frame["cp"].isna().all()
    assert (frame["oldpeak"] == -0.5).all()
    assert set(frame["disease"]) == {0, 1}
    assert frame["disease"][:5].tolist() == [0, 1, 1, 1, 1]


GOOD = "63,1,4,140,260,0,1,112,1,3,2,?,?,2"


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ([], r"processed\.va\.data is empty"),
        ([GOOD] * 199, r"processed\.va\.data has 199 patients instead of 200"),
        ([GOOD] * 201, r"has 201 patients instead of 200"),
        ([GOOD] * 199 + [GOOD[:-2]], r"line 200: 13 columns instead of 14"),
        ([GOOD, GOOD + ",1"], r"line 2: 15 columns instead of 14"),
        ([GOOD, "", GOOD], r"line 2: 1 columns instead of 14"),
        ([GOOD.replace("140", "high")] * 200, r"line 1: could not convert string to float: 'high'"),
        ([GOOD.replace("140", "nan")] * 200, r"line 1: a value is not a finite number"),
        ([GOOD[:-1] + "?"] * 200, r"a patient has no diagnosis"),
        (["<html>not found</html>"], r"line 1: 1 columns"),
    ],
)
def test_an_odd_file_is_told_with_its_name_line_and_remedy(made_up, lines, match):
    write(made_up, "va", lines)
    with pytest.raises(DataError, match=match) as caught:
        read_heart(made_up)
    assert str(caught.value).startswith("heart: ")
    assert "$NOTES_DATA/heart" in str(caught.value)


def test_a_missing_file_is_told(made_up):
    (made_up / "processed.hungarian.data").unlink()
    with pytest.raises(DataError, match=r"processed\.hungarian\.data is missing"):
        read_heart(made_up)


def test_a_file_that_is_not_text_is_told(made_up):
    (made_up / "processed.va.data").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(DataError, match=r"processed\.va\.data is not plain text"):
        read_heart(made_up)


def test_files_of_the_users_folder_that_are_not_the_published_ones_are_not_read(made_up, monkeypatch):
    monkeypatch.setenv("NOTES_DATA", str(made_up.parent))
    with pytest.raises(DataError, match=r"processed\.cleveland\.data is not the published file"):
        load_heart()


@pytest.mark.real_data
def test_a_truncated_copy_of_the_real_files_is_not_read(heart, real_data, tmp_path, monkeypatch):
    copy = tmp_path / "user" / "heart"
    shutil.copytree(real_data / "heart", copy)
    path = copy / "processed.va.data"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setenv("NOTES_DATA", str(copy.parent))
    with pytest.raises(DataError, match=r"processed\.va\.data is not the published file"):
        load_heart()


def test_an_unknown_source_is_told():
    with pytest.raises(DataError, match="'real' and 'synthetic', not 'reel'"):
        load_heart("reel")


def test_the_stand_in_says_what_it_is(capsys, monkeypatch, tmp_path):
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    frame = load_heart("synthetic")
    assert frame.attrs["synthetic"] is True
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "made by code" in out
    assert json.loads(log.read_text().splitlines()[0])["name"] == "heart:synthetic"


def test_the_stand_in_is_the_same_every_time():
    pd.testing.assert_frame_equal(load_heart("synthetic"), load_heart("synthetic"))


def test_the_stand_in_has_the_form_of_the_real_table():
    frame = load_heart("synthetic")
    assert list(frame.columns) == [*COLUMNS, "hospital"]
    assert len(frame) == 240
    assert list(frame.index) == list(range(240))
    assert frame["disease"].dtype == "int64"
    assert all(frame[f].dtype == "float64" for f in FEATURES)
    assert frame["hospital"].value_counts().to_dict() == dict.fromkeys(HOSPITALS, 60)
    allowed = {"sex": {0, 1}, "cp": {1, 2, 3, 4}, "fbs": {0, 1}, "restecg": {0, 1, 2}, "exang": {0, 1}}
    allowed |= {"slope": {1, 2, 3}, "ca": {0, 1, 2, 3}, "thal": {3, 6, 7}, "disease": {0, 1}}
    for column, values in allowed.items():
        assert set(frame[column].dropna()) == values


def test_the_stand_in_has_the_gaps_and_oddities_of_the_real_table():
    frame = load_heart("synthetic")
    by = frame.groupby("hospital")
    assert (by["disease"].nunique() == 2).all()
    assert (frame.loc[frame["hospital"] == "switzerland", "chol"] == 0).all()
    assert (frame.loc[frame["hospital"] == "va", "chol"] == 0).any()
    assert (frame["trestbps"] == 0).sum() == 1
    assert (frame["oldpeak"] < 0).sum() == 6
    missing = frame.isna().groupby(frame["hospital"]).mean()
    assert (missing.loc[["switzerland", "va", "hungarian"], "ca"] > 0.8).all()
    assert missing.loc["cleveland", "ca"] < 0.1
    assert missing.loc["va", "trestbps"] > 0.1
    assert (missing[["age", "sex", "cp", "disease", "hospital"]] == 0).all(axis=None)


def test_the_stand_in_depends_weakly_on_disease():
    frame = load_heart("synthetic")
    means = frame.groupby("disease")[["oldpeak", "thalach", "exang"]].mean()
    assert means.loc[1, "oldpeak"] > means.loc[0, "oldpeak"]
    assert means.loc[1, "thalach"] < means.loc[0, "thalach"]
    assert means.loc[1, "exang"] > means.loc[0, "exang"]


@pytest.mark.real_data
def test_the_stand_in_holds_no_patient_of_the_real_table(heart):
    real = set(map(tuple, heart[list(FEATURES)].fillna(-1).to_numpy()))
    made = set(map(tuple, load_heart("synthetic")[list(FEATURES)].fillna(-1).to_numpy()))
    assert not real & made
