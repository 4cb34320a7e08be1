"""What the report on active emotions stands by: its sweep, its sealed speakers, its numbers."""

import json
import re
from itertools import pairwise
from statistics import mean

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lib.data.ravdess import EMOTIONS, all_names
from lib.evaluation import holm, jackknife, mean_over
from lib.models.conv_transformer import ConvTransformer
from lib.models.vision import SpectrogramConvNeXt
from lib.publish.project import RESULTS, ROOT, read_notebook
from lib.publish.runs import read_runs
from lib.publish.stamp import sweep_file
from lib.publish.sweep import settings
from lib.weighted_metrics import weighted_auc

NOTEBOOK = ROOT / "projects" / "emotional_speech_detection.ipynb"
METRICS = json.loads((RESULTS / "emotional_speech_detection.json").read_text(encoding="utf-8"))["metrics"]
RUNS = read_runs(sweep_file(NOTEBOOK))
NETWORKS = ("conv_transformer", "deit", "convnext", "wav2vec2", "hybrid")
BASELINES = ("level", "statistics", "mel_statistics")
ACTIVE = {"happy", "surprised", "fearful", "angry"}
MISTAKES = ("padding", "positions", "hop", "mode", "level")  # and DeiT's head
TEST = [name for name in sorted(all_names()) if int(name[-2:]) >= 17]  # the last eight actors
ACTED = np.array([EMOTIONS[int(name[6:8]) - 1] for name in TEST])
LABELS = np.isin(ACTED, list(ACTIVE))
STRONG = np.array([name[9:11] == "02" for name in TEST])
ACTOR = np.array([name[-2:] for name in TEST])


def main_runs(model, without=None, mapping=None):
    """The results of a network or baseline, ordered by seed."""
    runs = [
        r
        for r in RUNS
        if model in (r["setting"].get("model"), r["setting"].get("features"))
        and r["setting"].get("without") == without
        and r["setting"].get("mapping") == mapping
    ]
    return sorted(runs, key=lambda r: r["setting"]["seed"])


def own_aurocs(runs, field="test_scores", y=LABELS):
    """(seeds, actors): the AUROC within each test actor."""
    scores = [np.array(r["result"][field]) for r in runs]
    return np.array([[roc_auc_score(y[a == ACTOR], s[a == ACTOR]) for a in np.unique(ACTOR)] for s in scores])


def gains():
    """Each network's own AUROC minus the baseline's, (seeds, actors)."""
    baseline = own_aurocs(main_runs("statistics"))
    return {m: own_aurocs(main_runs(m)) - baseline for m in NETWORKS}


def changes():
    """What each mistake changes in the own AUROC, (seeds, actors)."""
    fields = {"hop": "other_hop_scores", "mode": "training_mode_scores"}
    found = {}
    for model, without in [("conv_transformer", w) for w in MISTAKES] + [("deit", "head")]:
        runs = main_runs(model) if without in fields else main_runs(model, without)
        with_it = own_aurocs(runs, fields.get(without, "test_scores"))
        found[f"{model}_{without}"] = with_it - own_aurocs(main_runs(model)[: len(runs)])
    return found


def losses():
    """The loss of the five CNN-Transformers' mean probability on each test recording."""
    scores = np.array([r["result"]["test_scores"] for r in main_runs("conv_transformer")])
    p = (1 / (1 + np.exp(-scores))).mean(0)
    return -np.log(np.where(LABELS, p, 1 - p))


def by_actor(values, chosen):
    return np.array([values[chosen & (a == ACTOR)].mean() for a in np.unique(ACTOR)])


@pytest.mark.parametrize("model", [*BASELINES, *NETWORKS])
def test_a_recorded_auroc_is_that_of_the_stored_scores_on_the_sealed_actors(model):
    runs = main_runs(model)
    assert sorted(r["setting"]["seed"] for r in runs) == [0, 1, 2, 3, 4]
    areas = [roc_auc_score(LABELS, r["result"]["test_scores"]) for r in runs]
    entry = METRICS[f"test_auroc_{model}"]
    assert entry["n"] == len(TEST) == 480
    assert entry["value"] == pytest.approx(mean(areas), abs=1e-5)
    assert entry["low"] < entry["value"] < entry["high"]


def test_the_published_table_is_the_documents():
    code = "\n".join(c["source"] for c in read_notebook(NOTEBOOK)["cells"] if c["cell_type"] == "code")
    for area, score in ((0.8037, 0.6358), (0.7976, 0.6287), (0.8120, 0.6446), (0.8175, 0.6541), (0.8253, 0.6591)):
        assert f"({area:.4f}, {score:.4f})" in code


def test_every_run_of_the_sweep_is_stored_once():
    wanted = settings(read_notebook(NOTEBOOK), NOTEBOOK)
    keys = [json.dumps(r["setting"], sort_keys=True) for r in RUNS]
    assert sorted(keys) == sorted(json.dumps(s, sort_keys=True) for s in wanted)


def test_no_run_read_anything_but_ravdess():
    assert {tuple(r["provenance"]["data"]) for r in RUNS} == {("ravdess",)}


def test_frozen_parts_stay_frozen_and_the_others_train():
    for model in NETWORKS:
        for run in main_runs(model):
            counted = run["result"]["parameters"], run["result"]["trainable"]
            assert (counted[1] < counted[0]) == (model in ("wav2vec2", "hybrid"))
    heads = [r["result"] for r in RUNS if r["setting"].get("without") == "head"]
    assert heads
    assert {r["parameters"] - r["trainable"] for r in heads} == {2 * (192 + 1)}  # two heads of DeiT-tiny


def test_the_networks_have_the_sizes_that_the_page_tells():
    assert METRICS["parameters_conv_transformer"]["value"] == pytest.approx(_size(ConvTransformer()), rel=1e-5)
    small = SpectrogramConvNeXt("convnext_atto", ls_init_value=1.0)
    assert METRICS["parameters_convnext"]["value"] == pytest.approx(_size(small), rel=1e-5)


def test_running_a_stored_training_again_comes_close_and_the_page_says_how_close():
    assert abs(METRICS["rerun_difference_conv_transformer"]["value"]) < 0.01
    prose = [c["source"] for c in read_notebook(NOTEBOOK)["cells"] if c["cell_type"] == "markdown"]
    (again,) = (text for text in prose if "## One run again" in text)
    assert "emotional_speech_detection.rerun_difference_conv_transformer" in again


def test_no_interval_has_width_zero_and_none_is_missing():
    for name, entry in METRICS.items():
        assert entry["kind"] in ("exact", "sampled"), name
        assert entry["kind"] == "exact" or entry["low"] < entry["high"], name


@pytest.mark.parametrize("model", NETWORKS)
def test_interval_and_p_of_a_comparison_are_of_one_statistic_of_the_own_aurocs(model):
    one = mean_over(gains()[model])
    entry, interval = METRICS[f"gain_{model}"], one.interval()
    for name in ("value", "low", "high"):
        assert entry[name] == pytest.approx(getattr(interval, name), abs=1e-5)
    assert (one.p_value() < 0.05) == (not interval.low <= 0 <= interval.high)
    adjusted = holm([mean_over(g).p_value() for g in gains().values()])
    assert METRICS[f"gain_p_{model}"]["value"] == pytest.approx(adjusted[NETWORKS.index(model)], abs=1e-5)


def test_no_network_is_shown_to_differ_from_the_baseline_even_before_holm():
    assert all(mean_over(g).p_value() > 0.05 for g in gains().values())


def test_over_all_speakers_together_the_largest_difference_is_deits_and_not_established_after_holm():
    found = {m: METRICS[f"gain_pooled_{m}"] for m in NETWORKS}
    assert max(found, key=lambda m: abs(found[m]["value"])) == "deit"
    assert found["deit"]["high"] < 0
    assert all(METRICS[f"gain_pooled_p_{m}"]["value"] > 0.05 for m in NETWORKS)


def test_one_actor_goes_against_the_rest_of_two_networks():
    means = {m: g.mean(0) for m, g in gains().items()}
    seventeen = list(np.unique(ACTOR)).index("17")
    assert all(g[seventeen] > 0 for g in means.values())
    assert all((np.delete(means[m], seventeen) < 0).all() for m in ("deit", "wav2vec2"))


def test_convnext_is_highest_on_the_test_and_third_on_validation():
    test = {m: METRICS[f"test_auroc_{m}"]["value"] for m in NETWORKS}
    validation = {m: mean(r["result"]["val_auroc"] for r in main_runs(m)) for m in NETWORKS}
    assert max(test, key=test.get) == "convnext"
    ranked = sorted(validation, key=validation.get, reverse=True)
    assert ranked[0] == "conv_transformer"
    assert ranked[2] == "convnext"


def test_the_seeds_of_convnext_together_are_highest_for_strangers():
    kept = {n: e["value"] for n, e in METRICS.items() if n.removeprefix("test_auroc_") in (*BASELINES, *NETWORKS)}
    kept |= {n: e["value"] for n, e in METRICS.items() if n.startswith("test_auroc_seeds_")}
    kept["test_auroc_blend"] = METRICS["test_auroc_blend"]["value"]
    assert len(kept) == 15
    assert max(kept, key=kept.get) == "test_auroc_seeds_convnext"
    entry = METRICS["test_auroc_seeds_convnext"]
    assert entry["value"] < 0.9 < entry["high"]  # the aim


def test_loudness_alone_goes_about_as_far_as_two_networks():
    for kind in ("test_auroc", "own_auroc"):
        below = METRICS[f"{kind}_level"]["value"] + 0.01
        assert {m for m in NETWORKS if METRICS[f"{kind}_{m}"]["value"] <= below} == {"deit", "wav2vec2"}


def test_auroc_falls_from_validation_to_test_for_the_baseline_and_three_networks():
    fallen = set()
    for model in ("statistics", *NETWORKS):
        results = [r["result"] for r in main_runs(model)]

        def change(weights, results=results):
            rises = [weighted_auc(LABELS, r["test_scores"], weights) - r["val_auroc"] for r in results]
            return np.stack(rises, 1)

        value, low, high = jackknife(change, ACTOR).interval()
        assert low < 0 < high
        if value < 0:
            fallen.add(model)
    assert fallen == {"statistics", "conv_transformer", "deit", "wav2vec2"}
    assert METRICS["f1_drop_validation_to_test"]["low"] > 0


def test_of_the_mistakes_only_the_hop_lowers_the_score_measurably():
    found = {name: mean_over(c) for name, c in changes().items()}
    adjusted = dict(zip(found, holm([one.p_value() for one in found.values()]), strict=True))
    assert [name for name, p in adjusted.items() if p < 0.05] == ["conv_transformer_hop"]
    for name, one in found.items():
        low, high = one.interval()[1:]
        assert (low < 0 < high) == (name != "conv_transformer_hop")
        assert METRICS[f"change_{name}"]["value"] == pytest.approx(one.value, abs=1e-5)
    assert max(found, key=lambda name: abs(found[name].value)) == "conv_transformer_level"


def test_over_all_speakers_together_the_hop_would_not_stay_after_holm():
    scores = [r["result"] for r in main_runs("conv_transformer")]

    def change(weights):
        both = [[weighted_auc(LABELS, r[f], weights) for f in ("other_hop_scores", "test_scores")] for r in scores]
        return np.stack([other - own for other, own in both], 1)

    one = jackknife(change, ACTOR)
    assert METRICS["change_pooled_conv_transformer_hop"]["high"] == pytest.approx(one.interval().high, abs=1e-5)
    assert one.p_value() < 0.05 < 6 * one.p_value()


def test_what_the_answer_says_is_what_was_measured():
    answer = next(
        c["source"].partition("**Answer.**")[2]
        for c in read_notebook(NOTEBOOK)["cells"]
        if c["cell_type"] == "markdown" and "**Answer.**" in c["source"]
    )
    assert len(re.sub("<[^>]*>", "", answer).split()) <= 90
    assert max(NETWORKS, key=lambda m: METRICS[f"test_auroc_{m}"]["value"]) == "convnext"
    for name in ("test_auroc_statistics", "test_auroc_convnext", "change_conv_transformer_hop"):
        assert f"emotional_speech_detection.{name}" in answer


def test_disgust_moves_the_baseline_more_than_the_networks_differ():
    own = [METRICS[f"own_auroc_{m}"]["value"] for m in NETWORKS]
    assert METRICS["move_statistics_with_disgust"]["value"] > max(own) - min(own)
    y = LABELS | (ACTED == "disgust")
    moved = own_aurocs(main_runs("statistics", mapping="with disgust"), y=y) - own_aurocs(main_runs("statistics"))
    entry = METRICS["move_statistics_with_disgust"]
    assert entry["low"] == pytest.approx(mean_over(moved).interval().low, abs=1e-5)
    assert METRICS["move_statistics_strong_only"]["low"] < 0 < METRICS["move_conv_transformer_strong_only"]["low"]


def test_every_actor_plays_the_same_sixty_items():
    items = {}
    for name in all_names():
        items.setdefault(name[-2:], []).append(name[:-3])
    assert len(items) == 24
    assert all(sorted(a) == sorted(b) for a, b in pairwise(items.values()))
    assert [LABELS[a == ACTOR].sum() for a in np.unique(ACTOR)] == [32] * 8


def test_a_speakers_mean_moves_the_order_between_speakers_not_within():
    heard = {n: [r for r in RUNS if r["setting"].get("heard") == n] for n in (1, 60)}
    for number, runs in heard.items():
        runs = sorted(runs, key=lambda r: r["setting"]["seed"])
        one = mean_over(own_aurocs(runs) - own_aurocs(main_runs("statistics")))
        low, high = one.interval()[1:]
        assert low < 0 < high
        assert METRICS[f"gain_heard_{number}"]["low"] == pytest.approx(low, abs=1e-5)
    assert METRICS["gain_pooled_heard_1"]["high"] < 0
    assert METRICS["gain_pooled_heard_60"]["low"] < 0 < METRICS["gain_pooled_heard_60"]["high"]


def test_what_the_page_says_of_losses_is_so():
    loss = losses()
    means = {e: loss[e == ACTED].mean() for e in EMOTIONS}
    ranked = sorted(means, key=means.get)
    assert ranked[-1] == "disgust"
    assert set(ranked[:3]) == {"calm", "neutral", "angry"}
    both = [e for e in EMOTIONS if e != "neutral"]  # neutral has one intensity
    found = {e: mean_over(by_actor(loss, (e == ACTED) & STRONG) - by_actor(loss, (e == ACTED) & ~STRONG)) for e in both}
    adjusted = dict(zip(both, holm([one.p_value() for one in found.values()]), strict=True))
    assert {e for e in both if adjusted[e] < 0.05} == {*ACTIVE, "sad"}
    assert {e for e in both if found[e].value > 0} == {"sad", "disgust"}
    for emotion, one in found.items():
        assert METRICS[f"loss_change_{emotion}"]["value"] == pytest.approx(one.value, abs=1e-3)
    for name in ("loss_per_second", "loss_women_minus_men"):
        assert METRICS[name]["low"] < 0 < METRICS[name]["high"]


def test_the_worst_four_are_quiet_fear_and_surprise_three_of_one_actress():
    worst = np.argsort(-losses())[:4]
    assert {ACTED[i] for i in worst} == {"fearful", "surprised"}
    assert not STRONG[worst].any()
    assert sorted(ACTOR[worst]) == ["19", "20", "20", "20"]  # even numbers are women
    assert METRICS["worst_four_loudness_rank"]["value"] == 4


def _size(network):
    return sum(p.numel() for p in network.parameters())
