"""Render the site: with Quarto where it is installed, else with smalldocs, which reads the same sources."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lib.publish.project import ROOT, PublishError
from lib.publish.unchanged import is_unchanged, remember

# What smalldocs says of options that Quarto needs and that lib/publish/finish.py supplies in its place, and of links
# to the feeds, which it writes only after it has looked for them.
SUPPLIED = re.compile(
    r"html-math-method is ignored|aliases is not read by smalldocs|execute\.enabled|broken link /?\w+\.xml$"
    r"|listing\.feed\.type is not read|respect-user-color-scheme is (?:not read|ignored)"  # it does both
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # Quarto's warnings come in colour, `ESC[33mWARN:`, even into a file


def quarto() -> str | None:
    """The Quarto to render with: the one of this environment (`make quarto`), else the one on the PATH."""
    own = Path(sys.executable).parent / "quarto"
    return str(own) if own.is_file() else shutil.which("quarto")


def renderer() -> str:
    """`quarto` or `smalldocs`: what will render the site. The variable NOTES_RENDERER decides where it is set."""
    wanted = os.environ.get("NOTES_RENDERER")
    if wanted not in (None, "", "quarto", "smalldocs"):
        raise PublishError(f"NOTES_RENDERER is {wanted!r}: it can be quarto or smalldocs")
    return wanted or ("quarto" if quarto() else "smalldocs")


def render(root: Path = ROOT) -> list[str]:
    """Render the whole site into `_site` and say which program did and where; the warnings, each a fault to mend.

    Raises
    ------
    PublishError
        When the page sources can't be rendered at all, or neither renderer is installed.
    """
    began, program = time.perf_counter(), renderer()
    if is_unchanged(root, program):
        print(f"Nothing changed since {program} rendered the site; it is in {root / '_site'}")
        return []
    if program == "quarto":
        print(f"Rendering with Quarto ({needed_quarto()}); NOTES_RENDERER=smalldocs takes the other")
        warnings = render_with_quarto(root)
    else:
        print("Rendering with smalldocs, which needs nothing; `make quarto` installs Quarto, the published site's")
        warnings = render_with_smalldocs(root)
    if not warnings:
        remember(root, program)
    print(f"The site is in {root / '_site'} ({time.perf_counter() - began:.1f} s); open _site/index.html")
    return warnings


def needed_quarto() -> str:
    """The Quarto to render with. Raises `PublishError` where there is none."""
    if program := quarto():
        return program
    raise PublishError("Quarto is not here: run `make quarto`, or see https://quarto.org/docs/get-started")


def quarto_environment() -> dict[str, str]:
    """What Quarto is started with: this Python for the last step, and no colours in what it says."""
    return {**os.environ, "QUARTO_PYTHON": sys.executable, "NO_COLOR": "1"}


def complaints(output: str) -> list[str]:
    """The warnings and errors in what Quarto printed, coloured or not."""
    lines = (COLOUR.sub("", line).strip() for line in output.splitlines())
    return [line for line in lines if re.search(r"\bWARN(ING)?\b|\bERROR\b", line)]


def render_with_quarto(root: Path) -> list[str]:
    program, env = needed_quarto(), quarto_environment()
    done = subprocess.run([program, "render"], cwd=root, env=env, capture_output=True, text=True)
    output = done.stdout + done.stderr
    if done.returncode:
        raise PublishError(f"quarto render failed:\n{COLOUR.sub('', output)[-4000:]}")
    return complaints(output)


def render_with_smalldocs(root: Path) -> list[str]:
    try:
        from smalldocs.config import BuildError, ConfigError
        from smalldocs.site import build
    except ImportError:
        raise PublishError("neither Quarto nor smalldocs is installed; run `make site`") from None
    try:
        site = build(root, quiet=True)
    except (BuildError, ConfigError) as error:
        raise PublishError(str(error)) from None
    return [w for w in site.warnings if not SUPPLIED.search(w)]


def preview(root: Path = ROOT, port: int = 4200) -> int:
    """Serve the site on this machine and render again at every change, until Ctrl-C."""
    if renderer() == "quarto":
        command = [needed_quarto(), "preview", "--port", str(port), "--no-browser"]
        return subprocess.run(command, cwd=root, env=quarto_environment()).returncode
    print("Previewing with smalldocs; `make quarto` installs Quarto")
    from smalldocs.serve import preview as serve

    return serve(root, port=port, open_browser=False)
