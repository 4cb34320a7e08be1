"""Every notebook runs at its smoke scale, on stand-ins made by code, without the data and without a network."""

import pytest

import lib.data
from lib.publish.execute import run
from lib.publish.project import ROOT, notebooks

pytestmark = pytest.mark.slow

NOTEBOOKS = notebooks()
LOADERS = [name for name in lib.data.__all__ if name.startswith("load_")]


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    """A machine that holds no data set and reaches no other."""
    monkeypatch.delenv("NOTES_DATA", raising=False)
    monkeypatch.setenv("NOTES_CACHE", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[str(p.relative_to(ROOT)) for p in NOTEBOOKS])
def test_a_smoke_run_passes_twice_with_the_same_numbers(path, no_data, request):
    stored = path.read_bytes()
    if b"lib.spark" in stored:
        request.getfixturevalue("java")  # skips where there is none
    first, second = (run(path, "smoke", say=lambda line: None) for _ in range(2))
    assert first["results"] is not None, "it recorded something"
    assert first["results"] == second["results"]
    # A notebook whose data are all made in its own cells loads no set.
    loads = any(name in path.read_text(encoding="utf-8") for name in LOADERS)
    assert bool(first["data"]) == loads, "it says what it read"
    assert all(name.endswith(":synthetic") for name in first["data"])
    assert path.read_bytes() == stored
