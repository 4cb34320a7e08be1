"""Numbers in prose that come from a results file.

A page quotes a result as `<span data-metric="SLUG.NAME">0.753</span>`; `SLUG.NAME.low`, `.high`, `.n` and
`.published` quote the other fields of a metric, and `data-unit="%"` shows it a hundredfold. `refresh` writes the
recorded value into every such span, with as many decimals as the span has now, so a page can't fall behind.
"""

import json
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from lib.publish.project import RESULTS, notebook_text, read_notebook, write_atomically

SPAN = re.compile(r'<span data-metric="(?P<metric>[^"]+)"(?P<rest>[^>]*)>(?P<shown>[^<]*)</span>')
FIELDS = ("low", "high", "n", "published")


class UnknownMetric(LookupError):
    """A page quotes a metric that no results file holds."""


def read_metrics(slug: str, results: Path) -> dict[str, dict] | None:
    """What a results file holds, or None where there is no such file."""
    file = results / f"{slug}.json"
    return json.loads(file.read_text(encoding="utf-8"))["metrics"] if file.is_file() else None


def lookup(metric: str, metrics_of: Callable[[str], dict[str, dict] | None]) -> float:
    """The recorded number behind `slug.name` or `slug.name.field`."""
    slug, _, rest = metric.partition(".")
    name, _, field = rest.partition(".")
    metrics = metrics_of(slug)
    if metrics is None:
        raise UnknownMetric(f"{metric}: there is no data/results/{slug}.json")
    entry = metrics.get(name)
    if entry is None:
        raise UnknownMetric(f"{metric}: data/results/{slug}.json has no metric {name}")
    if field not in ("", *FIELDS) or entry[field or "value"] is None:
        raise UnknownMetric(f"{metric}: the metric {name} of {slug} has no {field or 'value'}")
    return entry[field or "value"]


def shown_as(value: float, like: str, percent: bool) -> str:
    """`value` as text with as many decimals as `like` has; very small numbers as powers keep their form."""
    scaled = value * 100 if percent else value
    if "e" in like.lower():
        digits = len(like.lower().partition("e")[0].partition(".")[2])
        mantissa, _, exponent = f"{scaled:.{digits}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    text = f"{scaled:,.{len(like.partition('.')[2])}f}"
    return (text if "," in like else text.replace(",", "")).replace("-", "−")


def replace_numbers(text: str, results: Path = RESULTS) -> str:
    """`text` with the recorded value in each `data-metric` span."""
    metrics_of = cache(partial(read_metrics, results=results))  # one reading for all numbers of the text

    def current(match: re.Match) -> str:
        percent = 'data-unit="%"' in match["rest"]
        number = shown_as(lookup(match["metric"], metrics_of), match["shown"], percent)
        return f'<span data-metric="{match["metric"]}"{match["rest"]}>{number}</span>'

    return SPAN.sub(current, text)


def rewrite(path: Path, change: Callable[[str], str]) -> bool:
    """Apply `change` to the prose of a page; True when that changed the file."""
    if path.suffix != ".ipynb":
        old = path.read_text(encoding="utf-8")
        new = change(old)
    else:
        notebook = read_notebook(path)
        old = path.read_text(encoding="utf-8")
        touched = False
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown" and (text := change(cell["source"])) != cell["source"]:
                cell["source"], touched = text, True
        new = notebook_text(notebook) if touched else old
    if new != old:
        write_atomically(path, new)
    return new != old


def refresh(path: Path, results: Path = RESULTS) -> bool:
    """Bring every quoted number of a page up to date; True when one changed.

    Raises
    ------
    UnknownMetric
        When the page quotes a metric that is not recorded; the page is left as it was.
    """
    return rewrite(path, lambda text: replace_numbers(text, results))
