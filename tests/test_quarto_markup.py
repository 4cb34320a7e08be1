"""What the style sheet, the includes and the last step make of the markup that Quarto writes.

Quarto can't be run on every machine that runs the tests, so the fragments here are made up from what was seen of its
pages (1.10): its colours and opacities stand in THEME, its order of identifiers, classes and cells in the fragments.
"""

import json
import os
import subprocess
import sys

import pytest

from lib.publish.finish import POLICY_TAG, accessible, breakable, finish, own_styles, self_contained
from lib.publish.project import ROOT

THEME = """
body { background: #fff; color: #343a40; margin: 1rem; }
body.quarto-dark { background: #222; color: #fff; }
.nav-footer { color: #757575; background: #fff; }
.quarto-title-meta-heading { opacity: .6; text-transform: uppercase; }
.quarto-category { border: solid 1px #dee2e6; color: #6c757d; opacity: .8; }
code span.re { color: #0057ae; background-color: #e0e9f8; }
body.quarto-dark code span.re { color: #f8f8f2; }
body.quarto-dark details > summary { color: #6c757d; }
.aa-Form { background: #fff; color: #222; display: flex; } .aa-InputWrapperPrefix { background: #fff; }
.aa-InputWrapperSuffix { background: #fff; } .aa-Input { background: #fff; color: #222; }
caption { text-align: left; white-space: nowrap; } figcaption { white-space: normal; }
table { width: auto; } th, td { padding: .5rem; }
"""
DRAWING = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='726' height='300'/%3E"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAAAAAAALAAAAAABAAEAAAIBRAA7"
FIGURE = (
    '<div class="cell-output cell-output-display"><figure><img alt="a" class="figure-img" src="{src}"></figure></div>'
)
QUARTO_PHOTO = (
    '<div id="cell-photo-leaves" class="cell"><div id="photo-leaves" class="cell-output">{figure}</div></div>'
)
QUARTO_PHOTO_INSIDE = (
    '<div id="cell-photo-x" class="cell"><div class="cell-output cell-output-display"><div id="photo-x">'
    '<figure><img id="inside" alt="a" src="{src}"></figure></div></div></div>'
)
SMALLDOCS_PHOTO = '<div id="photo-fields" class="cell">{figure}</div>'


@pytest.fixture
def show(browser):
    """Opens a fragment in a page of Quarto's build, with the site's own style sheet and includes."""
    includes = "".join(p.read_text("utf-8") for p in sorted((ROOT / "_includes").glob("*.html")))
    styles = THEME + (ROOT / "styles.css").read_text("utf-8")
    opened = []

    def open_fragment(fragment: str, width: int = 1280, dark: bool = False):
        opened.append(browser.new_page(viewport={"width": width, "height": 800}))
        opened[-1].set_content(
            f'<html><head><style>{styles}</style></head><body class="quarto-{"dark" if dark else "light"}">'
            f'<div id="quarto-content"><main class="content">{fragment}</main></div>{includes}</body></html>'
        )
        return opened[-1]

    yield open_fragment
    for tab in opened:
        tab.close()


# The contrast of an element's text on the nearest ground behind it, opacities of all boxes around counted in.
CONTRAST = """(element) => {
  const rgba = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  let ground = [255, 255, 255], boxes = [], opacity = 1;
  for (let box = element; box; box = box.parentElement) boxes.unshift(box);
  for (const box of boxes) {
    ground = over(rgba(getComputedStyle(box).backgroundColor), ground);
    opacity *= Number(getComputedStyle(box).opacity);
  }
  const ink = rgba(getComputedStyle(element).color);
  ink[3] *= opacity;
  const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (c) => { const [r, g, b] = c.map((v) => linear(v / 255)); return .2126 * r + .7152 * g + .0722 * b; };
  const [a, b] = [light(over(ink, ground)), light(ground)].sort((x, y) => y - x);
  return (a + .05) / (b + .05);
}"""
FADED = {
    "footer": '</main><footer class="footer"><div class="nav-footer"><p id="x">Text</p></div></footer><main>',
    "published": '<div class="quarto-title-meta"><div class="quarto-title-meta-heading" id="x">Published</div></div>',
    "category": '<div class="quarto-categories"><div class="quarto-category" id="x">speech</div></div>',
    "hint": '<details><summary id="x">Hint</summary>words</details>',
    "solution mark": '<div class="sourceCode"><pre><code><span class="co"># </span><span class="re" id="x">BEGIN</span>'
    "</code></pre></div>",
    "search box": '<div class="aa-Form"><div class="aa-InputWrapperPrefix" id="x">?</div></div>',
    "search box, end": '<div class="aa-Form"><div class="aa-InputWrapperSuffix" id="x">x</div></div>',
}


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", FADED)
def test_what_quarto_fades_can_be_read(show, name, dark):
    page = show(FADED[name], dark=dark)
    assert page.locator("#x").evaluate(CONTRAST) >= 4.5


@pytest.mark.browser
@pytest.mark.parametrize("part", ["aa-Form", "aa-InputWrapperPrefix", "aa-InputWrapperSuffix", "aa-Input"])
def test_the_search_box_has_no_white_ends_in_the_dark_theme(show, part):
    page = show(f'<div class="{part}">x</div>', dark=True)
    ground = page.locator(f".{part}").evaluate("e => getComputedStyle(e).backgroundColor")
    assert max(int(v) for v in ground.removeprefix("rgb(").rstrip(")").split(",")) < 100


@pytest.mark.browser
def test_photographs_stay_photographs_in_the_dark_theme_under_both_markups(show):
    figure = FIGURE.format(src=PIXEL)
    photos = [QUARTO_PHOTO.format(figure=figure), SMALLDOCS_PHOTO.format(figure=figure)]
    page = show("".join(photos) + QUARTO_PHOTO_INSIDE.format(src=PIXEL) + f'<div id="plot">{figure}</div>', dark=True)
    filters = page.evaluate("[...document.querySelectorAll('main img')].map(e => getComputedStyle(e).filter)")
    assert filters[:3] == ["none"] * 3
    assert "invert" in filters[3]


WIDE = "".join(f"<th>column {i}</th>" for i in range(9)), "".join("<td>0.123 [0.101, 0.145]</td>" for _ in range(9))
CAPTION = (
    "A caption that is long enough to need several lines on a phone, since it says what each of the columns holds."
)


@pytest.mark.browser
@pytest.mark.parametrize("output", [True, False], ids=["output", "markdown"])
def test_a_wide_table_does_not_widen_the_page_of_a_phone_and_its_rows_stack(show, output):
    table = (
        f"<table><caption>{CAPTION}</caption><thead><tr>{WIDE[0]}</tr></thead><tbody><tr>{WIDE[1]}</tr></tbody></table>"
    )
    page = show(f'<div class="cell-output cell-output-display">{table}</div>' if output else table, width=390)
    page.wait_for_function("document.querySelector('table').classList.contains('stacked')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('caption').getBoundingClientRect().right") <= 390
    names = "[...document.querySelectorAll('td')].map(e => e.getAttribute('data-label'))"
    assert page.evaluate(names) == [f"column {i}" for i in range(9)]


@pytest.mark.browser
def test_a_table_that_only_just_does_not_fit_is_set_closer(show):
    names = "".join(f"<th>name {i}</th>" for i in range(9))
    cells = "".join("<td>12,345</td>" for _ in range(9))
    table = f"<table><thead><tr>{names}</tr></thead><tbody><tr>{cells}</tr></tbody></table>"
    page = show(f'<div class="cell-output-display" style="width: 560px">{table}</div>')
    page.wait_for_function("document.querySelector('table').classList.contains('close')")
    assert page.evaluate("document.querySelector('table').getBoundingClientRect().width") <= 561


@pytest.mark.browser
def test_a_heading_stands_over_its_column(show):
    page = show(
        '<div class="cell-output-display"><table><thead><tr><th>model</th><th>value</th></tr></thead><tbody>'
        '<tr><th scope="row">a</th><td>1</td></tr></tbody></table></div>'
    )
    sides = "[...document.querySelectorAll('th, td')].map(e => getComputedStyle(e).textAlign)"
    assert page.evaluate(sides) == ["left", "right", "left", "right"]


@pytest.mark.browser
def test_a_figure_can_be_enlarged_by_tap_and_by_key(show):
    page = show(f"<style>main img {{max-width: 100%}}</style>{FIGURE.format(src=DRAWING)}", width=390)
    figure = page.locator("main img")
    assert figure.evaluate("e => e.clientWidth") <= 390
    figure.click()
    assert page.locator("dialog.enlarged[open] img").evaluate("e => e.clientWidth") == 726
    page.locator("dialog.enlarged button").click()
    assert page.locator("dialog.enlarged[open]").count() == 0
    figure.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog.enlarged[open]").count() == 1


# --- the last step ------------------------------------------------------------------------------------


def test_a_minified_sheet_imports_no_fonts():
    minified = '@import"https://fonts.example/css2?family=Source+Sans+Pro:wght@300;400&display=swap";body{color:red}'
    assert own_styles(minified) == "body{color:red}"
    faces = "@font-face{font-family:L;src:url(//f.example/l.woff2)}a{background:url('https://x.example/a.png')}"
    assert own_styles(faces) == "a{background:none}"
    own = '@import"local.css";@font-face{src:url(fonts/a.woff)}a{background:url(data:image/svg+xml;x//y)}'
    assert own_styles(own) == own


def test_styles_inside_a_page_are_looked_at_as_well():
    assert self_contained('<style>@import"https://f.example/a";p{}</style>') == "<style>p{}</style>"


def test_an_interval_may_stand_under_its_value_and_a_name_may_break():
    row = (
        '<tr><th scope="row">test_auroc_level</th><td>0.82\u00a0[0.78,\u00a00.88]</td><td>1&nbsp;[0,&nbsp;2]</td></tr>'
    )
    found = breakable(row)
    assert "test_<wbr>auroc_<wbr>level" in found
    assert "0.82 [0.78,\u00a00.88]" in found
    assert "1 [0,&nbsp;2]" in found


TOGGLE = '<a href="" class="quarto-color-scheme-toggle quarto-navigation-tool  px-1" onclick="window.x()" title="T">'


@pytest.mark.parametrize(
    "toggle", [TOGGLE, '<a class="quarto-color-scheme-toggle nav-link" href="" title="Toggle dark mode">']
)
def test_the_colour_toggle_has_a_role_and_a_name(toggle):
    named = accessible(toggle)
    assert 'role="button"' in named
    assert 'aria-label="Switch colours"' in named
    assert accessible(named) == named


@pytest.fixture
def quarto_site(tmp_path):
    """A site as Quarto leaves it: a page, its alias as a script, a copied student notebook."""
    (tmp_path / "_quarto.yml").write_text("website:\n  site-url: https://notes.example/site/\n")
    source = tmp_path / "notebooks" / "unit"
    source.mkdir(parents=True)
    front = "---\ntitle: T\naliases: [Old_name.html, taken.html]\n---"
    (source / "unit.ipynb").write_text(json.dumps({"cells": [{"cell_type": "raw", "source": front}]}))
    (source / "taken.qmd").write_text("---\ntitle: U\n---\n")
    out = tmp_path / "_site" / "notebooks" / "unit"
    out.mkdir(parents=True)
    head = '<html><head><meta charset="utf-8"><meta property="og:image" content="https://notes.example/site/a.svg">'
    (out / "unit.html").write_text(head + "<title>T</title></head><body>page</body></html>")
    (out / "taken.html").write_text(head + "<title>U</title></head><body>a page</body></html>")
    (out / "Old_name.html").write_text(
        "<html><head><script>window.location.replace('unit.html')</script></head></html>"
    )
    (out / "unit_student.ipynb").write_text("{}")
    (tmp_path / "_site" / "index.html").write_text(head + "</head></html>")
    cards = tmp_path / "_site" / "images" / "cards"
    cards.mkdir(parents=True)
    (cards / "unit.png").write_bytes(b"")
    return tmp_path


def test_quartos_pages_are_finished(quarto_site):
    for _ in range(2):  # a second time changes nothing
        finish(quarto_site, quarto_site / "_site", smalldocs=False)
        out = quarto_site / "_site" / "notebooks" / "unit"
        page = (out / "unit.html").read_text()
        assert page.count('<meta property="og:image" ') == 1
        assert '<meta property="og:image" content="https://notes.example/site/images/cards/unit.png">' in page
        assert '<meta name="twitter:card" content="summary_large_image">' in page
        assert page.count('<link rel="canonical" href="https://notes.example/site/notebooks/unit/unit.html">') == 1
        assert page.count(POLICY_TAG) == 1
        assert 'http-equiv="refresh"' in (out / "Old_name.html").read_text(), "a redirect without a script"
        taken = (out / "taken.html").read_text()
        assert "a page" in taken, "a redirect never replaces a page"
        assert POLICY_TAG in taken, "which is finished like any other"
        assert not (out / "unit_student.ipynb").exists()
        home = (quarto_site / "_site" / "index.html").read_text()
        assert 'href="https://notes.example/site/"' in home
        assert "images/cards/site.png" in home


def test_the_last_step_runs_as_quarto_starts_it(quarto_site):
    """Quarto (src/command/render/project.ts) names the output folder, absolute, and the output files, and no inputs."""
    told = {
        "QUARTO_PROJECT_OUTPUT_DIR": str(quarto_site / "_site"),
        "QUARTO_PROJECT_OUTPUT_FILES": "_site/notebooks/unit/unit.html",
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("QUARTO_", "SMALLDOCS"))}
    script = ROOT / "lib" / "publish" / "finish.py"
    subprocess.run([sys.executable, script], cwd=quarto_site, env=ours | told, check=True)
    out = quarto_site / "_site" / "notebooks" / "unit"
    assert 'http-equiv="refresh"' in (out / "Old_name.html").read_text()
    assert POLICY_TAG in (out / "unit.html").read_text()
