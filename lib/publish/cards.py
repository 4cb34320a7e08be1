"""The pictures that stand for pages on other sites: PNGs of 1200 × 630, since those sites show no SVG.

A card is a page's own SVG beside its title, drawn by Chromium through Playwright and kept in `images/cards/`. Each
carries the hash of what it was drawn from, so that a changed title or picture is noticed without drawing again.
"""

import html
import io
import re
import shutil
from pathlib import Path

from lib.publish.front_matter import front_matter
from lib.publish.project import ROOT, PublishError, pages
from lib.publish.stamp import digest

SIZE = (1200, 630)
SITE = "site"  # the card of the home page and of every page without a picture of its own
TEMPLATE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 48px 64px; display: flex;
  flex-direction: column; background: #fff; color: #1d2329; font-family: "Liberation Sans", Arial, sans-serif; }}
h1 {{ font-size: 52px; line-height: 1.15; margin: 0; }}
svg {{ flex: 1; min-height: 0; width: 100%; margin: 28px 0; }}
p {{ font-size: 28px; margin: 0; color: #0b6e4f; }}
</style><h1>{title}</h1>{picture}<p>Engineering notes</p>"""


def sources(root: Path = ROOT) -> dict[str, str]:
    """The name of each card and the page it is a picture of, as HTML."""
    site = TEMPLATE.format(
        title="Machine learning for sound and biosignals", picture=(root / "images" / "banner.svg").read_text("utf-8")
    )
    cards = {SITE: site}
    for page in pages(root):
        meta = front_matter(page)
        if meta.get("image"):
            picture = (page.parent / meta["image"]).read_text("utf-8")
            cards[page.stem] = TEMPLATE.format(title=html.escape(str(meta["title"])), picture=picture)
    return cards


def card_file(name: str, root: Path = ROOT) -> Path:
    return root / "images" / "cards" / f"{name}.png"


def drawn_from(file: Path) -> str | None:
    """The hash that a card carries, or None when there is no such card or it is none of ours."""
    if not file.is_file():
        return None
    found = re.search(rb"tEXtSource\x00([0-9a-f]{16})", file.read_bytes())
    return found[1].decode() if found else None


def to_draw(root: Path = ROOT) -> dict[str, str]:
    """The cards that are missing or were drawn from something else, as `sources` gives them."""
    every = sources(root).items()
    return {name: source for name, source in every if drawn_from(card_file(name, root)) != digest(source)}


def stale(root: Path = ROOT) -> list[str]:
    """The names of the cards that are out of date."""
    return list(to_draw(root))


def find_chromium() -> str | None:
    """The browser on the PATH, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def draw_cards(root: Path = ROOT) -> list[Path]:
    """Draw the cards that are out of date; their paths.

    Raises
    ------
    PublishError
        Cards are out of date, and neither Playwright nor a Chromium is there to draw them.
    """
    cards = to_draw(root)
    if not cards:
        return []
    browser = find_chromium()
    try:
        from PIL import Image, PngImagePlugin
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser = None
    if browser is None:
        raise PublishError(f"cards out of date ({', '.join(cards)}): run `make test` once and install Chromium")
    card_file(SITE, root).parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        tab = opened.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        for name, source in cards.items():
            tab.set_content(source)
            picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB").quantize(64)
            told = PngImagePlugin.PngInfo()
            told.add_text("Source", digest(source))
            picture.save(card_file(name, root), pnginfo=told, optimize=True)
        opened.close()
    return [card_file(name, root) for name in cards]
