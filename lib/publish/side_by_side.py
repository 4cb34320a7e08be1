"""What a page gives at its smoke scale, and whether two states of the code give the same."""

import json
import re
import tempfile
from pathlib import Path

from lib.publish.execute import execute, scale_parameters
from lib.publish.project import slug

NUMBER = re.compile(r"\d[\d.,]*")


class NotProven(Exception):
    """Why something stays out of date."""


def smoke_run(notebook: dict, path: Path, root: Path, trace: Path | None) -> tuple[list, dict]:
    """The outputs of a smoke run's cells, in order, and the metrics that it recorded."""
    parameters = scale_parameters(notebook, "smoke", path)
    with tempfile.TemporaryDirectory(prefix="notes_smoke_", ignore_cleanup_errors=True) as folder:
        done, _ = execute(notebook, path, parameters, Path(folder), lambda line: None, root=root, trace=trace)
        file = Path(folder) / f"{slug(path)}.json"
        recorded = json.loads(file.read_text(encoding="utf-8"))["metrics"] if file.is_file() else {}
    outputs = [list(map(_plain, joined(c["outputs"]))) for c in done["cells"] if c["cell_type"] == "code"]
    return [o for o in outputs if o], recorded


def joined(outputs: list[dict]) -> list[dict]:
    """The outputs of a cell, with streams that follow each other as one: how a kernel divides them is chance."""
    made: list[dict] = []
    for output in outputs:
        if made and output["output_type"] == "stream" == made[-1]["output_type"] and output["name"] == made[-1]["name"]:
            made[-1] = {**made[-1], "text": made[-1]["text"] + output["text"]}
        else:
            made.append(dict(output))
    return made


def _plain(output: dict) -> str:
    return json.dumps({k: v for k, v in output.items() if k not in ("execution_count", "metadata")}, sort_keys=True)


def compare_smoke(old: tuple[list, dict], again: tuple[list, dict], new: tuple[list, dict]) -> None:
    """Two runs of the old code and one of the new: what the old ones agree on, the new one must, too.

    Where the old runs differ the cell shows a time: there the words must agree, and no number or picture can.
    """
    if len(old[0]) != len(new[0]):
        raise NotProven(f"{len(new[0])} cells have outputs, before {len(old[0])} had")
    for number, (a, b, c) in enumerate(zip(old[0], again[0], new[0], strict=True), 1):
        same = a == c if a == b else _worded(a) == _worded(c)
        if not same:
            raise NotProven(f"the {number}th output differs at the smoke scale")
    steady = {name: entry for name, entry in old[1].items() if again[1].get(name) == entry}
    differ = [name for name, entry in steady.items() if new[1].get(name) != entry]
    differ += sorted(set(new[1]) ^ set(old[1]))
    if differ:
        raise NotProven(f"recorded otherwise at the smoke scale: {some(differ)}")


def _worded(outputs: list[str]) -> list[str]:
    """Outputs without numbers, spaces and pictures."""
    made = []
    for output in map(json.loads, outputs):
        if "data" in output:
            output["data"] = {kind: text for kind, text in output["data"].items() if kind.startswith("text/")}
        made.append(re.sub(r"(\\n|\s)+", " ", NUMBER.sub("#", json.dumps(output, sort_keys=True))))
    return made


def some(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
