"""Each entry of the registry is complete, and a mistake in the file is named."""

import subprocess
import sys

import pytest

from lib.data import citation, get, names, registry, store
from lib.data.errors import DataError, UnknownSet

DEVELOPED_WITH = {
    "heart", "cinc2017", "ravdess", "emotify", "librispeech_sex", "timit_sample",
    "kauh_lung", "icbhi", "hapt", "rice_uci", "rice_field", "fma_affect",
}  # fmt: skip
GATED = {"msp_podcast", "timit"}


def test_every_set_of_the_course_is_registered():
    assert set(names()) >= DEVELOPED_WITH | GATED
    assert names() == sorted(names())


@pytest.mark.parametrize("name", names())
def test_an_entry_has_what_a_user_needs(name):
    dataset = get(name)
    assert dataset.key == name
    for text in (dataset.title, dataset.authors, dataset.published, dataset.licence, dataset.note, dataset.layout):
        assert text.strip()
    assert 1980 <= dataset.year <= 2030
    assert dataset.doi is None or dataset.doi.startswith("10.")
    assert dataset.page.startswith("https://")
    assert dataset.licence_url is None or dataset.licence_url.startswith("https://")
    assert dataset.licence_url or "not stated" in dataset.licence or "no licence" in dataset.licence
    assert dataset.expect
    assert all(least >= 1 for least in dataset.expect.values())
    for download in dataset.downloads:
        assert download.urls
        assert all(url.startswith("https://") for url in download.urls)
        assert "/" not in download.name


@pytest.mark.parametrize("name", names())
def test_a_citation_is_one_line_with_title_authors_year_licence_and_doi(name):
    dataset, line = get(name), citation(name)
    assert "\n" not in line
    for part in (dataset.title, dataset.authors, str(dataset.year), dataset.licence, dataset.doi or ""):
        assert part in line
    if dataset.doi:
        assert f"(https://doi.org/{dataset.doi})" in line
    if dataset.licence_url:
        assert f"[{dataset.licence}]({dataset.licence_url})" in line


@pytest.mark.parametrize("name", [n for n in names() if get(n).gated])
def test_a_gated_set_says_where_to_ask_what_to_put_where_and_what_runs_without(name):
    dataset = get(name)
    assert not dataset.downloads
    assert "https://" in dataset.access
    assert dataset.stand_in
    remedy = dataset.remedy()
    for part in (dataset.access, dataset.layout, dataset.stand_in, f"$NOTES_DATA/{name}"):
        assert part in remedy


@pytest.mark.parametrize("name", sorted(DEVELOPED_WITH))
@pytest.mark.real_data
def test_the_copy_used_for_development_is_recognised(name, real_data):
    if not (real_data / name).is_dir():
        pytest.skip(f"{name} is not among the real data")
    assert store.damaged(get(name), real_data / name) == []


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UnknownSet, match=r"no data set 'hart'; there are .*heart"):
        get("hart")


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ('colour = "red"', r"\[toy\]: unknown key colour"),
        ('downloads = [{ url = ["https://e.org/a"], name = "a" }]', r"\[toy\]\.downloads: unknown key url"),
        ('downloads = [{ urls = ["https://e.org/a"] }]', r"\[toy\]\.downloads: .*name"),
        ('downloads = [{ urls = ["https://e.org/a"], name = "a", checksum = "md5:zz" }]', "'md5:zz' is not"),
        ("year = 2021", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_registry_is_named(register, more, match):
    path = register(more=more)
    with pytest.raises(DataError, match=match):
        registry.read(path)


def test_a_missing_required_key_is_named(register):
    path = register()
    path.write_text(path.read_text().replace('licence = "CC BY 4.0"', ""))
    with pytest.raises(DataError, match=r"\[toy\]: .*licence"):
        registry.read(path)


def test_an_installation_without_the_registry_says_how_to_install(tmp_path):
    with pytest.raises(DataError, match=r"pip install -e"):
        registry.read(tmp_path / "registry.toml")


def test_the_size_of_a_download_is_known_only_when_every_part_is(register):
    part = '{{ urls = ["https://e.org/{0}"], name = "{0}"{1} }}'
    register(more=f"downloads = [{part.format('a', ', size = 5')}, {part.format('b', ', size = 6')}]")
    assert get("toy").size == 11
    register(more=f"downloads = [{part.format('a', ', size = 5')}, {part.format('b', '')}]")
    assert get("toy").size is None


def test_alternatives_of_a_pattern_are_counted_together(register, tmp_path):
    register(expect='{ "*.flac | **/*.wav" = 3 }')
    folder = tmp_path / "toy"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.flac", "b.flac", "c.txt"):
        (folder / name).touch()
    assert get("toy").missing(folder) == ["2 of at least 3 files *.flac | **/*.wav"]
    (folder / "sub" / "c.wav").touch()
    assert get("toy").missing(folder) == []


def test_importing_the_package_imports_nothing_heavy():
    code = """
import sys
before = set(sys.modules)
import lib.data
from lib.data import fetch, locate, content_hash, load_heart, citation
citation("heart")
heavy = {"numpy", "pandas", "requests", "tqdm", "filelock", "urllib3"} & (set(sys.modules) - before)
assert not heavy, heavy
assert not [m for m in sys.modules if m.startswith("lib.") and not m.startswith("lib.data")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_can_be_had():
    import lib.data

    for name in lib.data.__all__:
        assert getattr(lib.data, name) is not None
    assert set(lib.data.__all__) <= set(dir(lib.data))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lib.data.nonsense
