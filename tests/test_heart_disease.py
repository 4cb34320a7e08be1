"""What the heart-disease report says about the real patients, computed again without the report's own code."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "data" / "results" / "heart_disease.json"
TEN = ["age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"]


@pytest.fixture(scope="module")
def patients():
    """The 920 real patients; the tests that need them skip where nobody has the files."""
    from lib.data import read_heart

    places = [Path(p) for p in (os.environ.get("NOTES_DATA"), ROOT.parent / "shared" / "data") if p]
    folder = next((p / "heart" for p in places if (p / "heart" / "processed.va.data").is_file()), None)
    if folder is None:
        pytest.skip("neither $NOTES_DATA nor ../shared/data has heart/processed.*.data")
    return read_heart(folder)


@pytest.fixture(scope="module")
def cleaned(patients):
    """Impossible values as missing, the ten published features, without repeated rows."""
    table = patients[[*TEN, "disease"]].copy()
    table[["chol", "trestbps"]] = table[["chol", "trestbps"]].replace(0, np.nan)
    table.loc[table["oldpeak"] < 0, "oldpeak"] = np.nan
    return table


@pytest.fixture(scope="module")
def recorded():
    if not RESULTS.is_file():
        pytest.skip("the report has not been run yet: python -m lib run projects/heart_disease.ipynb")
    return json.loads(RESULTS.read_text(encoding="utf-8"))["metrics"]


@pytest.fixture(scope="module")
def published_accuracies(cleaned):
    """The published protocol, written out once more: name → accuracy on its 275 test patients."""
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    table = cleaned.drop_duplicates()
    train = table.sample(frac=0.7, random_state=123)
    test = table.drop(train.index)

    def filled(part):
        part = part.copy()
        for column in ("oldpeak", "trestbps", "thalach", "chol", "restecg", "exang", "fbs"):
            number = column in ("oldpeak", "trestbps", "thalach", "chol")
            part[f"{column}_missing"] = part[column].isna().astype(int)
            part[column] = part[column].fillna(part[column].median() if number else part[column].mode()[0])
        return part

    def scaled(part):
        part = pd.get_dummies(filled(part), columns=["cp", "restecg"], drop_first=True, dtype=float)
        return ((part - part.min()) / (part.max() - part.min())).fillna(0)  # a constant column becomes 0

    grid = {"kernel": ["linear", "rbf"], "C": [1], "gamma": [0.05, 0.07, 0.125, 0.25, 0.5]}
    found = {}
    for name, model, prepare in (
        ("rf", RandomForestClassifier(random_state=0), filled),
        ("lr", LogisticRegression(), scaled),
        ("svm", GridSearchCV(SVC(), grid, scoring="accuracy"), scaled),
    ):
        a, b = prepare(train), prepare(test)
        model.fit(a.drop(columns="disease"), a["disease"].astype(int))
        found[name] = (model.predict(b.drop(columns="disease")) == test["disease"]).mean()
    return found


@pytest.mark.real_data
def test_the_table_is_the_published_one(patients, cleaned):
    assert patients[[*TEN, "slope", "ca", "thal", "disease"]].shape == (920, 14)
    assert patients["disease"].sum() == 509
    by_class = cleaned.groupby("disease")["chol"].count()
    assert by_class.to_dict() == {0: 372, 1: 346}
    assert cleaned.groupby("disease")["age"].mean().round(1).to_dict() == {0: 50.5, 1: 55.9}
    assert cleaned["trestbps"].count() == 860
    assert cleaned["oldpeak"].count() == 846
    assert list(cleaned.index[cleaned.duplicated()]) == [613, 728]


@pytest.mark.real_data
def test_the_three_published_accuracies_come_out_again(published_accuracies):
    rounded = {name: round(float(a), 4) for name, a in published_accuracies.items()}
    assert rounded == {"rf": 0.7527, "lr": 0.7782, "svm": 0.7782}


@pytest.mark.real_data
def test_the_recorded_accuracies_are_the_recomputed_ones(published_accuracies, recorded):
    for name, accuracy in published_accuracies.items():
        entry = recorded[f"{name}_accuracy_as_published"]
        assert entry["value"] == pytest.approx(accuracy, abs=1e-6)
        assert entry["n"] == 275
        assert entry["published"] == pytest.approx(accuracy, abs=5e-5)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("column", "p"),
    [("chol", 0.0014), ("trestbps", 6.4e-4), ("age", 6e-18), ("oldpeak", 3e-38), ("thalach", 2e-33)],
)
def test_healthy_and_sick_are_compared_with_the_right_p_value(cleaned, recorded, column, p):
    from scipy.stats import ttest_ind

    known = cleaned.drop_duplicates().dropna(subset=column)
    healthy, sick = (known.loc[known["disease"] == c, column] for c in (0, 1))
    right = ttest_ind(healthy, sick, equal_var=False).pvalue
    assert right == pytest.approx(p, rel=0.2)
    assert recorded[f"welch_p_{column}"]["value"] == pytest.approx(right, rel=1e-4)
    assert recorded[f"welch_p_holm_{column}"]["value"] >= recorded[f"welch_p_{column}"]["value"]


def test_the_report_reaches_its_aim_and_says_how_sure_it_is(recorded):
    entry = recorded["auc_nested_cv"]
    assert entry["value"] >= 0.895
    assert entry["low"] < entry["value"] < entry["high"]
    assert entry["n"] == 918
    assert len(entry["seeds"]) >= 5


def test_all_four_hospitals_are_reported_with_an_interval(recorded):
    for hospital in ("cleveland", "hungarian", "switzerland", "va"):
        entry = recorded[f"auc_leave_hospital_out_{hospital}"]
        assert 0.5 < entry["low"] < entry["value"] < entry["high"] < 1
        assert entry["n"] in (303, 293, 123, 199)


def test_each_accuracy_has_its_baseline(recorded):
    assert recorded["accuracy_nested_cv"]["low"] > recorded["accuracy_majority"]["value"]
    assert recorded["rf_accuracy_as_published"]["value"] > recorded["majority_accuracy_published_split"]["value"]


def test_the_published_models_are_not_told_apart(recorded):
    for pair in ("rf_lr", "rf_svm", "lr_svm"):
        gap = recorded[f"accuracy_difference_{pair}"]
        assert gap["low"] <= 0 <= gap["high"]
        assert recorded[f"mcnemar_p_{pair}"]["value"] > 0.05
