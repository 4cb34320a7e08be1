"""The rendered site as files: every address resolves, nothing comes from elsewhere, nothing is left as markup."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup

from lib.publish.project import ROOT, pages

ALIASES = {
    "blog/Spark RDD.html": "blog/spark_rdd.html",
    "blog/Applying_vision_models_to_audio_classification.html": "blog/applying_vision_models_to_audio.html",
    "blog/variable_length_training.html": "blog/training_with_variable_length_data.html",
    "projects/Emotional_speech_detection.html": "projects/emotional_speech_detection.html",
    "projects/Heart_disease_project.html": "projects/heart_disease.html",
    "projects/mini_resnet_from_scratch_with_pytorch.html": "projects/resnet_from_scratch.html",
}


@pytest.fixture(scope="module")
def documents(site) -> dict[Path, BeautifulSoup]:
    return {p: BeautifulSoup(p.read_text(encoding="utf-8"), "html.parser") for p in site.rglob("*.html")}


def test_every_source_has_its_page(site):
    for source in pages():
        assert (site / source.relative_to(ROOT).with_suffix(".html")).is_file()


def test_every_link_picture_and_anchor_resolves(site, documents):
    missing = []
    for path, document in documents.items():
        for tag, attribute in (("a", "href"), ("img", "src"), ("script", "src"), ("link", "href")):
            for element in document.find_all(tag, **{attribute: True}):
                address = urlsplit(element[attribute])
                if address.scheme or address.netloc:
                    continue
                target = (path.parent / unquote(address.path)).resolve() if address.path else path
                target = target / "index.html" if target.is_dir() else target
                if not target.is_file():
                    missing.append(f"{path.relative_to(site)} → {element[attribute]}")
                elif address.fragment.startswith("category="):
                    pass  # a listing's script reads it
                elif address.fragment and target.suffix == ".html":
                    names = {e["id"] for e in documents[target].find_all(id=True)}
                    if unquote(address.fragment) not in names:
                        missing.append(f"{path.relative_to(site)} → {element[attribute]} (no such anchor)")
    assert not missing, "\n".join(missing)


# What a browser fetches by itself: sheets, fonts and pictures named in CSS, modules imported by scripts.
FETCHED = re.compile(
    r"""@import\s*["'(]?[^;]*?//|url\(\s*["']?(?:https?:)?//|\bimport\s*\(?\s*["']https?:|\bfrom\s*["']https?:"""
    r"""|\bfetch\(\s*["']https?:|importScripts\(\s*["']https?:"""
)


def test_nothing_is_fetched_from_another_host(site, documents):
    for path, document in documents.items():
        loaded = [
            e["src"] for e in document.find_all(["script", "img", "iframe", "audio", "video", "source"], src=True)
        ]
        loaded += [e["href"] for e in document.find_all("link", rel=["stylesheet", "preload", "preconnect", "icon"])]
        assert [a for a in loaded if re.match(r"(?:https?:)?//", a)] == [], path
        inside = "\n".join(e.get_text() for e in document.find_all(["style", "script"]))
        assert not FETCHED.search(inside), path
        if not document.find("meta", attrs={"http-equiv": "refresh"}):
            policy = document.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
            assert "default-src 'self'" in policy["content"], path
            assert "http" not in policy["content"], path
    for path in [*site.rglob("*.css"), *site.rglob("*.js")]:
        assert not FETCHED.search(path.read_text(encoding="utf-8")), path


def test_a_page_that_is_shared_shows_its_picture(site, documents):
    address = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]["site-url"]
    for source in pages():
        page = site / source.relative_to(ROOT).with_suffix(".html")
        told = {
            m.get("property") or m.get("name"): m["content"] for m in documents[page].find_all("meta", content=True)
        }
        assert (site / told["og:image"].removeprefix(f"{address}/")).read_bytes().startswith(b"\x89PNG")
        assert told["twitter:card"] == "summary_large_image"
        (canonical,) = documents[page].find_all("link", rel="canonical")
        assert canonical["href"] == f"{address}/{page.relative_to(site).as_posix()}".removesuffix("index.html")


def test_no_markup_is_left_as_text(site, documents):
    for path, document in documents.items():
        for code in document.find_all(["pre", "code", "script", "style", "math"]):
            code.extract()
        text = document.get_text(" ")
        assert not re.search(r"(?<![\w.])@(?:fig|tbl|sec|eq|lst)-\w+|\[-?@\w+", text), path
        assert not re.search(r"\{\{<|\}\}|:::|\\\(|\\\[|\{#|\{\.", text), path


def test_old_addresses_lead_to_the_new_pages(site):
    for old, new in ALIASES.items():
        page = BeautifulSoup((site / old).read_text(encoding="utf-8"), "html.parser")
        target = page.find("link", rel="canonical")["href"]
        assert ((site / old).parent / target).resolve() == site / new


def test_every_page_says_what_it_is(site, documents):
    for path, document in documents.items():
        if document.find("meta", attrs={"http-equiv": "refresh"}):
            continue
        assert document.title.get_text(), path
        assert document.html["lang"] == "en", path
        assert len(document.find_all("h1", class_="title")) == 1, path
        footer = document.find("footer").get_text(" ")
        assert "CC BY 4.0" in footer, path
        assert "MIT" in footer, path


def test_feeds_hold_an_entry_for_each_listed_page(site):
    for name in ("projects", "blog", "course"):
        feed = ElementTree.parse(site / f"{name}.xml")
        folder = {"course": "notebooks"}.get(name, name)
        listed = [p for p in pages() if p.is_relative_to(ROOT / folder)]
        assert len(feed.findall(".//item")) == len(listed)


def test_a_feed_is_small(site):
    for feed in site.glob("*.xml"):
        assert feed.stat().st_size < 20_000, feed


def test_the_home_page_shows_six_newest_pages(site, documents):
    links = documents[site / "index.html"].select("#listing-newest .card a[href], #listing-newest a[href]:has(.card)")
    targets = {site / link["href"] for link in links}
    assert len(targets) == 6
    assert all(target.is_file() for target in targets)


def test_search_finds_words_of_a_report(site):
    assert "cholesterol" in (site / "search.json").read_text(encoding="utf-8").lower()
