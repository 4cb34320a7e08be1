"""Arrays are made once, found again by what they were made from, and a spoiled cache only costs time."""

import importlib
import sys

import pytest

np = pytest.importorskip("numpy")

from lib.data import kept  # noqa: E402


@pytest.fixture
def made():
    """A function that makes arrays and counts how often it did."""

    def make():
        make.calls += 1
        return {"x": np.arange(5), "names": np.array(["a", "bc"])}

    make.calls = 0
    return make


def test_the_second_call_reads_what_the_first_one_made(made):
    first, second = kept.arrays("toy", "v1", made), kept.arrays("toy", "v1", made)
    assert made.calls == 1
    assert all(np.array_equal(first[k], second[k]) for k in ("x", "names"))


def test_another_key_is_made_anew(made):
    kept.arrays("toy", "v1", made)
    kept.arrays("toy", "v2", made)
    assert made.calls == 2


def test_a_damaged_file_is_made_again(made, cache):
    kept.arrays("toy", "v1", made)
    file = next(cache.rglob("x.npy"))
    file.write_bytes(b"no array")
    assert kept.arrays("toy", "v1", made)["x"].tolist() == [0, 1, 2, 3, 4]
    assert kept.arrays("toy", "v1", made)["x"].tolist() == [0, 1, 2, 3, 4]
    assert made.calls == 2


def test_a_cache_that_cannot_be_written_to_only_costs_time(made, cache):
    cache.write_text("a file where the folder would be")
    assert kept.arrays("toy", "v1", made)["x"].tolist() == [0, 1, 2, 3, 4]
    assert kept.arrays("toy", "v1", made)["x"].tolist() == [0, 1, 2, 3, 4]
    assert made.calls == 2


def test_the_hash_of_a_package_changes_with_any_file_in_it(tmp_path, monkeypatch):
    package = tmp_path / "toy_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    toy, json = importlib.import_module("toy_package"), sys.modules["json"]
    before = kept.code_hash(toy, json)
    assert before == kept.code_hash(toy, json)
    (package / "inner.py").write_text("x = 2")
    assert kept.code_hash(toy, json) != before
