"""What the heart-disease report says about the real patients, computed again without the report's own code."""

import ast
import json
import os
import re
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
        assert 0 < entry["low"] < entry["value"] < entry["high"] < 1
        assert entry["n"] in (303, 293, 123, 199)


def test_each_accuracy_has_its_baseline(recorded):
    assert recorded["accuracy_nested_cv"]["low"] > recorded["accuracy_majority"]["value"]
    assert recorded["rf_accuracy_as_published"]["value"] > recorded["majority_accuracy_published_split"]["value"]


def test_the_published_models_are_not_told_apart(recorded):
    for pair in ("rf_lr", "rf_svm", "lr_svm"):
        gap = recorded[f"accuracy_difference_{pair}"]
        assert gap["low"] <= 0 <= gap["high"]
        assert recorded[f"mcnemar_p_{pair}"]["value"] > 0.05


def cells():
    """The code of the report, cell by cell."""
    notebook = json.loads((ROOT / "projects" / "heart_disease.ipynb").read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def functions(*names, **known):
    """Functions of the report by name, in a namespace with what else they use."""
    found = {}
    for source in cells():
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                found[node.name] = ast.get_source_segment(source, node)
    assert set(found) == set(names)
    for source in found.values():
        exec(source, known)
    return [known[name] for name in names]


def test_the_label_beside_the_red_segment_is_the_share_of_the_sick():
    import matplotlib.pyplot as plt
    import pandas as pd

    from lib import plots

    table = pd.DataFrame({"sex": [0] * 4 + [1] * 10, "disease": [1, 0, 0, 0] + [1] * 7 + [0] * 3})
    (show_shares,) = functions(
        "show_shares", cleaned=table, pd=pd, np=np, plots=plots, NEGATIVE=plots.NEGATIVE, POSITIVE=plots.POSITIVE
    )
    _, ax = plt.subplots()
    show_shares(ax, table["sex"], ["women", "men"])
    assert [text.get_text() for text in ax.texts] == ["25 %", "70 %"]
    plt.close("all")


def test_an_auc_compares_patients_of_one_test_fold_only():
    import pandas as pd

    from lib.weighted_metrics import weighted_auc

    disease = np.array([0, 1, 0, 1, 1])
    (cv_auc,) = functions("cv_auc", disease=disease, np=np, weighted_auc=weighted_auc)
    predictions = pd.DataFrame(
        {"patient": range(5), "fold": [0, 0, 1, 1, 1], "p": [0.1, 0.2, 0.8, 0.9, 0.7]}
    )  # in fold 0 the pair is right; in fold 1 one of two; across folds the sick of fold 0 would lose to a healthy one
    assert cv_auc("p", np.ones((1, 5)), predictions) == pytest.approx([2 / 3])
    without = np.array([[1, 1, 1, 1, 0], [0, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 1, 0]])
    assert cv_auc("p", without, predictions) == pytest.approx([1, 0.5, 1, np.nan], nan_ok=True)


def test_the_interval_inside_a_hospital_counts_its_eight_healthy_patients():
    from scipy.stats import norm

    from lib.evaluation import Estimate, jackknife
    from lib.weighted_metrics import weighted_auc

    disease = np.repeat([0, 1], [8, 60])
    here, truth, held = np.arange(68), 0.74, []
    (by_class,) = functions("by_class", disease=disease, n=68, np=np, jackknife=jackknife, Estimate=Estimate)
    rng = np.random.default_rng(0)
    for _ in range(200):
        score = rng.normal(disease * norm.ppf(truth) * 2**0.5)
        estimate = by_class(lambda w, score=score: weighted_auc(disease, score, w), here)
        low, high = estimate.interval(bounds=(0, 1))[1:]
        held.append(low <= truth <= high)
    assert 7 <= estimate.df < 20
    assert np.mean(held) > 0.91


@pytest.mark.real_data
def test_the_shares_in_the_reading_of_the_panels_are_those_of_the_patients(cleaned, patients, recorded):
    groups = {
        "exercise_pain": cleaned["exang"] == 1,
        "no_exercise_pain": cleaned["exang"] == 0,
        "high_sugar": cleaned["fbs"] == 1,
        "ecg_st_t": cleaned["restecg"] == 1,
        "ecg_normal": cleaned["restecg"] == 0,
        "slope_up": patients["slope"] == 1,
        "slope_flat": patients["slope"] == 2,
        "scan_normal": patients["thal"] == 3,
        "scan_reversible": patients["thal"] == 7,
        "no_pain": cleaned["cp"] == 4,
        "atypical_angina": cleaned["cp"] == 2,
        "women": cleaned["sex"] == 0,
        "chol_known": cleaned["chol"].notna(),
    }
    for name, group in groups.items():
        entry = recorded[f"disease_rate_{name}"]
        assert entry["value"] == pytest.approx(patients.loc[group, "disease"].mean(), abs=1e-5)
        assert entry["n"] == group.sum()


@pytest.mark.real_data
def test_what_is_said_in_words_beside_the_figures_of_numbers_is_so(cleaned, patients, recorded):
    sick = cleaned["disease"] == 1
    for column, low, high in (("age", 4.5, 5.5), ("thalach", -22, -18)):
        assert low < cleaned.loc[sick, column].mean() - cleaned.loc[~sick, column].mean() < high
    assert (cleaned.loc[sick, "age"] < 40).mean() < 0.1
    assert cleaned.groupby("disease")["trestbps"].median().nunique() == 1
    no_depression = (cleaned["oldpeak"] == 0)[cleaned["oldpeak"].notna()].groupby(cleaned["disease"]).mean()
    assert no_depression[0] > 0.5 > no_depression[1]
    by_code = [patients.groupby(c)["disease"].mean() for c in ("exang", "ca", "sex", "cp", "fbs", "slope", "thal")]
    ecg = np.ptp(patients.groupby("restecg")["disease"].mean())
    assert all(ecg < np.ptp(shares) for shares in by_code)
    assert recorded["patients_high_sugar_va"]["value"] == (patients["hospital"].eq("va") & cleaned["fbs"].eq(1)).sum()
    assert recorded["chol_known_va"]["value"] == 144


def test_what_transfer_costs_is_paired_and_its_p_value_agrees_with_its_interval(recorded):
    for hospital in ("cleveland", "hungarian", "switzerland", "va"):
        cost = recorded[f"transfer_cost_{hospital}"]
        inside, outside = recorded[f"auc_in_cv_{hospital}"], recorded[f"auc_leave_hospital_out_{hospital}"]
        assert cost["value"] == pytest.approx(inside["value"] - outside["value"], abs=2e-6)
        widths = [entry["high"] - entry["low"] for entry in (cost, inside, outside)]
        assert widths[0] < widths[1] + widths[2]
        if recorded[f"transfer_cost_p_holm_{hospital}"]["value"] < 0.05:
            assert not cost["low"] <= 0 <= cost["high"]
    flattery = recorded["auc_overall_minus_same_hospital"]
    difference = recorded["auc_nested_cv"]["value"] - recorded["auc_same_hospital_pairs"]["value"]
    assert flattery["value"] == pytest.approx(difference, abs=2e-6)


def prose():
    """The Markdown of the report, cell by cell."""
    notebook = json.loads((ROOT / "projects" / "heart_disease.ipynb").read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"]


def side(entry):
    """1 where an interval lies above zero, −1 below, 0 where it holds zero."""
    return 1 if entry["low"] > 0 else -1 if entry["high"] < 0 else 0


def test_what_the_answer_says_is_what_was_measured(recorded):
    assert recorded["auc_overall_minus_same_hospital"]["low"] > 0
    costs = {h: recorded[f"transfer_cost_{h}"] for h in ("cleveland", "hungarian", "switzerland", "va")}
    assert [side(cost) for cost in costs.values()] == [1, 1, 0, 0]
    assert max(costs, key=lambda h: costs[h]["value"]) == "hungarian"
    assert side(recorded["transfer_cost_same_hospital_pairs"]) == 1
    p = {h: recorded[f"transfer_cost_p_holm_{h}"]["value"] for h in costs}
    assert [h for h in costs if p[h] < 0.05] == ["cleveland", "hungarian"]
    answer = next(text for text in prose() if "**Answer.**" in text).partition("**Answer.**")[2].partition("\n\n")[0]
    for quoted in ("auc_nested_cv", "auc_same_hospital_pairs", "transfer_cost_same_hospital_pairs"):
        assert f"heart_disease.{quoted}" in answer
    assert len(re.sub("<[^>]*>", "", answer).split()) <= 90


def test_most_of_what_budapest_loses_comes_with_the_splines(recorded):
    def left_out(kind):
        return recorded[f"auc_leave_hospital_out_{kind}hungarian"]["value"]

    assert left_out("splines_") == left_out(""), "the model chosen for Budapest is the one with the fixed penalty"
    gain = recorded["lines_gain_unseen_hungarian"]
    assert gain["value"] == pytest.approx(left_out("lr_") - left_out("splines_"), abs=2e-6)
    assert gain["value"] > recorded["transfer_cost_hungarian"]["value"] / 2
    p = {h: recorded[f"lines_gain_unseen_p_holm_{h}"]["value"] for h in ("cleveland", "hungarian", "switzerland", "va")}
    assert [h for h in p if p[h] < 0.05] == ["hungarian"]
    assert side(gain) == side(recorded["lines_gain_cv"]) == 1


def test_flags_help_in_cross_validation_and_are_open_elsewhere(recorded):
    assert side(recorded["auc_gain_over_lr_no_flags"]) == 1
    p = [recorded[f"flags_gain_unseen_p_holm_{h}"]["value"] for h in ("cleveland", "hungarian", "switzerland", "va")]
    assert min(p) == p[0] > 0.05


def test_nothing_beats_logistic_regression_and_boosting_is_worse(recorded):
    assert [side(recorded[f"auc_{short}_minus_lr"]) for short in ("chosen", "svm", "rf", "hgb")] == [0, 0, 0, -1]


def test_seven_risk_groups_stand_alone_and_four_are_named_that_do_not(recorded):
    adjusted = {
        name.removeprefix("odds_ratio_"): entry
        for name, entry in recorded.items()
        if name.startswith("odds_ratio_") and "crude" not in name
    }
    across = {name for name, entry in adjusted.items() if entry["low"] <= 1 <= entry["high"]}
    assert across == {"age", "sugar", "ecg", "blood_pressure"}
    assert recorded["risk_groups_adjusted"]["value"] == len(adjusted) - len(across) == 7
    assert {"vessels", "thallium"} == set(sorted(adjusted, key=lambda name: adjusted[name]["value"])[-2:])


def test_a_model_from_elsewhere_is_wrong_about_how_many_are_sick_except_in_cleveland(recorded):
    for hospital, fits in (("cleveland", True), ("hungarian", False), ("switzerland", False), ("va", False)):
        said, so = recorded[f"mean_probability_unseen_{hospital}"], recorded[f"disease_rate_{hospital}"]
        assert (said["low"] <= so["high"] and so["low"] <= said["high"]) == fits
    gains = [recorded[f"accuracy_gain_over_majority_{h}"] for h in ("cleveland", "hungarian", "switzerland", "va")]
    assert [side(gain) for gain in gains] == [1, 1, -1, 0]
