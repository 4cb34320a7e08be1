"""The look of figures and tables, and the few drawings that several notebooks share.

Colours are from Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which people with any common
colour blindness can tell apart; where two classes meet, a hatch or a label says it again. Figures are opaque
and white: the site's style sheet turns them round in the dark theme.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

INK = "#1d2329"
SOFT = "#6b7580"
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, RED, BLACK = PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#D55E00", "#000000",
)  # fmt: skip
NEGATIVE, POSITIVE = BLUE, RED  # the two classes of a diagnosis, everywhere
HATCH = "///"  # drawn over the positive class in filled areas
WIDTH = 6.6  # inches; narrow, so that text can still be read when a phone shows the figure at half size


def use_style() -> None:
    """Set matplotlib's defaults for a notebook: sizes, colours, white background, two axes lines."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.6),
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": "white",
            "axes.facecolor": "white",
            "savefig.facecolor": "white",
            "savefig.transparent": False,
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=PALETTE[:5]),
            "image.cmap": "viridis",
            "font.size": 11.5,
            "axes.titlesize": 12,
            "axes.labelsize": 11.5,
            "xtick.labelsize": 10.5,
            "ytick.labelsize": 10.5,
            "legend.fontsize": 10.5,
            "legend.frameon": False,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": SOFT,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "hatch.linewidth": 0.7,
            "svg.fonttype": "none",
        }
    )


def _check_classes(y: np.ndarray) -> None:
    if set(np.unique(y)) != {0, 1}:
        raise ValueError(f"both classes, 0 and 1, are needed; got {np.unique(y)[:5]}")


def mean_roc(folds: Iterable[tuple[Sequence, Sequence, np.ndarray | None]], grid: np.ndarray) -> np.ndarray:
    """True-positive rate at the false-positive rates `grid`, averaged over test folds.

    The area under the averaged curve is the average of the folds' areas (Fawcett 2006,
    doi:10.1016/j.patrec.2005.10.010).

    Parameters
    ----------
    folds : of each (y (n,), score (n,), weights (B, n) bootstrap counts or None for one row of ones).
    grid : (G,) rates from 0 to 1.

    Returns
    -------
    (B, G) rates.
    """
    curves = []
    for y, score, weights in folds:
        y, score = np.asarray(y), np.asarray(score)
        _check_classes(y)
        w = np.ones((1, len(y))) if weights is None else np.asarray(weights, float)
        order = np.argsort(-score, kind="stable")
        ends = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
        rates = []
        for c in (0, 1):
            passed = np.cumsum(w[:, order] * (y[order] == c), axis=1)[:, ends]
            rates.append(np.c_[np.zeros(len(w)), passed / np.maximum(passed[:, -1:], 1e-12)])
        curves.append([np.interp(grid, f, t) for f, t in zip(*rates, strict=True)])
    if not curves:
        raise ValueError("there are no folds")
    return np.mean(curves, axis=0)


def roc_band(
    ax: "Axes",
    folds: Sequence[tuple[Sequence, Sequence, np.ndarray | None]],
    label: str,
    color: str = BLUE,
    linestyle: str = "-",
) -> None:
    """Draw the averaged ROC curve of `folds`, with its 95 % band when they carry bootstrap counts."""
    grid = np.linspace(0, 1, 101)
    middle = mean_roc([(y, s, None) for y, s, _ in folds], grid)[0]
    ax.plot(np.r_[0, grid], np.r_[0, middle], color=color, linestyle=linestyle, linewidth=2, label=label)
    if all(w is not None for _, _, w in folds):
        low, high = np.quantile(mean_roc(folds, grid), [0.025, 0.975], axis=0)
        ax.fill_between(grid, low, high, color=color, alpha=0.18, linewidth=0)
    ax.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
    ax.set(xlim=(-0.01, 1), ylim=(0, 1.01), aspect="equal")
    ax.set(xlabel="false-positive rate", ylabel="true-positive rate")


def reliability(
    ax: "Axes",
    y: Sequence,
    probability: Sequence,
    *,
    counts: np.ndarray | None = None,
    bins: int = 10,
    label: str = "model",
    color: str = BLUE,
) -> None:
    """Draw observed against predicted frequency in `bins` equally filled bins of the predictions.

    Parameters
    ----------
    y, probability : (n,) labels 0 or 1 and predicted probabilities of 1.
    counts : (B, n) bootstrap counts; the vertical bars are then 95 % intervals of the observed frequency.
    """
    y, p = np.asarray(y), np.asarray(probability, float)
    _check_classes(y)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)))
    which = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(len(edges) - 2, 0))
    member = which[:, None] == np.unique(which)
    size = member.sum(0)
    predicted, observed = (p @ member) / size, (y @ member) / size
    ax.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":", label="perfect calibration")
    ax.plot(predicted, observed, color=color, marker="o", markersize=5, linewidth=1.5, label=label)
    if counts is not None:
        drawn = np.maximum(counts @ member, 1e-12)
        low, high = np.quantile((counts * y) @ member / drawn, [0.025, 0.975], axis=0)
        ax.vlines(predicted, low, high, color=color, linewidth=1.5)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="predicted probability")
    ax.set(ylabel="observed frequency")


def forest(
    ax: "Axes",
    labels: Sequence[str],
    intervals: Sequence[tuple[float, float, float]],
    *,
    reference: float | None = None,
    color: str = BLUE,
    marker: str = "o",
    offset: float = 0.0,
    label: str | None = None,
) -> None:
    """Draw (value, low, high) on one line a label, the first on top; `reference` is a dotted vertical line.

    Call it again with another `offset` (in rows, downward), colour and marker to set a second series beside.
    """
    value, low, high = np.asarray(intervals, float).T
    rows = np.arange(len(labels)) + offset
    ax.hlines(rows, low, high, color=color, linewidth=2)
    ax.plot(value, rows, linestyle="", marker=marker, color=color, markersize=6, label=label)
    if reference is not None:
        ax.axvline(reference, color=SOFT, linewidth=1, linestyle=":", zorder=0)
    ax.set_yticks(np.arange(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)


class Table:
    """A data frame for reading: rounded, header cells with a scope, no colours of its own, intervals on one line.

    Parameters
    ----------
    frame : its index becomes the first column, as row headers; the name of the index becomes its heading.
    formats : column → format string (`"{:.2f}"`) or function; `default` is for the other floats.
    index : False leaves out an index that says nothing.
    """

    def __init__(
        self,
        frame: "pd.DataFrame",
        formats: Mapping[str, str | Callable] | None = None,
        *,
        default: str = "{:.2f}",
        index: bool = True,
    ) -> None:
        formats = dict(formats or {})
        if unknown := set(formats) - set(frame.columns):
            raise KeyError(f"no such columns: {sorted(unknown)}")
        self.heads = [str(frame.index.name or "")] * index + [str(c) for c in frame.columns]
        self.index = index
        self.rows = []
        for label, *cells in frame.itertuples(name=None):
            shown = [self._text(x, formats.get(c), default) for c, x in zip(frame.columns, cells, strict=True)]
            self.rows.append([str(label)] * index + shown)

    @staticmethod
    def _text(x: object, how: str | Callable | None, default: str) -> str:
        if x is None or (isinstance(x, float | np.floating) and np.isnan(x)):
            return "–"
        if callable(how):
            return str(how(x))
        if how is None and not isinstance(x, float | np.floating):
            return str(x)
        return (how or default).format(x).replace("-", "−")

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(h)}</th>' for h in self.heads)
        lines = []
        for row in self.rows:
            first = f'<th scope="row">{escape(row[0])}</th>' if self.index else f"<td>{escape(row[0])}</td>"
            cells = [escape(c.replace(" ", "\N{NO-BREAK SPACE}") if len(c) <= 26 else c) for c in row[1:]]
            lines.append(f"<tr>{first}{''.join(f'<td>{c}</td>' for c in cells)}</tr>")
        body = "\n".join(lines)
        return f'<table class="dataframe">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'

    def __repr__(self) -> str:
        wide = [max(map(len, column)) for column in zip(self.heads, *self.rows, strict=True)]
        lines = [self.heads, *self.rows]
        return "\n".join("  ".join(c.rjust(w) for c, w in zip(r, wide, strict=True)).rstrip() for r in lines)
