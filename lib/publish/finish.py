"""The last step of a render: make the pages in the output folder self-contained, whichever program wrote them.

Quarto and smalldocs both run this file after rendering (`post-render` in `_quarto.yml`). It

- drops scripts, styles and fonts that a page would fetch from another host (neither program can be told not to
  name them: Quarto puts jQuery and RequireJS on notebook pages, Bootstrap themes import web fonts, smalldocs loads
  KaTeX);
- turns TeX that smalldocs left for KaTeX into MathML, which browsers draw by themselves, as Quarto does;
- writes the redirects of `aliases`, which smalldocs does not;
- mends what a screen reader stumbles over.

It needs nothing but the standard library under Quarto; under smalldocs, also latex2mathml and PyYAML.
"""

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
REMOTE_IMPORT = re.compile(r"""@import\s+(?:url\(\s*["']?(?:https?:)?//[^)]*\)|["'](?:https?:)?//[^"']*["'])[^;]*;""")
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


def accessible(page: str) -> str:
    """Names and roles that the rendered markup lacks."""
    page = page.replace('<a class="quarto-color-scheme-toggle nav-link" href="" title=', COLOUR_TOGGLE)
    return re.sub(r'<i class="bi bi-([\w-]+)" role="img">', r'<i class="bi bi-\1" aria-hidden="true">', page)


COLOUR_TOGGLE = (
    '<a class="quarto-color-scheme-toggle nav-link" href="" role="button" aria-label="Switch colours" title='
)


def self_contained(page: str) -> str:
    """A page without anything that a browser would fetch from another host."""
    for remote in (REMOTE_SCRIPT, REMOTE_STYLE, REQUIRE_JQUERY):
        page = remote.sub("", page)
    return page


def aliases(root: Path, sources: list[str]) -> dict[str, str]:
    """Old address → new address, both relative to the site's root, from the pages' front matter."""
    import yaml

    moved = {}
    for source in sources:
        path = root / source
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            text = "".join(cells[0]["source"]) if cells else ""
        else:
            text = path.read_text(encoding="utf-8")
        front = re.match(r"---\n(.*?)\n---", text, re.S)
        meta = yaml.safe_load(front[1]) if front else {}
        for old in meta.get("aliases") or []:
            folder = Path() if old.startswith("/") else Path(source).parent
            moved[(folder / old.lstrip("/")).as_posix()] = Path(source).with_suffix(".html").as_posix()
    return moved


def write_redirects(out: Path, moved: dict[str, str]) -> None:
    for old, new in moved.items():
        place = out / old
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            target = os.path.relpath(new, Path(old).parent)
            place.write_text(REDIRECT.format(target=html.escape(target)), encoding="utf-8")


def rewrite(path: Path, new: str, old: str) -> None:
    if new != old:
        path.write_text(new, encoding="utf-8")


def finish(root: Path, out: Path, sources: list[str], smalldocs: bool) -> None:
    """Finish every page and style sheet under `out`."""
    for path in out.rglob("*.html"):
        old = path.read_text(encoding="utf-8")
        new = accessible(self_contained(old))
        rewrite(path, MATHS.sub(mathml, new) if smalldocs else new, old)
    for path in out.rglob("*.css"):
        old = path.read_text(encoding="utf-8")
        rewrite(path, REMOTE_IMPORT.sub("", old), old)
    if smalldocs:
        write_redirects(out, aliases(root, sources))


if __name__ == "__main__":
    project = Path(os.environ.get("QUARTO_PROJECT_DIR", ".")).resolve()
    finish(
        root=project,
        out=project / os.environ.get("QUARTO_PROJECT_OUTPUT_DIR", "_site"),
        sources=os.environ.get("QUARTO_PROJECT_INPUT_FILES", "").splitlines(),
        smalldocs=bool(os.environ.get("SMALLDOCS")),
    )
