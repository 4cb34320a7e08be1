"""The numbers a notebook stands by, and the file they are kept in.

Each figure says what kind it is:

- `sampled`: it would come out differently on other patients, recordings, seeds or runs; it needs an interval;
- `exact`: counted, chosen or worked out from a definition (rows, parameters, a test's p-value), so it has none;
- `simulated`: what a simulated machine does, deterministic given its equations and its seed.
"""

import json
import math
import os
import re
import tempfile
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path

from lib.evaluation import Interval

ROOT = Path(__file__).resolve().parents[1]
FIELDS = ("value", "low", "high", "n", "seeds", "published", "kind")
KINDS = ("sampled", "exact", "simulated")


def shown(number: float | None) -> str:
    """A recorded number as text for reading: integers whole, in groups of three; other numbers with four decimals."""
    if number is None:
        return ""
    if isinstance(number, int):
        return f"{number:,}"
    return f"{number:.2g}" if number and abs(number) < 1e-3 else f"{number:,.4f}"


def _rounded(x: float, whole: bool) -> float | int:
    """Six digits; all of them where the metric is a `whole` number."""
    return int(x) if whole and isinstance(x, Integral) else float(f"{x:.6g}")


class Results:
    """The numbers a notebook stands by, written to `<slug>.json`.

    `save` writes to the folder NOTES_RESULTS (set when a run is published, which adds the provenance),
    otherwise to the ignored `data/cache/results/`: trying things out leaves the published numbers alone,
    and prints yours beside them.
    """

    def __init__(self, slug: str) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", slug):
            raise ValueError(f"a slug is lower case, digits, - and _; got {slug!r}")
        self.slug = slug
        self.metrics: dict[str, dict] = {}

    def record(
        self,
        name: str,
        value: float | Interval,
        low: float | None = None,
        high: float | None = None,
        n: int | None = None,
        seeds: int | Sequence[int] | None = None,
        published: float | None = None,
        kind: str | None = None,
    ) -> None:
        """Keep one metric; an `Interval` brings its own ends. Recording a name again replaces it.

        Parameters
        ----------
        value : integers stay integers, other numbers keep six digits.
        n : how many items (patients, recordings, windows) the value rests on.
        seeds : the seeds it is a mean over, or how many.
        published : the source document's figure.
        kind : `sampled`, `exact` or `simulated`, see above; with an interval, `sampled` by default.

        Raises
        ------
        ValueError
            The name is no snake_case, a number is not finite, only one end is given, value lies outside, the kind
            is unknown, or there is neither an interval nor a kind that needs none.
        """
        if isinstance(value, Interval):
            value, low, high = value
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
            raise ValueError(f"a metric's name is snake_case; got {name!r}")
        if (low is None) != (high is None):
            raise ValueError(f"{name}: give both ends of the interval or none")
        numbers = {"value": value, "low": low, "high": high, "published": published}
        for field, number in numbers.items():
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name}: {field} is {number}")
        if value is None or (low is not None and not low <= value <= high):
            raise ValueError(f"{name}: {value} is not inside [{low}, {high}]")
        kind = kind or ("sampled" if low is not None else None)
        if kind not in KINDS:
            raise ValueError(f"{name}: give an interval, or kind='exact' or kind='simulated'; got {kind!r}")
        if kind == "sampled" and low is None:
            raise ValueError(f"{name}: a sampled figure needs an interval")
        whole = isinstance(value, Integral)
        kept = {field: x if x is None else _rounded(x, whole) for field, x in numbers.items()}
        seeds = seeds if seeds is None or isinstance(seeds, int) else [int(s) for s in seeds]
        entry = {**kept, "n": None if n is None else int(n), "seeds": seeds, "kind": kind}
        self.metrics[name] = {field: entry[field] for field in FIELDS}

    def table(self) -> "pandas.DataFrame":  # noqa: F821
        """One row a metric: value, 95 % interval or kind, n and the source document's figure, as text for reading."""
        import pandas as pd

        def between(m: dict) -> str:
            return m["kind"] if m["low"] is None else f"{shown(m['low'])} – {shown(m['high'])}"

        rows = {
            name: {
                "value": shown(m["value"]),
                "95 % interval": between(m),
                "n": shown(m["n"]),
                "published": shown(m["published"]),
            }
            for name, m in self.metrics.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def save(self) -> Path:
        """Write the file in one step (a reader finds the old one or the new one) and return its path."""
        if not self.metrics:
            raise ValueError("nothing was recorded")
        folder = Path(os.environ.get("NOTES_RESULTS") or ROOT / "data" / "cache" / "results")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{self.slug}.json"
        content = {"slug": self.slug, "provenance": None, "metrics": self.metrics}
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        if not os.environ.get("NOTES_RESULTS"):
            print("Your run, beside the one on the page:", self.compare().to_string(float_format="%.4g"), sep="\n")
        return target

    def compare(self) -> "pandas.DataFrame":  # noqa: F821
        """This run beside the published `data/results/<slug>.json` (NaN where that has no such metric)."""
        import pandas as pd

        file = ROOT / "data" / "results" / f"{self.slug}.json"
        kept = json.loads(file.read_text(encoding="utf-8"))["metrics"] if file.is_file() else {}
        theirs = [kept[name]["value"] if name in kept else math.nan for name in self.metrics]
        mine = [m["value"] for m in self.metrics.values()]
        table = pd.DataFrame({"this run": mine, "on the page": theirs}, index=list(self.metrics))
        return table.rename_axis("metric").assign(difference=lambda t: t["this run"] - t["on the page"])
