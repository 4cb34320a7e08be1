"""What the report on rice leaves stands by: no photograph in two parts, its sweep, its numbers."""

import colorsys
import json
from functools import partial

import numpy as np
import pytest
import torch
from sweep_unit import defined, defined_on_real_data, with_settings

from lib.data.near_copies import families, positions
from lib.data.splits import check_disjoint
from lib.evaluation import bootstrap_weighted, jackknife
from lib.publish.project import RESULTS, ROOT, read_notebook
from lib.publish.sweep import read_runs, settings, sweep_file

NOTEBOOK = ROOT / "projects" / "resnet_from_scratch.ipynb"
RUNS = read_runs(sweep_file(NOTEBOOK))
FIRST = {"split": "families", "variant": "as built", "fold": 0, "seed": 0}
GROUPED = {"part": "network", "split": "families"}  # 18 epochs, for the comparison of parts
LONG = {"part": "long", "split": "families", "variant": "as built"}  # 40 epochs
runs_of = partial(with_settings, RUNS)


@pytest.fixture(scope="module")
def made_up():
    """What the sweep defines, on the stand-in at a scale of seconds."""
    names = defined(NOTEBOOK, ("forest", "network", "uci", "pretrained"), "synthetic")
    names.update(size=32, epochs=1, trees=10, precision="no")
    return names


@pytest.fixture(scope="module")
def unit():
    return defined_on_real_data(NOTEBOOK, ("forest", "network", "uci"))


@pytest.fixture(scope="module")
def run(made_up):
    """A training on four of the stand-in's five folds."""
    return made_up["train_network"](FIRST)


def no_photograph_is_divided(unit):
    photograph, fold = unit["family"](), unit["folds"]("families")
    check_disjoint(photograph, fold)
    assert len(photograph) == len(fold) == len(unit["labels"]())
    for number in range(unit["N_FOLDS"]):
        train, test = unit["parts"]({"split": "families", "fold": number})
        assert not set(photograph[train]) & set(photograph[test])
        assert sorted([*train, *test]) == list(range(len(fold)))
        assert set(unit["labels"]()[test]) == set(unit["labels"]()), "each fold has every disease"


def test_no_photograph_of_the_stand_in_is_in_two_folds(made_up):
    no_photograph_is_divided(made_up)


@pytest.mark.real_data
def test_no_photograph_is_in_two_folds(unit):
    no_photograph_is_divided(unit)


def met_before(unit, split):
    """The share of pictures of whose photograph another picture lies in another fold."""
    homes = {}
    for photograph, fold in zip(unit["family"](), unit["folds"](split), strict=True):
        homes.setdefault(photograph, set()).add(fold)
    return np.mean([len(homes[photograph]) > 1 for photograph in unit["family"]()])


@pytest.mark.real_data
def test_in_a_random_split_nearly_every_picture_has_a_copy_among_those_trained_on(unit):
    assert met_before(unit, "pictures") > 0.99
    assert met_before(unit, "families") == 0


def test_pixels_run_from_minus_two_to_two_at_the_size_asked_for(made_up):
    x = made_up["pixels"](np.stack([np.full((96, 96, 3), level, np.uint8) for level in (0, 255)]), 40)
    assert x.shape == (2, 3, 40, 40)
    assert x.dtype == torch.float32
    assert torch.allclose(x[0], torch.tensor(-2.0))
    assert torch.allclose(x[1], torch.tensor(2.0))


def test_the_statistics_of_a_picture_do_not_depend_on_those_beside_it(made_up):
    pictures = made_up["pictures"]().images[:4]
    assert np.allclose(made_up["statistics"](pictures)[1:2], made_up["statistics"](pictures[1:2]), atol=1e-6)


def test_the_statistics_stay_when_a_picture_is_turned_or_mirrored(made_up):
    pictures = made_up["pictures"]().images
    found = made_up["statistics"](np.stack(positions(pictures[7])))
    assert found.shape == (8, 123)
    # The last eight are directions in bins: an edge on the border of two changes its bin.
    assert np.allclose(found[:, :115], found[0, :115], atol=1e-5)
    assert np.allclose(found[:, 115:], found[0, 115:], rtol=0.2)
    assert not np.allclose(found[0], made_up["statistics"](pictures[8:9])[0], atol=0.02), "pictures differ"


@pytest.mark.parametrize("colour", [(200, 120, 40), (255, 120, 30)])
def test_a_picture_of_one_colour_has_the_statistics_one_expects(made_up, colour):
    (found,) = made_up["statistics"](np.full((1, 12, 12, 3), colour, np.uint8))
    shares, (moments, edges) = found[:96].reshape(6, 16), np.split(found[96:], [12])
    values = np.array([level / 255 for level in colour])
    values = np.array([*values, *colorsys.rgb_to_hsv(*values)])
    assert np.array_equal(shares, np.eye(16)[np.minimum(16 * values, 15).astype(int)])
    assert np.allclose(moments.reshape(6, 2), np.stack([values, 0 * values], 1), atol=1e-5)
    assert not edges.any()


def test_an_edge_counts_with_its_strength_whichever_way_it_runs(made_up):
    step = np.repeat(np.repeat(np.array([0, 255], np.uint8), 6)[None], 12, 0)
    pictures = np.stack([step, step[:, ::-1], step.T, step.T[::-1]])
    found = made_up["statistics"](np.stack([pictures] * 3, -1))[:, 108:]
    assert np.allclose(found, found[0], atol=1e-6)
    percentiles, directions = np.split(found[0], [7])
    # Two of twelve columns see the edge: so do the three percentiles from 90 on, and one direction.
    strength = percentiles[-1]
    assert strength > 0.3
    assert percentiles == pytest.approx([0, 0, 0, 0, *[strength] * 3])
    assert directions == pytest.approx([*[0] * 7, strength * 2 / 12])


@pytest.mark.slow
def test_a_training_of_one_epoch_beats_chance_on_photographs_it_never_met(made_up, run):
    _, test = made_up["parts"](FIRST)
    said = made_up["answers"](run, made_up["seen"]()[test])
    assert said.shape == (len(test), 4)
    assert np.allclose(said.sum(1), 1, atol=1e-5)
    right = (said.argmax(1) == made_up["labels"]()[test]).mean()
    assert right > 0.25 + 4 * np.sqrt(0.25 * 0.75 / 10), "beyond chance with ten photographs"


@pytest.mark.slow
def test_the_answer_for_a_picture_is_the_same_in_each_of_its_positions(made_up, run):
    x = made_up["seen"]()[::60]
    turned = [torch.rot90(side, k, (2, 3)) for side in (x, x.flip(2)) for k in range(4)]
    said = made_up["answers"](run, torch.cat(turned)).reshape(8, 4, 4)
    assert np.allclose(said, said[0], atol=1e-4)
    assert not np.allclose(said[0], said[0, :1], atol=1e-2), "the diseases differ"


@pytest.fixture
def brief(made_up, monkeypatch):
    """Epochs of three batches."""
    monkeypatch.setattr(made_up["LeafBatches"], "__len__", lambda self: 3)
    return made_up


def weights(run):
    return torch.cat([value.ravel().double() for value in run.model.state_dict().values()])


@pytest.mark.parametrize("variant", ["as built", "no batch norm", "no augmentation"])
def test_a_seed_decides_a_training(brief, variant):
    made = [weights(brief["train_network"](FIRST | {"variant": variant, "seed": seed})) for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_settling_changes_what_batch_norm_expects_and_nothing_that_was_learned(brief):
    run = brief["train_network"](FIRST)
    learned, before = ([p.clone() for p in kept] for kept in (run.model.parameters(), run.model.buffers()))
    brief["settle"](run)
    assert all(torch.equal(old, new) for old, new in zip(learned, run.model.parameters(), strict=True))
    assert not any(torch.equal(old, new) for old, new in zip(before, run.model.buffers(), strict=True))
    settled = weights(run)
    brief["settle"](run)
    assert torch.equal(settled, weights(run)), "it can be done again"


@pytest.fixture
def other_fold(made_up, monkeypatch):
    """Call it, and the tested fold has other labels and other pictures."""
    fold, said, images = made_up["folds"]("families"), made_up["labels"](), made_up["seen"]()
    tested = fold == FIRST["fold"]

    def change():
        monkeypatch.setitem(made_up, "folds", lambda split: fold)
        monkeypatch.setitem(made_up, "labels", lambda of=None: np.where(tested, (said + 1) % 4, said))
        other = torch.where(torch.as_tensor(tested)[:, None, None, None], -images, images)
        monkeypatch.setitem(made_up, "seen", lambda which="field": other)
        return tested

    return change


def test_neither_training_nor_settling_sees_the_tested_fold(brief, other_fold):
    def settled(setting):
        run = brief["train_network"](setting)
        brief["settle"](run)
        return weights(run)

    before = settled(FIRST)
    other_fold()
    assert torch.equal(before, settled(FIRST))
    assert not torch.equal(before, settled(FIRST | {"fold": 1}))


@pytest.mark.parametrize("part", ["forest", "pretrained"])
def test_answers_for_a_fold_owe_nothing_to_its_labels(made_up, other_fold, monkeypatch, part):
    monkeypatch.setitem(made_up, "pretrained_numbers", made_up["numbers"])
    setting = {"split": "families", "seed": 0}
    before = np.array(made_up[f"run_{part}"](setting)["said"])
    tested = other_fold()
    after = np.array(made_up[f"run_{part}"](setting)["said"])
    assert np.array_equal(before[tested], after[tested])
    assert not np.array_equal(before[~tested], after[~tested]), "other folds do learn from them"


def test_every_run_of_the_sweep_is_stored_once():
    wanted = [json.dumps(s, sort_keys=True) for s in settings(read_notebook(NOTEBOOK), NOTEBOOK)]
    assert sorted(json.dumps(r["setting"], sort_keys=True) for r in RUNS) == sorted(wanted)


@pytest.fixture(scope="module")
def recorded():
    file = RESULTS / "resnet_from_scratch.json"
    assert file.is_file(), f"{file.name}: not there yet; python -m lib run {NOTEBOOK.relative_to(ROOT)} writes it"
    return json.loads(file.read_text(encoding="utf-8"))["metrics"]


def answered(unit, runs, key="said"):
    """Of each seed the answers (n, …) for all pictures, each by the model that never met its fold.

    Where pictures were dealt at random each fold has a seed of its own, and all make one division.
    """
    made, n = {}, len(unit["labels"]())
    for run in runs:
        setting, answers = run["setting"], run["result"][key]
        apart = "fold" in setting and setting["split"] == "pictures"
        whole = made.setdefault("all" if apart else setting.get("seed"), {})
        rows = np.flatnonzero(unit["folds"](setting["split"]) == setting["fold"]) if "fold" in setting else range(n)
        for row, answer in zip(rows, answers, strict=True):
            assert row not in whole, "no picture is answered twice"
            whole[row] = answer
    assert made
    assert all(len(whole) == n for whole in made.values())
    return {seed: np.array([whole[row] for row in range(n)]) for seed, whole in made.items()}


def accuracy(unit, runs, rows=slice(None), key="said"):
    return np.mean([(said == unit["labels"]())[rows].mean() for said in answered(unit, runs, key).values()])


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("metric", "which", "seeds"),
    [
        ("accuracy_grouped", LONG, 3),
        ("accuracy_random_split", LONG | {"split": "pictures"}, 1),
        ("accuracy_baseline_grouped", {"part": "forest", "split": "families"}, 5),
        ("accuracy_baseline_random_split", {"part": "forest", "split": "pictures"}, 5),
        ("accuracy_no_skip", GROUPED | {"variant": "no skip"}, 1),
        ("accuracy_no_batch_norm", GROUPED | {"variant": "no batch norm"}, 1),
        ("accuracy_no_augmentation", GROUPED | {"variant": "no augmentation"}, 1),
        ("accuracy_pretrained", {"part": "pretrained", "split": "families"}, 1),
        ("accuracy_pretrained_random_split", {"part": "pretrained", "split": "pictures"}, 1),
    ],
)
def test_a_recorded_accuracy_is_that_of_the_stored_answers(unit, recorded, metric, which, seeds):
    entry, n = recorded[metric], len(unit["labels"]())
    assert (len(answered(unit, runs_of(**which))), entry["seeds"], entry["n"]) == (seeds, seeds, n)
    assert entry["value"] == pytest.approx(accuracy(unit, runs_of(**which)), abs=1e-5)
    assert entry["low"] <= entry["value"] <= entry["high"]


@pytest.mark.real_data
def test_a_recorded_accuracy_of_some_folds_or_pictures_is_that_of_the_answers_there(unit, recorded):
    fold, homes = unit["folds"]("families"), {}
    kin = families(unit["pictures"]().images, 12)
    for one, home in zip(kin, fold, strict=True):
        homes.setdefault(one, set()).add(home)
    some = {
        "fold_0": fold == 0,
        "other_folds": fold > 0,
        "12_bits": np.array([len(homes[one]) == 1 for one in kin]),
    }
    for name, rows in some.items():
        entry = recorded[f"accuracy_grouped_{name}"]
        assert entry["n"] == rows.sum() < len(rows)
        found = accuracy(unit, runs_of(**LONG), rows)
        assert entry["value"] == pytest.approx(found, abs=1e-5), name


@pytest.mark.real_data
def test_the_recorded_accuracies_of_each_step_are_those_of_its_answers(unit, recorded):
    for metric, key in (("accuracy_unsettled", "unsettled"), ("accuracy_settled", "one_position")):
        found = accuracy(unit, runs_of(**LONG), key=key)
        assert recorded[metric]["value"] == pytest.approx(found, abs=1e-5), metric


@pytest.mark.real_data
def test_the_recorded_accuracies_of_several_together_are_those_of_their_mean_probabilities(unit, recorded):
    percent = answered(unit, runs_of(**LONG), "percent")
    forests = answered(unit, runs_of(part="forest", split="families"), "percent")
    assert (len(percent), len(forests)) == (3, 5)
    networks, trees = (sum(one.values()) / len(one) for one in (percent, forests))
    for metric, together in (("committee", networks), ("with_forest", networks + trees)):
        found = (together.argmax(1) == unit["labels"]()).mean()
        assert recorded[f"accuracy_grouped_{metric}"]["value"] == pytest.approx(found, abs=5e-4), metric


@pytest.mark.real_data
@pytest.mark.parametrize("metric", ["uci_accuracy", "uci_accuracy_forest"])
def test_the_recorded_accuracy_on_white_paper_is_that_of_the_stored_answers(unit, recorded, metric):
    y = unit["labels"](unit["leaves"]())
    runs = runs_of(part="uci", way="forest" if metric.endswith("forest") else "network")
    assert len(runs) == recorded[metric]["seeds"] == 5
    assert recorded[metric]["value"] == pytest.approx(np.mean([r["result"]["said"] == y for r in runs]), abs=1e-5)
    assert recorded[metric]["n"] == len(y)


def test_answers_for_a_fold_of_the_white_paper_owe_nothing_to_its_labels(brief, monkeypatch):
    """Folds are dealt by label, so they are held while one of them gets other labels."""
    y, n = brief["labels"](brief["leaves"]()), len(brief["leaves"]())
    fold = np.arange(n) % brief["N_FOLDS"]
    monkeypatch.setitem(brief, "stratified_folds", lambda *_: fold)
    for way in ("forest", "network"):
        monkeypatch.setitem(brief, "labels", lambda of=None: y)
        before = np.array(brief["run_uci"]({"way": way, "seed": 0})["said"])
        monkeypatch.setitem(brief, "labels", lambda of=None: np.where(fold == 0, (y + 1) % 3, y))
        after = np.array(brief["run_uci"]({"way": way, "seed": 0})["said"])
        assert np.array_equal(before[fold == 0], after[fold == 0]), way
        assert not np.array_equal(before[fold > 0], after[fold > 0]), "other folds do learn from them"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("metric", "which"),
    [
        ("accuracy_no_skip", GROUPED | {"variant": "no skip"}),
        ("accuracy_pretrained", {"part": "pretrained", "split": "families"}),
    ],
)
def test_an_interval_is_over_photographs_and_not_over_pictures(unit, recorded, metric, which):
    (said,) = answered(unit, runs_of(**which)).values()
    ok, photograph = (said == unit["labels"]()).astype(float), unit["family"]()

    def share(weight):
        return (weight * ok).sum(-1) / weight.sum(-1)

    _, *ends = jackknife(share, photograph).interval(bounds=(0, 1))
    assert [recorded[metric][end] for end in ("low", "high")] == pytest.approx(ends, abs=1e-4)
    _, *drawn = bootstrap_weighted(share, len(ok), groups=photograph)
    assert ends == pytest.approx(drawn, abs=0.02), "drawing photographs anew says nearly the same"
    by_picture = bootstrap_weighted(share, len(ok))
    assert recorded[metric]["high"] - recorded[metric]["low"] > 2 * (by_picture.high - by_picture.low)


@pytest.mark.real_data
def test_the_recorded_foreign_accuracy_is_that_of_the_stored_probabilities(unit, recorded):
    kinds = unit["pictures"]().classes
    shared = [name for name in unit["leaves"]().classes if name in kinds]
    assert shared == ["bacterial blight", "brown spot"]
    runs, right = runs_of(**LONG), []
    assert len(runs) == 5 * recorded["uci_foreign_accuracy"]["seeds"] == 15
    for run in runs:
        for label, said in zip(unit["leaves"]().table["label"], run["result"]["uci"], strict=True):
            if label in shared:
                first, second = (said[kinds.index(name)] for name in shared)
                right.append((first >= second) == (label == shared[0]))
    assert recorded["uci_foreign_accuracy"]["n"] == len(right) / 15 == 80
    assert recorded["uci_foreign_accuracy"]["value"] == pytest.approx(np.mean(right), abs=1e-5)


@pytest.mark.real_data
def test_the_recorded_number_of_photographs_and_of_copies_in_training_are_those_of_the_pictures(unit, recorded):
    assert recorded["photographs"]["value"] == len(set(unit["family"]().tolist()))
    assert recorded["copy_in_training"]["value"] == pytest.approx(met_before(unit, "pictures"), abs=1e-5)
    assert recorded["weights"]["value"] == 503_498


@pytest.mark.real_data
def test_a_difference_is_that_of_the_two_recorded_accuracies(unit, recorded):
    as_built = accuracy(unit, runs_of(**GROUPED, variant="as built"))
    assert recorded["accuracy_18_epochs"]["seeds"] == 5
    for variant in ("no_skip", "no_batch_norm", "no_augmentation"):
        gap = recorded[f"accuracy_{variant}"]["value"] - as_built
        assert recorded[f"gap_{variant}"]["value"] == pytest.approx(gap, abs=2e-5)
    for suffix, variant, seeds in (("", "as built", range(3)), ("_no_augmentation", "no augmentation", [0])):
        pairs = [[p | {"variant": variant, "seed": seed} for p in (LONG, GROUPED)] for seed in seeds]
        more = [accuracy(unit, runs_of(**long)) - accuracy(unit, runs_of(**short)) for long, short in pairs]
        assert recorded[f"gap_longer{suffix}"]["value"] == pytest.approx(np.mean(more), abs=2e-5)
        assert recorded[f"gap_longer{suffix}"]["seeds"] == len(seeds)
    longer = [recorded[f"gap_longer{suffix}"]["value"] for suffix in ("", "_no_augmentation")]
    assert recorded["gap_augmentation_40_over_18"]["value"] == pytest.approx(longer[0] - longer[1], abs=4e-5)
    for name, other in (("forest", "accuracy_baseline_grouped"), ("pretrained", "accuracy_pretrained")):
        gap = recorded["accuracy_grouped"]["value"] - recorded[other]["value"]
        assert recorded[f"gap_network_over_{name}"]["value"] == pytest.approx(gap, abs=2e-5)


def test_a_random_split_flatters_the_forest_and_the_network(recorded):
    for name in ("accuracy_baseline", "accuracy"):
        assert recorded[f"{name}_grouped"]["high"] < recorded[f"{name}_random_split"]["value"]


@pytest.mark.real_data
def test_an_accuracy_without_a_mistake_has_the_interval_of_as_many_photographs(unit, recorded):
    photographs, entry = len(set(unit["family"]().tolist())), recorded["accuracy_baseline_random_split"]
    assert entry["value"] == entry["high"] == 1
    assert entry["low"] == pytest.approx(photographs / (photographs + 1.96**2), abs=1e-4), "Wilson's, for all of them"


def secured(entry):
    return entry["low"] > 0 or entry["high"] < 0


def test_what_the_text_calls_secured_is_and_what_it_calls_open_is_open(recorded):
    ahead = ("network_over_forest", "network_over_pretrained", "one_position_over_pretrained", "with_forest", "longer")
    for name in (*ahead, "random_split_forest_over_network", "no_skip", "no_batch_norm"):
        assert secured(recorded[f"gap_{name}"]), name
    still_open = ("settled", "positions", "pretrained_over_forest", "no_augmentation", "longer_no_augmentation")
    augmentation = ("augmentation_18", "augmentation_40", "augmentation_40_over_18")
    for name in (*still_open, *augmentation):
        assert not secured(recorded[f"gap_{name}"]), name
    assert recorded["gap_middle_over_warmest"]["high"] < 0, "the middle counts more than where the map is warmest"
    assert recorded["gap_unsqueezed"]["high"] < 0
    assert not secured(recorded["uci_gap"])
    assert recorded["uci_foreign_accuracy"]["low"] > 0.5, "chance"


def test_before_training_the_skips_and_the_channels_stand_in_the_order_that_the_text_gives(recorded):
    none, projection, identity = (
        recorded[f"gradient_first_over_last_{skip}_norm"] for skip in ("none", "projection", "identity")
    )
    assert none["low"] > projection["high"] > projection["low"] > identity["high"] > identity["low"] > 1
    assert recorded["spread_64_channels"]["low"] > recorded["spread_16_channels"]["high"]
    assert recorded["gradient_times_no_norm"]["low"] > 1000


@pytest.mark.real_data
def test_seeds_of_the_network_as_built_differ_by_up_to_two_hundredths_as_the_text_says(unit, recorded):
    by_seed = [accuracy(unit, runs_of(**GROUPED, variant="as built", seed=seed)) for seed in range(5)]
    assert np.ptp(by_seed) == pytest.approx(0.02, abs=0.005)
    assert -recorded["gap_no_skip"]["value"] > np.ptp(by_seed)


@pytest.mark.real_data
def test_the_text_names_the_size_at_which_the_pictures_were_had(unit):
    text = "".join(c["source"] for c in read_notebook(NOTEBOOK)["cells"] if c["cell_type"] == "markdown")
    assert unit["pictures"]().images.shape[1:3] == (96, 96)
    assert "had the pictures at 96 pixels" in text
    assert "shrunk for this page to 96 by 96 pixels" in text
