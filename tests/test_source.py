"""The sources of the pages: valid, complete, described for those who can't see, and true to the results files."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lib.publish import cards, numbers
from lib.publish.front_matter import front_matter
from lib.publish.project import RESULTS, ROOT, has_tag, notebooks, pages, read_notebook, slug
from lib.publish.stamp import problems
from lib.publish.sweep import sweep_problems
from lib.results import FIELDS, KINDS

NOTEBOOKS = notebooks()
PAGES = pages()
LISTED = [p for p in PAGES if p.parent != ROOT]

FRONT_MATTER = {
    "title", "subtitle", "pagetitle", "description", "image", "image-alt", "categories", "date", "date-modified",
    "aliases", "order", "toc", "listing", "search", "draft", "author", "page-layout",
}  # fmt: skip
LISTING = {
    "id", "contents", "type", "grid-columns", "image-height", "sort", "categories", "fields", "feed", "max-items",
    "page-size",
}  # fmt: skip
CELL_OPTIONS = {
    "label", "echo", "output", "include", "code-fold", "code-summary", "fig-cap", "fig-alt", "fig-align", "tbl-cap",
    "layout-ncol", "column",
}  # fmt: skip
IMAGES = ("image/png", "image/jpeg", "image/svg+xml", "image/gif")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users|content|var/folders)/|[A-Z]:\\\\?Users")


def ids(paths: list[Path]) -> list[str]:
    return [str(p.relative_to(ROOT)) for p in paths]


def prose(path: Path) -> list[str]:
    """The Markdown of a page, a text a cell, without code."""
    if path.suffix == ".ipynb":
        texts = [c["source"] for c in read_notebook(path)["cells"] if c["cell_type"] == "markdown"]
    else:
        texts = [re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.S)]
    return [re.sub(r"^```.*?^```", "", t, flags=re.S | re.M) for t in texts]


def listings(path: Path) -> list[dict]:
    """The listings that a page asks for."""
    found = front_matter(path).get("listing") or []
    return [found] if isinstance(found, dict) else found


def listed(listing: dict) -> list[Path]:
    """The files that a listing takes as Quarto reads it: all that match, apart from what a `!` pattern matches."""
    taken: set[Path] = set()
    for pattern in sorted(listing["contents"], key=lambda pattern: pattern.startswith("!")):
        found = set(ROOT.glob(pattern.removeprefix("!")))
        taken = taken - found if pattern.startswith("!") else taken | found
    return sorted(taken)


def code_cells(path: Path) -> list[dict]:
    return [c for c in read_notebook(path)["cells"] if c["cell_type"] == "code" and c["source"].strip()]


def options(cell: dict) -> dict:
    lines = [line[2:].strip() for line in cell["source"].splitlines() if line.startswith("#|")]
    return yaml.safe_load("\n".join(lines)) or {}


def pictures(cell: dict) -> int:
    return sum(any(m in o.get("data", {}) for m in IMAGES) for o in cell["outputs"])


def output_text(cell: dict) -> str:
    """Everything that the cell's outputs say, apart from pictures."""
    parts = []
    for output in cell["outputs"]:
        parts.append("".join(output.get("text", "")))
        parts += ["".join(v) for m, v in output.get("data", {}).items() if m.startswith("text/")]
    return "\n".join(parts)


def test_there_are_pages_to_check():
    assert len(PAGES) >= 6
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_a_notebook_is_valid(path):
    import nbformat

    nbformat.validate(nbformat.read(path, as_version=4))


# How many runs of a sweep were made by earlier code, before there were keys, and have neither been proven equal nor
# been made again. `python -m lib status` names them; the list only gets shorter.
OWED = {
    "ecg_lstm": "100 of 100",
    "emotional_speech_detection": "93 of 93",
    "inertial_signals": "167 of 167",
    "music_genre_affect": "225 of 225",
    "resnet_from_scratch": "92 of 92",
    "respiratory_sounds": "825 of 888",
    "speaker_sex": "262 of 262",
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_a_notebook_is_stored_as_a_run_left_it(path):
    assert problems(path) == []
    owed = [f"{OWED[slug(path)]} runs of its sweep: of other code"] if slug(path) in OWED else []
    assert sweep_problems(path) == owed


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_front_matter_has_known_names_only(path):
    meta = front_matter(path)
    assert set(meta) <= FRONT_MATTER
    assert all(set(listing) <= LISTING for listing in listings(path))
    assert meta["title"]
    assert meta["description"]


WITH_LISTING = [p for p in PAGES if p.suffix == ".qmd" and listings(p)]


@pytest.mark.parametrize("path", WITH_LISTING, ids=ids(WITH_LISTING))
def test_a_listing_holds_pages_only_and_shows_them_all_on_one_screen(path):
    for listing in listings(path):
        assert set(listed(listing)) <= set(LISTED)
        assert listing["page-size"] > len(LISTED)
        assert listing.get("feed", {}).get("type", "metadata") == "metadata", "a feed with whole pages is megabytes"


def test_every_page_is_listed_in_its_part_and_the_newest_six_on_the_home_page():
    for part, folder in (("projects", "projects"), ("blog", "blog"), ("course", "notebooks")):
        (listing,) = listings(ROOT / f"{part}.qmd")
        assert listed(listing) == sorted(p for p in LISTED if p.is_relative_to(ROOT / folder))
    newest = next(one for one in listings(ROOT / "index.qmd") if one["id"] == "newest")
    assert listed(newest) == sorted(LISTED)
    assert newest["max-items"] == 6


def test_the_course_has_an_order_and_begins_at_the_beginning():
    units = sorted((front_matter(p)["order"], p.stem) for p in LISTED if p.is_relative_to(ROOT / "notebooks"))
    assert [number for number, _ in units] == list(range(1, len(units) + 1))
    assert units[0][1] == "start_here"


def test_each_page_has_an_up_to_date_card_for_other_sites():
    assert cards.stale() == []
    for name in cards.sources():
        header = cards.card_file(name).read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == cards.SIZE


def test_both_renderers_find_what_they_need_in_the_options():
    options = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    assert options["format"]["html"]["respect-user-color-scheme"] is True
    assert "images/cards/*.png" in options["project"]["resources"]
    assert "**/*.quarto_ipynb" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


JOINED_LIST = re.compile(r"^(?!\d+\.\s|[-*] |\s*$|\s|[#|<>]|:::)(?P<before>.*)\n(?:[-*]|1\.) ", re.M)


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_a_list_has_a_blank_line_before_it(path):
    for text in prose(path):
        assert not (joined := JOINED_LIST.search(text)), joined["before"]


@pytest.mark.parametrize("path", LISTED, ids=ids(LISTED))
def test_a_listed_page_has_what_its_card_shows(path):
    meta = front_matter(path)
    assert {"image", "image-alt", "categories", "date"} <= set(meta)
    assert (path.parent / meta["image"]).is_file()
    assert meta["image-alt"].strip()
    assert "'" not in meta["image-alt"], "Quarto escapes it twice; write ’"
    assert len(meta["description"]) <= 175, "longer than a card shows"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_cell_options_are_names_quarto_knows(path):
    for cell in code_cells(path):
        assert set(options(cell)) <= CELL_OPTIONS, cell["source"][:200]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_code_fits_the_column_it_is_read_in(path):
    for cell in code_cells(path):
        lines = [line for line in cell["source"].splitlines() if not line.startswith("#|")]
        assert [line for line in lines if len(line) > 90] == []


def test_every_notebook_is_set_up_by_the_same_cell():
    set_up = {next(c["source"] for c in code_cells(p) if "git" in c["source"]) for p in NOTEBOOKS}
    assert len(set_up) == 1


def test_the_set_up_cell_fetches_the_course_onto_an_empty_machine(tmp_path):
    cell = next(c["source"] for c in code_cells(NOTEBOOKS[0]) if "git" in c["source"])
    address = re.search(r'"(https://github\.com/[^"]+)"', cell)[1]
    git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": address}
    bare = [sys.executable, "-I", "-S", "-c", f"{cell}\nimport lib.data; print(lib.data.__file__)"]
    for _ in range(2):  # a second run of the cell finds what the first one fetched
        done = subprocess.run(bare, cwd=tmp_path, env=os.environ | git, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).is_relative_to(tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_each_figure_has_caption_and_alternative_text(path):
    for cell in code_cells(path):
        shown, given = pictures(cell), options(cell)
        if not shown:
            continue
        for name in ("fig-cap", "fig-alt"):
            texts = given.get(name)
            texts = texts if isinstance(texts, list) else [texts]
            assert len(texts) == shown, f"{name} of {cell['source'][:200]}"
            assert all(t and len(t) > 15 for t in texts), f"{name} of {cell['source'][:200]}"


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_each_picture_in_prose_has_alternative_text(path):
    for text in prose(path):
        for alt, attributes in re.findall(r"!\[(.*?)\]\([^)]*\)(\{[^}]*\})?", text):
            assert alt or "fig-alt=" in attributes


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_no_output_names_a_machine_or_an_error(path):
    for cell in code_cells(path):
        said = output_text(cell)
        assert not MACHINE_PATH.search(said), said[:400]
        assert not [o for o in cell["outputs"] if o["output_type"] == "error" or o.get("name") == "stderr"], cell[
            "source"
        ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_no_recording_is_stored_in_an_output(path):
    for cell in code_cells(path):
        types = {m for o in cell["outputs"] for m in o.get("data", {})}
        assert not [m for m in types if m.startswith(("audio/", "video/"))]
        assert "<audio" not in output_text(cell) or "made by code" in output_text(cell)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_short_runs_override_parameters_that_exist(path):
    notebook = read_notebook(path)
    cells = [c["source"] for c in notebook["cells"] if has_tag(c, "parameters")]
    assert len(cells) == 1, "one cell is tagged `parameters`"
    names = set(re.findall(r"^(\w+)\s*(?::[^=]+)?=", cells[0], re.M))
    scales = notebook["metadata"]["notes"]
    assert "smoke" in scales
    for overrides in scales.values():
        assert set(overrides) <= names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_a_notebook_links_to_itself_in_colab(path):
    repository = yaml.safe_load((ROOT / "_quarto.yml").read_text())["website"]["repo-url"].removeprefix(
        "https://github.com/"
    )
    place = path.relative_to(ROOT).as_posix()
    assert f"https://colab.research.google.com/github/{repository}/blob/main/{place}" in "\n".join(prose(path))


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_quoted_numbers_equal_the_results_file(path):
    for text in prose(path):
        assert numbers.replace_numbers(text) == text


NAMED = re.compile(r"<span data-(?:metric=|source=|setting)[^>]*>[^<]*</span>")
LINK_TARGET = re.compile(r"\]\([^)]*\)|<https?:[^>]*>|`[^`]*`|\$[^$]*\$")
BARE_NUMBER = re.compile(r"(?<![\w.])(?:0?\.\d{2,}|\d+\.\d{2,}|\d+(?:\.\d+)?\s?%)(?!\w)")
ALLOWED = re.compile(r"\b10\.\d{4,}/\S+|(?<![\d.])(?:95|100)\s?%|\d+\.\d+\.\d+|(?<!\d)\.05\b|CC BY(?:-\w+)* 4\.0")


TEXTS = [p for p in PAGES if p.parent.name == "blog" or p in NOTEBOOKS]


@pytest.mark.parametrize("path", TEXTS, ids=ids(TEXTS))
def test_no_result_is_typed_into_the_prose(path):
    for text in prose(path):
        for rest in (NAMED, LINK_TARGET, ALLOWED):
            text = rest.sub(" ", text)
        assert BARE_NUMBER.findall(text) == [], text


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda p: p.name)
def test_a_results_file_has_the_agreed_shape(path):
    recorded = json.loads(path.read_text(encoding="utf-8"))
    assert set(recorded) == {"slug", "provenance", "metrics"}
    assert recorded["slug"] == path.stem
    assert recorded["slug"] in {slug(p) for p in NOTEBOOKS}, "a results file without its notebook"
    assert not [n for n in recorded["provenance"]["data"] if n.endswith(":synthetic")]
    for name, entry in recorded["metrics"].items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert tuple(entry) == FIELDS
        assert entry["kind"] in KINDS, name
        if entry["kind"] == "sampled":
            assert entry["low"] is not None, f"{name}: a sampled figure has an interval"
            assert entry["low"] < entry["high"], f"{name}: an interval of width zero promises too much"
        if entry["low"] is not None:
            assert entry["low"] <= entry["value"] <= entry["high"], name


def test_pages_keep_clear_of_what_one_of_the_renderers_cannot_do():
    for path in PAGES:
        for text in prose(path):
            assert not re.search(r"(?<![\w`/.@])@(?:fig|tbl|sec|eq|lst)-", text), path
            assert not re.search(r"\[-?@\w", text), path
        if path.suffix == ".qmd":
            assert not re.search(r"^```\s*\{(?:python|r|ojs)", path.read_text(encoding="utf-8"), re.M), path


def test_the_papers_of_the_project_link_to_files_that_exist():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"
