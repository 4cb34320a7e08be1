"""The site as a person meets it: in Chromium, with no way out to any other host."""

import functools
import http.server
import threading

import pytest

from lib.publish.project import ROOT, pages

pytestmark = pytest.mark.browser

ADDRESSES = [p.relative_to(ROOT).with_suffix(".html").as_posix() for p in pages()]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def host(site):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_page(browser, host):
    """Opens an address; collects what the page tried to fetch elsewhere and what it complained of."""
    contexts = []

    def visit(address: str, viewport: dict = DESK, scheme: str = "light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []

        def guard(route):
            if route.request.url.startswith((host, "data:")):
                return route.continue_()
            page.complaints.append(f"fetches {route.request.url}")
            return route.abort()

        page.route("**/*", guard)
        page.on("console", lambda m: m.type in ("error", "warning") and page.complaints.append(m.text))
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        page.on("response", lambda r: r.status >= 400 and page.complaints.append(f"{r.status} {r.url}"))
        page.goto(f"{host}/{address}", wait_until="load")
        return page

    yield visit
    for context in contexts:
        context.close()


# The headings of tables that are cut by their box.
CUT_TABLES = """() => [...document.querySelectorAll("main table")].filter((table) => {
    if (!table.getClientRects().length) return false;
    let box = table.parentElement;
    while (box.tagName !== "MAIN" && getComputedStyle(box).overflowX === "visible") box = box.parentElement;
    return table.scrollWidth > table.clientWidth + 2 || table.getBoundingClientRect().width > box.clientWidth + 2;
}).map((table) => table.rows[0].innerText)"""


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_loads_without_complaint_and_without_the_network_and_shows_its_tables_whole(open_page, address):
    page = open_page(address)
    page.wait_for_timeout(200)
    assert page.complaints == []
    assert page.evaluate(CUT_TABLES) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_has_no_serious_accessibility_fault(open_page, address, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(address, scheme=scheme)
    found = Axe().run(page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    told = [f"{v['id']}: {v['help']}: {n['html'][:200]} {n['any'][:1]}" for v in serious for n in v["nodes"][:5]]
    assert told == []


# What sticks out of the window on the right, apart from what lies in a box that scrolls.
STICKS_OUT = """() => [...document.querySelectorAll("header *, main *, footer *")].filter((element) => {
    if (!element.checkVisibility() || element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let box = element; box; box = box.parentElement)
        if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
    return true;
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_fits_a_phone(open_page, address):
    page = open_page(address, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(STICKS_OUT) == []
    assert page.evaluate(CUT_TABLES) == []


def test_a_page_opened_from_a_folder_has_its_styles(browser, site):
    page = browser.new_page()
    complaints = []
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.goto((site / "projects" / "motor_control.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--notes-ink')"), "the styles are there"
    assert not [text for text in complaints if "Content Security Policy" in text]


def test_the_menu_leads_to_every_part(open_page):
    page = open_page("index.html")
    for name in ("Projects", "Blog", "Course", "Home"):
        page.locator("#quarto-header").get_by_role("link", name=name, exact=True).click()
        page.wait_for_load_state()
        assert page.locator("h1.title").inner_text() == (name if name != "Home" else "Engineering notes")


def test_the_menu_opens_on_a_phone(open_page):
    page = open_page("index.html", viewport=PHONE)
    link = page.locator("#quarto-header").get_by_role("link", name="Course", exact=True)
    assert not link.is_visible()
    page.locator(".navbar-toggler").first.click()
    link.wait_for(state="visible")
    link.click()
    page.wait_for_url("**/course.html")


def test_search_leads_to_a_report(open_page):
    page = open_page("index.html")
    page.locator("#quarto-search input").fill("cholesterol")
    hit = page.locator("#quarto-search a", has_text="Heart").first
    hit.wait_for(state="visible")
    hit.click()
    page.wait_for_url("**/heart_disease.html*")


def test_the_theme_switch_turns_the_page_dark_and_remembers(open_page):
    page = open_page("index.html")
    brightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => +a + +b, 0)"
    )
    light = page.evaluate(brightness)
    page.locator(".quarto-color-scheme-toggle").first.click()
    page.wait_for_timeout(200)
    dark = page.evaluate(brightness)
    page.goto(page.url.replace("index.html", "blog.html"))
    assert light > 600
    assert dark < 150
    assert page.evaluate(brightness) == dark


def test_folded_code_opens(open_page):
    page = open_page("projects/heart_disease.html")
    fold = page.locator("details.code-fold").first
    assert not fold.locator("pre").is_visible()
    fold.locator("summary").click()
    assert fold.locator("pre").is_visible()


def test_a_category_narrows_the_projects(open_page):
    page = open_page("projects.html")
    page.locator(".quarto-listing-category .category", has_text="statistics").first.click()
    assert page.locator(".quarto-grid-item:visible").count() >= 1


def test_an_old_address_arrives_at_the_new_page(open_page):
    page = open_page("projects/Heart_disease_project.html")
    page.wait_for_url("**/projects/heart_disease.html")
