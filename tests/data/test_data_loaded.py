"""The hash of what a loader returns changes with every value in it, and with nothing else."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from lib.data.loaded import call_text, fingerprint, told


@dataclass
class Box:
    table: pd.DataFrame
    signals: list
    rate: int = 16000


def box(**other) -> Box:
    table = pd.DataFrame({"name": ["a", None], "seconds": [1.0, 2.5], "n": [1, 2]})
    return Box(**{"table": table, "signals": [np.arange(3, dtype=np.int16), np.zeros(2, np.float32)], **other})


def changed_table(column: str, value: object) -> Box:
    made = box()
    made.table[column] = value
    return made


@pytest.mark.parametrize(
    "other",
    [
        changed_table("name", ["a", "b"]),
        changed_table("seconds", [1.0, 2.5000001]),
        changed_table("n", [2, 1]),
        changed_table("new", 0),
        box(rate=8000),
        box(signals=[np.arange(3, dtype=np.int16)]),
        box(signals=[np.arange(3, dtype=np.int32), np.zeros(2, np.float32)]),
        box(signals=[np.array([0, 1, 3], np.int16), np.zeros(2, np.float32)]),
        box(signals=[np.arange(3, dtype=np.int16), np.zeros((2, 1), np.float32)]),
    ],
    ids=["a text", "a digit", "an order", "a column", "a field", "an item less", "a dtype", "a sample", "a shape"],
)
def test_every_value_counts(other):
    assert fingerprint(other) != fingerprint(box())


def test_the_storage_of_the_same_values_does_not_count():
    made = box()
    made.table["name"] = made.table["name"].astype("string")
    made.signals = tuple(np.asfortranarray(s[::-1].copy()[::-1]) for s in made.signals)
    made.signals = [s.astype(s.dtype.newbyteorder(">")) for s in made.signals]
    assert fingerprint(made) == fingerprint(box())


def test_what_has_no_hash_is_refused():
    with pytest.raises(TypeError, match="no hash of a object"):
        fingerprint(object())


def load_it(source: str = "real", rate: int = 4000) -> dict:
    return {"source": source, "rate": rate}


def test_a_call_is_written_down_where_a_run_asks_for_it(tmp_path, monkeypatch):
    load = told(load_it)
    monkeypatch.delenv("NOTES_DATA_LOG", raising=False)
    load()
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    assert load("real", rate=8000) == {"source": "real", "rate": 8000}
    (line,) = map(json.loads, log.read_text().splitlines())
    assert line == {"call": "load_it(rate=8000)", "returned": fingerprint({"source": "real", "rate": 8000})}
    assert call_text(load_it, (), {}) == "load_it()"
