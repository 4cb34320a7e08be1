"""The last step of a render: make the pages in the output folder self-contained, whichever program wrote them.

Quarto and smalldocs both run this file after rendering (`post-render` in `_quarto.yml`). It

- drops scripts, styles and fonts that a page would fetch from another host (neither program can be told not to
  name them: Quarto puts jQuery and RequireJS on notebook pages, Bootstrap themes import web fonts, smalldocs loads
  KaTeX), and forbids the browser to fetch any that a script may ask for;
- turns TeX that smalldocs left for KaTeX into MathML, which browsers draw by themselves, as Quarto does;
- writes the redirects of `aliases`, which smalldocs does not and Quarto does in a script only;
- says in each page's head which address it has and which picture stands for it where somebody shares it;
- lets tables be narrow: intervals and names may break;
- says at a page's end when its figures were computed;
- takes student notebooks, which Quarto copies as resources, out of the output;
- mends what a screen reader stumbles over.

It needs nothing but the standard library and PyYAML; under smalldocs, also latex2mathml.
"""

import datetime
import html
import json
import os
import re
from pathlib import Path

REMOTE = r"""(?:https?:)?//[^"'\s>]+"""
REMOTE_SCRIPT = re.compile(rf"""<script\b[^>]*\bsrc=["']{REMOTE}["'][^>]*>\s*</script>\s*""")
REMOTE_STYLE = re.compile(
    rf"""<link\b(?=[^>]*\brel=["'](?:stylesheet|preconnect|preload)["'])[^>]*\bhref=["']{REMOTE}["'][^>]*>\s*"""
)
REMOTE_IMPORT = re.compile(r"""@import\s*(?:url\(\s*["']?(?:https?:)?//[^)]*\)|["'](?:https?:)?//[^"']*["'])[^;]*;?""")
REMOTE_FONT = re.compile(r"""@font-face\s*\{[^}]*url\(\s*["']?(?:https?:)?//[^}]*\}""")
REMOTE_URL = re.compile(r"""url\(\s*["']?(?:https?:)?//[^)]*\)""")
BEFORE_INTERVAL = re.compile(r"(?:\u00a0|&nbsp;|&#160;)(?=\[)")
METRIC_NAME = re.compile(r"(<th\b[^>]*>)([a-z0-9]+(?:_[a-z0-9]+)+)(</th>)")
INLINE_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.S)
REQUIRE_JQUERY = re.compile(r"""<script type="application/javascript">define\('jquery'[^<]*</script>\s*""")
MATHS = re.compile(r'<span class="math (inline|display)">\\[(\[](.*?)\\[)\]]</span>', re.S)

REDIRECT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Moved</title>
<link rel="canonical" href="{target}">
<meta http-equiv="refresh" content="0; url={target}">
</head>
<body><p>This page has moved to <a href="{target}">{target}</a>.</p></body>
</html>
"""


def mathml(match: re.Match) -> str:
    from latex2mathml.converter import convert

    display = "block" if match[1] == "display" else "inline"
    return convert(html.unescape(match[2]), display=display)


# What a script of the page asks of another host, the browser refuses; `file:` for pages opened from a folder.
POLICY = "default-src 'self' file: data: blob: 'unsafe-inline' 'unsafe-eval'"
POLICY_TAG = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
COLOUR_TOGGLE = re.compile(r'<a\b(?=[^>]*\bclass="[^"]*\bquarto-color-scheme-toggle\b)(?![^>]*\brole=)')


def accessible(page: str) -> str:
    """Names and roles that the rendered markup lacks."""
    page = COLOUR_TOGGLE.sub('<a role="button" aria-label="Switch colours"', page)
    return re.sub(r'<i class="bi bi-([\w-]+)" role="img">', r'<i class="bi bi-\1" aria-hidden="true">', page)


def own_styles(css: str) -> str:
    """A style sheet without fonts, sheets and pictures of another host."""
    return REMOTE_URL.sub("none", REMOTE_FONT.sub("", REMOTE_IMPORT.sub("", css)))


def self_contained(page: str) -> str:
    """A page without anything that a browser would fetch from another host."""
    for remote in (REMOTE_SCRIPT, REMOTE_STYLE, REQUIRE_JQUERY):
        page = remote.sub("", page)
    return INLINE_STYLE.sub(lambda m: m[1] + own_styles(m[2]) + m[3], page)


def with_policy(page: str) -> str:
    """A page whose browser refuses what a script asks of another host."""
    return page if POLICY_TAG in page else re.sub(r"(<head[^>]*>)", rf"\1{POLICY_TAG}", page, count=1)


def breakable(page: str) -> str:
    """Tables that can be narrow: an interval may stand under its value, a metric's name may break at underscores."""
    page = BEFORE_INTERVAL.sub(" ", page)
    return METRIC_NAME.sub(lambda m: m[1] + m[2].replace("_", "_<wbr>") + m[3], page)


SHARED_TAGS = re.compile(r"""<meta\b[^>]*(?:property|name)=["'](?:og|twitter):(?:image|card)[^>]*>\s*""")
CANONICAL = re.compile(r"""<link\b[^>]*\brel=["']canonical["'][^>]*>\s*""")


def described(page: str, address: str, picture: str) -> str:
    """The page with its own address and the picture that stands for it on other sites, each once."""
    page = CANONICAL.sub("", SHARED_TAGS.sub("", page))
    own = (
        f'<link rel="canonical" href="{html.escape(address)}">\n'
        f'<meta property="og:url" content="{html.escape(address)}">\n'
        f'<meta property="og:image" content="{html.escape(picture)}">\n'
        '<meta property="og:image:type" content="image/png">\n'
        '<meta property="og:image:width" content="1200">\n'
        '<meta property="og:image:height" content="630">\n'
        '<meta name="twitter:card" content="summary_large_image">\n'
        f'<meta name="twitter:image" content="{html.escape(picture)}">\n'
    )
    return page.replace("</head>", own + "</head>", 1)


COMPUTED = re.compile(r'<p class="computed">.*?</p>\s*', re.S)


def day(iso: str) -> str:
    """A date in words: `1 December 2026`."""
    date = datetime.date.fromisoformat(iso)
    return f"{date.day} {date:%B %Y}"


def computed(stamp: dict) -> str:
    """One line that says when a page's figures were computed, and when that was last proven of newer code."""
    text = f"Computed on {day(stamp['date'])}"
    if carried := stamp.get("carried"):
        text += f"; the code was refactored since, and the same outputs were proven on {day(carried[-1]['date'])}"
    return f'<p class="computed">{html.escape(text)}.</p>\n'


def with_foot(page: str, source: Path) -> str:
    """A notebook's page with that line at its end."""
    stamp = json.loads(source.read_text(encoding="utf-8")).get("metadata", {}).get("provenance")
    page = COMPUTED.sub("", page)
    return page.replace("</main>", computed(stamp) + "</main>", 1) if stamp else page


def site_url(root: Path) -> str:
    """The public address of the site, without a slash at its end; empty where none is set."""
    import yaml

    options = root / "_quarto.yml"
    settings = yaml.safe_load(options.read_text(encoding="utf-8")) if options.is_file() else {}
    return str(settings.get("website", {}).get("site-url", "")).rstrip("/")


def card_of(page: Path, out: Path) -> str:
    """The picture of a page for other sites, relative to the site's root: its own, or the site's."""
    own = Path("images") / "cards" / f"{page.stem}.png"
    return (own if (out / own).is_file() else own.with_name("site.png")).as_posix()


def sources(root: Path, out: Path) -> list[Path]:
    """The sources of the pages in the output, relative to the root. (Quarto tells its last step no inputs.)"""
    pages = (path.relative_to(out) for path in sorted(out.rglob("*.html")))
    found = (page.with_suffix(suffix) for page in pages for suffix in (".qmd", ".ipynb", ".md"))
    return [source for source in found if (root / source).is_file()]


def aliases(root: Path, pages: list[Path]) -> dict[str, str]:
    """Old address → new address, both relative to the site's root, from the front matter of the pages' sources.

    An old address that is a page of today is left out: a redirect never replaces a page.
    """
    import yaml

    moved = {}
    today = {source.with_suffix(".html").as_posix() for source in pages}
    for source in pages:
        text = (root / source).read_text(encoding="utf-8")
        if source.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "".join(cells[0]["source"]) if cells else ""
        front = re.match(r"---\n(.*?)\n---", text, re.S)
        meta = yaml.safe_load(front[1]) if front else {}
        for old in meta.get("aliases") or []:
            folder = Path() if old.startswith("/") else source.parent
            moved[(folder / old.lstrip("/")).as_posix()] = source.with_suffix(".html").as_posix()
    return {old: new for old, new in moved.items() if old not in today}


def write_redirects(out: Path, moved: dict[str, str]) -> None:
    """Write a page that leads on at each old address."""
    for old, new in moved.items():
        place = out / old
        place.parent.mkdir(parents=True, exist_ok=True)
        target = os.path.relpath(new, Path(old).parent)
        place.write_text(REDIRECT.format(target=html.escape(target)), encoding="utf-8")


def rewrite(path: Path, new: str, old: str) -> None:
    if new != old:
        path.write_text(new, encoding="utf-8")


def finish(root: Path, out: Path, smalldocs: bool) -> None:
    """Finish every page and style sheet under `out`."""
    base, moved = site_url(root), aliases(root, sources(root, out))
    for path in out.rglob("*.html"):
        where = path.relative_to(out)
        if where.as_posix() in moved:
            continue
        old = path.read_text(encoding="utf-8")
        new = breakable(accessible(with_policy(self_contained(old))))
        if (source := (root / where).with_suffix(".ipynb")).is_file():
            new = with_foot(new, source)
        if base:
            address = f"{base}/{where.as_posix()}".removesuffix("index.html")
            new = described(new, address, f"{base}/{card_of(where, out)}")
        rewrite(path, MATHS.sub(mathml, new) if smalldocs else new, old)
    for path in out.rglob("*.css"):
        old = path.read_text(encoding="utf-8")
        rewrite(path, own_styles(old), old)
    for path in out.rglob("*_student.ipynb"):
        path.unlink()
    write_redirects(out, moved)


if __name__ == "__main__":
    project = Path(os.environ.get("QUARTO_PROJECT_DIR", ".")).resolve()
    finish(
        root=project,
        out=project / os.environ.get("QUARTO_PROJECT_OUTPUT_DIR", "_site"),
        smalldocs=bool(os.environ.get("SMALLDOCS")),
    )
