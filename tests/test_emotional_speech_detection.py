"""What the report on active emotions stands by: its sweep, its sealed speakers, its numbers."""

import json
from statistics import mean

import pytest
from sklearn.metrics import roc_auc_score

from lib.data.ravdess import EMOTIONS, all_names
from lib.models.conv_transformer import ConvTransformer
from lib.models.vision import SpectrogramConvNeXt
from lib.publish.project import RESULTS, ROOT, read_notebook
from lib.publish.sweep import read_runs, settings, sweep_file

NOTEBOOK = ROOT / "projects" / "emotional_speech_detection.ipynb"
METRICS = json.loads((RESULTS / "emotional_speech_detection.json").read_text(encoding="utf-8"))["metrics"]
RUNS = read_runs(sweep_file(NOTEBOOK))
NETWORKS = ("conv_transformer", "deit", "convnext", "wav2vec2", "hybrid")
BASELINES = ("level", "statistics", "mel_statistics")
ACTIVE = {"happy", "surprised", "fearful", "angry"}
TEST = [name for name in sorted(all_names()) if int(name[-2:]) >= 17]  # the last eight actors
LABELS = [EMOTIONS[int(name[6:8]) - 1] in ACTIVE for name in TEST]


def main_runs(model):
    """The runs of a network or baseline with nothing left out and the main mapping."""
    return [
        r
        for r in RUNS
        if model in (r["setting"].get("model"), r["setting"].get("features"))
        and not {"without", "mapping"} & set(r["setting"])
    ]


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


def test_running_a_stored_training_again_gives_what_was_stored():
    stored = roc_auc_score(LABELS, main_runs("conv_transformer")[0]["result"]["test_scores"])
    assert METRICS["rerun_auroc_conv_transformer"]["value"] == pytest.approx(stored, abs=0.01)


def _size(network):
    return sum(p.numel() for p in network.parameters())
