"""A small authored notebook, with one of everything that a student version has to treat."""

import json
from pathlib import Path

SOLUTION = '''def random_chunk(samples, chunk_size):
    """One random chunk of each sample."""
    ### BEGIN SOLUTION
    chunks = []
    for sample in samples:
        offset = int(torch.randint(len(sample) - chunk_size + 1, (1,)))
        chunks.append(sample[offset : offset + chunk_size])
    return torch.stack(chunks)
    ### END SOLUTION'''
FRONT = '---\ntitle: "Small unit"\ndescription: "A unit for the tests"\n---'
LINKS = "https://colab.research.google.com/github/owner/repository/blob/main/notebooks/small/small"


def cell(kind: str, source: str, name: str, **metadata: object) -> dict:
    made = {"cell_type": kind, "id": name, "metadata": metadata, "source": source.splitlines(True)}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def marks(name: str, grade: bool, solution: bool, points: int | None = None) -> dict:
    """nbgrader's metadata of a cell."""
    made = {"grade": grade, "grade_id": name, "locked": not solution, "schema_version": 3}
    return {"nbgrader": made | {"solution": solution, "task": False} | ({"points": points} if grade else {})}


def small_cells() -> list[dict]:
    stored = {"output_type": "stream", "name": "stdout", "text": ["a result"]}
    run = cell("code", "#| fig-cap: a caption\nprint(chunk_size)", "use")
    run |= {"outputs": [stored], "execution_count": 7}
    badges = f'<p><a href="{LINKS}.ipynb">Run</a> <a href="{LINKS}_student.ipynb">Do it yourself</a></p>'
    links = "See [the data](../data/data.ipynb#n) and ![A](a.svg){width=3}."
    prose = f"## Chunks {{.unnumbered}}\n\n::: {{.callout-note}}\n{links}\n:::"
    ready = '#| code-fold: true\n#| code-summary: "Get ready"\nimport torch\nfrom lib.checks import check, hint'
    return [
        cell("raw", FRONT, "front"),
        cell("markdown", badges, "badge"),
        cell("code", ready, "setup"),
        cell("code", "chunk_size = 40", "parameters", tags=["parameters", "sweep"]),
        cell("markdown", prose, "prose"),
        run,
        cell("code", SOLUTION, "solution", **marks("random_chunk", False, True)),
        cell("code", 'check("random_chunk", random_chunk)', "check", **marks("random_chunk_check", True, False, 2)),
        cell("markdown", "Why at random?", "question"),
        cell("markdown", "Because chance makes variety.", "answer", **marks("why_random", True, True, 3)),
        cell("code", "secret = 3\nprint(secret)", "extra", tags=["authored_only"]),
        cell("markdown", "The secret was 3.", "told", tags=["authored_only"]),
    ]  # fmt: skip


def write_unit(root: Path, cells: list[dict] | None = None) -> Path:
    """The notebook at `<root>/notebooks/small/small.ipynb`."""
    path = root / "notebooks" / "small" / "small.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "provenance": {"code": "0"}, "notes": {"smoke": {}}}
    content = {
        "cells": small_cells() if cells is None else cells,
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
