import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from scipy.integrate import trapezoid

from lib import plots
from lib.evaluation import resample_counts
from lib.weighted_metrics import weighted_auc


@pytest.fixture(autouse=True)
def _own_style():
    with mpl.rc_context():
        plots.use_style()
        yield
    plt.close("all")


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    return y, np.clip(0.5 * y + 0.25 + 0.3 * rng.normal(size=200), 0.001, 0.999)


def test_figures_are_opaque_white_and_their_text_is_large_enough():
    assert mpl.colors.to_hex(mpl.rcParams["figure.facecolor"]) == "#ffffff"
    assert not mpl.rcParams["savefig.transparent"]
    sizes = [mpl.rcParams[k] for k in ("font.size", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")]
    assert min(sizes) >= 10
    assert plots.WIDTH <= 8


def test_the_area_under_the_mean_roc_curve_is_the_mean_of_the_areas(predictions):
    y, score = predictions
    grid = np.linspace(0, 1, 20001)
    halves = [(y[part], score[part], None) for part in (slice(0, 90), slice(90, 200))]
    curve = plots.mean_roc(halves, grid)[0]
    areas = [weighted_auc(y_, s_)[0] for y_, s_, _ in halves]
    assert trapezoid(curve, grid) == pytest.approx(np.mean(areas), abs=1e-3)


def test_a_weighted_roc_curve_is_that_of_the_resampled_rows(predictions):
    y, score = predictions
    counts, grid = resample_counts(200, 3, strata=y), np.linspace(0, 1, 11)
    expected = [plots.mean_roc([(np.repeat(y, c), np.repeat(score, c), None)], grid)[0] for c in counts]
    assert plots.mean_roc([(y, score, counts)], grid) == pytest.approx(np.array(expected))


def test_curves_of_one_class_are_refused(predictions):
    ones = np.ones(10, int)
    with pytest.raises(ValueError, match="both classes"):
        plots.mean_roc([(ones, np.arange(10), None)], np.linspace(0, 1, 5))
    with pytest.raises(ValueError, match="both classes"):
        plots.reliability(plt.figure().subplots(), ones, np.linspace(0, 1, 10))
    with pytest.raises(ValueError, match="no folds"):
        plots.mean_roc([], np.linspace(0, 1, 5))


def test_the_shared_drawings_draw(predictions):
    y, score = predictions
    figure, axes = plt.subplots(1, 3)
    counts = resample_counts(200, 20, strata=y)
    plots.roc_band(axes[0], [(y, score, counts)], "model")
    plots.reliability(axes[1], y, score, counts=counts)
    plots.forest(axes[2], ["a", "b"], [(1, 0, 2), (3, 2, 4)], reference=0)
    figure.canvas.draw()
    assert axes[0].get_legend_handles_labels()[1] == ["model"]
    assert [t.get_text() for t in axes[2].get_yticklabels()] == ["a", "b"]
    assert axes[2].get_ylim()[0] > axes[2].get_ylim()[1]  # the first label is on top


def test_reliability_points_lie_on_the_diagonal_for_true_probabilities():
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    ax = plt.figure().subplots()
    plots.reliability(ax, (rng.random(20_000) < p).astype(int), p)
    predicted, observed = ax.lines[1].get_data()
    assert observed == pytest.approx(predicted, abs=0.04)


def test_a_constant_prediction_is_one_point_of_the_reliability_diagram():
    ax = plt.figure().subplots()
    plots.reliability(ax, np.r_[np.ones(30, int), np.zeros(10, int)], np.full(40, 0.6))
    assert np.c_[ax.lines[1].get_data()] == pytest.approx(np.array([[0.6, 0.75]]))


def test_a_table_has_header_cells_with_a_scope_and_no_colours():
    frame = pd.DataFrame({"mean": [1.23456, np.nan], "n": [3, -4], "who": ["<b>", "x"]}, index=["first", "second"])
    html = plots.Table(frame.rename_axis("row"))._repr_html_()
    soup = BeautifulSoup(html, "html.parser")
    assert [th.text for th in soup.select("thead th[scope=col]")] == ["row", "mean", "n", "who"]
    assert [th.text for th in soup.select("tbody th[scope=row]")] == ["first", "second"]
    assert [td.text for td in soup.select("td")] == ["1.23", "3", "<b>", "–", "-4", "x"]
    assert "style" not in html


def test_a_table_keeps_an_interval_on_one_line():
    html = plots.Table(pd.DataFrame({"AUC": ["0.90 [0.88, 0.92]"]}))._repr_html_()
    assert "0.90\N{NO-BREAK SPACE}[0.88,\N{NO-BREAK SPACE}0.92]" in html


def test_a_table_takes_formats_by_column_and_reads_as_text():
    frame = pd.DataFrame({"p": [1e-9], "share": [0.5]})
    table = plots.Table(frame, {"p": "{:.0e}".format, "share": "{:.0%}"}, index=False)
    assert repr(table).split() == ["p", "share", "1e-09", "50%"]
    with pytest.raises(KeyError, match="no such columns"):
        plots.Table(frame, {"q": "{}"})
