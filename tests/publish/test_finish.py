"""The last step of a render makes pages self-contained."""

import json

import pytest

from lib.publish.finish import POLICY_TAG, aliases, finish, own_styles, self_contained, sources, with_foot


@pytest.mark.parametrize(
    "remote",
    [
        '<script src="https://cdnjs.example/require.min.js" integrity="x" crossorigin="anonymous"></script>',
        "<script src='//cdn.example/a.js' defer></script>",
        '<link rel="stylesheet" href="https://cdn.example/katex.min.css">',
        '<link href="https://fonts.example" rel="preconnect">',
        """<script type="application/javascript">define('jquery', [],function() {return window.jQuery;})</script>""",
    ],
)
def test_what_comes_from_another_host_is_dropped(remote):
    assert self_contained(f"<head>{remote}<title>T</title></head>") == "<head><title>T</title></head>"


@pytest.mark.parametrize(
    "own",
    [
        '<script src="site_libs/a.js"></script>',
        '<link rel="stylesheet" href="../styles.css">',
        '<link rel="canonical" href="https://here.example/page.html">',
        '<a href="https://elsewhere.example">a link</a>',
        "<script>let address = 'https://x.example';</script>",
    ],
)
def test_what_is_the_sites_own_stays(own):
    assert self_contained(own) == own


def test_web_fonts_are_not_imported():
    css = '@import url(https://f.example/css2?family=Lato:wght@400;700);@import "//x.example/a.css";body{color:red}'
    assert own_styles(css) == "body{color:red}"
    own = "@import url(local.css);"
    assert own_styles(own) == own


def test_a_site_without_a_public_address_asks_no_other_host_either(tmp_path):
    (tmp_path / "index.html").write_text("<html><head><title>T</title></head></html>")
    finish(tmp_path, tmp_path, smalldocs=False)
    assert POLICY_TAG in (tmp_path / "index.html").read_text()


@pytest.fixture
def built(tmp_path):
    out = tmp_path / "_site"
    (out / "projects").mkdir(parents=True)
    front = "---\ntitle: T\naliases: [Old_name.html, /elsewhere/old.html]\n---"
    cells = [{"cell_type": "raw", "source": front.splitlines(True)}]
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "new.ipynb").write_text(json.dumps({"cells": cells}))
    maths = r'<p class="x"><span class="math inline">\(a_1 &lt; b\)</span></p>'
    maths += r'<p><span class="math display">\[\frac{1}{n}\sum x\]</span></p>'
    (out / "projects" / "new.html").write_text(maths)
    return tmp_path


def test_formulas_become_mathml_where_the_renderer_left_tex(built):
    finish(built, built / "_site", smalldocs=True)
    page = (built / "_site" / "projects" / "new.html").read_text()
    assert page.count("<math") == 2
    assert 'display="block"' in page
    assert "<mfrac>" in page
    assert r"\(" not in page


def test_old_addresses_redirect_relative_to_their_own_folder(built):
    assert aliases(built, sources(built, built / "_site")) == {
        "projects/Old_name.html": "projects/new.html",
        "elsewhere/old.html": "projects/new.html",
    }
    finish(built, built / "_site", smalldocs=True)
    assert "url=new.html" in (built / "_site" / "projects" / "Old_name.html").read_text()
    assert "url=../projects/new.html" in (built / "_site" / "elsewhere" / "old.html").read_text()


def test_a_redirect_never_replaces_a_page(built):
    (built / "projects" / "Old_name.qmd").write_text("---\ntitle: a page again\n---\n")
    (built / "_site" / "projects" / "Old_name.html").write_text("a page")
    finish(built, built / "_site", smalldocs=True)
    assert (built / "_site" / "projects" / "Old_name.html").read_text() == "a page"


def test_quarto_keeps_its_own_formulas(built):
    before = (built / "_site" / "projects" / "new.html").read_text()
    finish(built, built / "_site", smalldocs=False)
    assert (built / "_site" / "projects" / "new.html").read_text() == before


@pytest.mark.parametrize("end", ["</main>", "</main> <!-- /main -->"])
def test_a_page_says_when_it_was_computed_and_when_that_was_proven_of_newer_code(tmp_path, end):
    source = tmp_path / "report.ipynb"
    stamp = {"date": "2026-12-01"}
    source.write_text(json.dumps({"cells": [], "metadata": {"provenance": stamp}}))
    once = with_foot(f"<main><p>Text</p>{end}", source)
    assert '<p class="computed">Computed on 1 December 2026.</p>' in once
    stamp["carried"] = [{"date": "2026-12-02"}, {"date": "2027-01-03"}]
    source.write_text(json.dumps({"cells": [], "metadata": {"provenance": stamp}}))
    twice = with_foot(once, source)
    assert twice.count('class="computed"') == 1
    assert "refactored since, and the same outputs were proven on 3 January 2027." in twice
