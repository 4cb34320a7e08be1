"""What the unit on music stands by: nothing in two parts, its sweep, its numbers."""

import json
from functools import partial

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import f1_score
from sweep_unit import defined, defined_on_real_data, with_settings

from lib.data.splits import check_disjoint
from lib.publish.project import RESULTS, ROOT, has_tag, read_notebook
from lib.publish.runs import read_runs
from lib.publish.stamp import sweep_file
from lib.publish.student import points, student_file
from lib.publish.sweep import settings

NOTEBOOK = ROOT / "notebooks" / "music_genre_affect" / "music_genre_affect.ipynb"
METRICS = json.loads((RESULTS / "music_genre_affect.json").read_text(encoding="utf-8"))["metrics"]
RUNS = read_runs(sweep_file(NOTEBOOK))
PARTS = ("lstm", "frames")
FACTORS = ("sublimity", "vitality", "unease")


@pytest.fixture(scope="module")
def made_up():
    return defined(NOTEBOOK, PARTS, "synthetic")


@pytest.fixture(scope="module")
def unit():
    return defined_on_real_data(NOTEBOOK, PARTS)


runs_of = partial(with_settings, RUNS)


def said(unit, runs, values=lambda result: result["said"]):
    """Seed → (n, k), worked out the long way, each clip by the one network that never heard it."""
    by_seed = {}
    for run in runs:
        fold, seed = run["setting"]["fold"], run["setting"]["seed"]
        rows = np.flatnonzero(unit["folds"](seed) == fold)
        by_seed.setdefault(seed, {}).update(zip(rows.tolist(), values(run["result"]), strict=True))
    n = len(unit["table"]())
    assert all(sorted(answers) == list(range(n)) for answers in by_seed.values())
    return {seed: np.array([answers[i] for i in range(n)]) for seed, answers in by_seed.items()}


def nothing_is_divided(unit):
    for seed in range(5):
        check_disjoint(unit["table"]()["group"], unit["folds"](seed))
        for fold in range(5):
            train, test = unit["parts"]({"seed": seed, "fold": fold})
            assert sorted([*train, *test]) == list(range(len(unit["table"]())))


def test_no_clip_of_the_stand_in_is_in_two_parts(made_up):
    nothing_is_divided(made_up)


@pytest.mark.real_data
def test_no_clip_is_in_two_parts(unit):
    nothing_is_divided(unit)


def test_every_run_of_the_sweep_is_stored_once():
    wanted = [json.dumps(s, sort_keys=True) for s in settings(read_notebook(NOTEBOOK), NOTEBOOK)]
    assert sorted(json.dumps(r["setting"], sort_keys=True) for r in RUNS) == sorted(wanted)


def test_the_scale_of_a_test_clip_comes_from_training_clips_alone(made_up):
    train, test = made_up["parts"]({"seed": 0, "fold": 0})
    items = list(made_up["pictures"]())
    before = made_up["scale"](items, train)
    for row in test:
        items[row] = items[row] + 1000
    assert all((a == b).all() for a, b in zip(before, made_up["scale"](items, train), strict=True))


def test_windows_lie_inside_the_clip_and_short_clips_are_repeated(made_up):
    import torch

    long = torch.arange(300.0)[:, None].expand(-1, 128)
    assert [made_up["window"](long, place)[0, 0].item() for place in (0, 0.5, 1)] == [0, 102, 204]
    short = made_up["window"](long[:40], 0.0)
    assert short[:, 0].tolist() == [*range(40), *range(40), *range(16)]


def test_the_network_without_packing_gives_the_same_numbers(made_up):
    import torch

    torch.manual_seed(0)
    packed = made_up["GenreLSTM"](12, 4).eval()
    x = torch.randn(3, 20, 12)
    with torch.no_grad():
        expected = packed(x, torch.tensor([20, 20, 20]))
        assert torch.allclose(made_up["WithoutPacking"](packed)(x), expected, atol=1e-6)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("metric", "which"),
    [
        ("mel", {"part": "frames"}),
        ("beat_chroma", {"part": "lstm", "features": "beat_chroma"}),
        ("fused", {"part": "lstm", "features": "fused", "document": None}),
        ("fused_as_in_the_exercise", {"part": "lstm", "document": True}),
        ("cnn", {"part": "cnn", "masks": True, "mix_up": None}),
    ],
)
def test_a_recorded_accuracy_is_that_of_the_stored_answers(unit, metric, which):
    found = said(unit, runs_of(**which))
    entry, genre = METRICS[f"accuracy_{metric}"], unit["genre"]()
    assert sorted(found) == entry["seeds"]
    assert entry["n"] == 400
    accuracies = [(p.argmax(1) == genre).mean() for p in found.values()]
    assert entry["value"] == pytest.approx(np.mean(accuracies), abs=1e-5)
    assert entry["low"] <= entry["value"] <= entry["high"]
    f1 = np.mean([f1_score(genre, p.argmax(1), average="macro") for p in found.values()])
    assert METRICS[f"macro_f1_{metric}"]["value"] == pytest.approx(f1, abs=1e-5)


def correlation(unit, found, names=FACTORS):
    truth = unit["table"]()[list(names)].to_numpy()
    return np.mean([[spearmanr(made[:, k], truth[:, k])[0] for k in range(len(names))] for made in found.values()])


@pytest.mark.real_data
def test_the_recorded_correlations_are_those_of_the_stored_predictions(unit):
    three = correlation(unit, said(unit, runs_of(part="affect", task="three")))
    assert METRICS["affect_cnn_multitask_three"]["value"] == pytest.approx(three, abs=1e-5)
    for name, network in (("lstm", "lstm"), ("cnn", "cnn")):
        by_task = [
            correlation(unit, said(unit, runs_of(part="affect", network=network, task=task)), (task,))
            for task in FACTORS
        ]
        assert METRICS[f"affect_{name}"]["value"] == pytest.approx(np.mean(by_task), abs=1e-5)
    for how, name in (("frozen", "frozen"), ("fine-tuned", "fine_tuned")):
        runs = runs_of(part="cnn", transfer=10)
        by_task = [
            correlation(unit, said(unit, runs, lambda r, t=task, h=how: [[v] for v in r[h][t]]), (task,))
            for task in FACTORS
        ]
        assert METRICS[f"affect_cnn_transfer_{name}"]["value"] == pytest.approx(np.mean(by_task), abs=1e-5)


def test_single_task_transfer_and_multitask_have_the_same_folds_and_seeds():
    def who(**wanted):
        return sorted((r["setting"]["seed"], r["setting"]["fold"]) for r in runs_of(part="affect", **wanted))

    everyone = sorted((r["setting"]["seed"], r["setting"]["fold"]) for r in runs_of(part="cnn", transfer=10))
    assert len(set(everyone)) == 25
    assert who(network="cnn", task="three") == everyone
    assert all(who(network="cnn", task=name) == everyone for name in FACTORS)


@pytest.mark.real_data
def test_the_recorded_reliability_is_what_a_data_frame_says(unit):
    from lib.data import load_emotify_answers

    answers = load_emotify_answers("real")
    for name in ("amazement", "power"):
        found = []
        for seed in range(20):
            shuffled = answers.sample(frac=1, random_state=seed)
            half = shuffled.groupby("name").cumcount() % 2  # every second of a clip's answers
            r = shuffled[name].groupby([shuffled["name"], half]).mean().unstack().corr().iloc[0, 1]
            found.append(2 * r / (1 + r))
        assert METRICS[f"reliability_{name}"]["value"] == pytest.approx(np.mean(found), abs=0.02)
        assert METRICS[f"ceiling_{name}"]["value"] == pytest.approx(np.mean(found) ** 0.5, abs=0.02)


def holds_zero(name):
    return METRICS[name]["low"] <= 0 <= METRICS[name]["high"]


def vitality_of_fold_0(unit, task, seed):
    (run,) = runs_of(part="affect", network="cnn", task=task, seed=seed, fold=0)
    rows = unit["folds"](seed) == 0
    made = np.reshape(run["result"]["said"], (rows.sum(), -1))[:, unit["TASKS"][task].index("vitality")]
    return spearmanr(made, unit["table"]()["vitality"].to_numpy()[rows])[0]


@pytest.mark.real_data
def test_the_model_answer_on_two_seeds_is_what_the_stored_runs_say(unit):
    found = {(t, s): vitality_of_fold_0(unit, t, s) for t in ("vitality", "three") for s in (0, 1)}
    for (task, seed), value in found.items():
        assert METRICS[f"heard_anew_{task}_seed_{seed}"]["value"] == pytest.approx(value, abs=1e-5)
    gains = [found["three", seed] - found["vitality", seed] for seed in (0, 1)]
    for seed, gain in enumerate(gains):
        assert METRICS[f"heard_anew_gap_seed_{seed}"]["value"] == pytest.approx(gain, abs=1e-5)
    assert gains[0] < -0.03, "with one seed the three heads are behind"
    assert abs(gains[1]) < 0.01, "with the other there is no difference"
    assert abs(found["three", 0] - found["three", 1]) > abs(gains[0]), "three heads: the seeds differ by more"
    assert abs(found["vitality", 0] - found["vitality", 1]) < abs(gains[0]), "one head: by less"


def test_what_has_one_seed_is_recorded_with_one():
    for name in ("accuracy_mel", "accuracy_fused_as_in_the_exercise", "affect_lstm"):
        assert METRICS[name]["seeds"] == [0]


def test_what_the_differences_say_is_what_their_intervals_hold():
    for name in (
        "gap_fused_over_beat_mel",
        "gap_exercise_s_training_over_ours",
        "gap_statistics_over_efficientnet",
        "gap_both_over_statistics",
        "gap_ensemble_over_both",
        "gain_no_masks",
        "gain_masks_and_mix_up",
        "gain_masks_five_seeds_together",
        "affect_gap_multitask_nine_over_single",
        "affect_gap_statistics_over_fine_tuned",
        "affect_gap_efficientnet_over_fine_tuned",
        "affect_gap_ensemble_over_both",
        "alike_gap_efficientnet_frozen",
    ):
        assert holds_zero(name), name
    for name in (
        "gap_beat_mel_over_beat_chroma",
        "gap_cnn_over_lstm_fused",
        "gap_statistics_over_cnn",
        "affect_gap_both_over_fine_tuned",
    ):
        assert METRICS[name]["low"] > 0, name
    for name in ("transfer_fine_tuned_over_single", "transfer_frozen_over_single", "multitask_three_over_single"):
        assert not holds_zero(f"affect_gap_{name}")
        assert METRICS[f"affect_p_{name}"]["value"] > 0.05, "not significant once corrected, as the page says"
    assert 0.04 < METRICS["affect_p_cnn_over_lstm"]["value"] < 0.05, "barely"
    for name in ("both_over_fine_tuned", "multitask_three_over_fine_tuned"):
        assert METRICS[f"affect_p_{name}"]["value"] < 0.05
    for name in ("alike_gap_statistics", "affect_gap_multitask_three_over_fine_tuned"):
        assert METRICS[name]["high"] < 0, name


def test_the_best_of_the_page_is_the_best_of_all_that_was_tried():
    genre = {k: m["value"] for k, m in METRICS.items() if k.startswith("accuracy_")}
    affect = {k: m["value"] for k, m in METRICS.items() if k.startswith("affect_") and f"{k}_vitality" in METRICS}
    assert (len(genre), len(affect)) == (11, 10)
    assert max(genre, key=genre.get) == "accuracy_statistics_and_efficientnet"
    assert max(affect, key=affect.get) == "affect_statistics_and_efficientnet"


@pytest.mark.real_data
def test_the_spread_of_single_runs_is_that_of_the_stored_predictions(unit):
    truth, transferred = unit["table"](), runs_of(part="cnn", transfer=10)
    single = {t: said(unit, runs_of(part="affect", network="cnn", task=t)) for t in FACTORS}
    tuned = {t: said(unit, transferred, lambda r, t=t: [[v] for v in r["fine-tuned"][t]]) for t in FACTORS}

    def scores(made):
        return np.array(
            [
                np.mean([spearmanr(made[t][seed][here, 0], truth[t].to_numpy()[here])[0] for t in FACTORS])
                for seed in range(5)
                for here in (unit["folds"](seed) == fold for fold in range(5))
            ]
        )

    alone, ahead = scores(single), scores(tuned) - scores(single)
    assert METRICS["affect_single_run_spread"]["value"] == pytest.approx(alone.std(ddof=1), abs=1e-5)
    name = "affect_single_run_spread_fine_tuned_over_single"
    assert METRICS[name]["value"] == pytest.approx(ahead.std(ddof=1), abs=1e-5)
    assert METRICS["affect_single_runs_fine_tuned_ahead"]["value"] == pytest.approx((ahead > 0).mean(), abs=1e-5)


@pytest.mark.real_data
def test_nearly_all_listeners_ticked_one_to_three_emotions(unit):
    from lib.data import load_emotify_answers
    from lib.data.emotify import EMOTIONS

    assert load_emotify_answers("real")[list(EMOTIONS)].sum(axis=1).between(1, 3).mean() > 0.95


def test_the_points_add_up_and_the_student_has_a_version():
    assert sum(points(read_notebook(NOTEBOOK)).values()) == 40
    assert student_file(NOTEBOOK).is_file()
    assert any(has_tag(cell, "authored_only") for cell in read_notebook(NOTEBOOK)["cells"])
