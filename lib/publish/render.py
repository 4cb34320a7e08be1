"""Render the site: with Quarto where it is installed, else with smalldocs, which reads the same sources."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lib.publish.project import ROOT, PublishError

# What smalldocs says of options that Quarto needs and that lib/publish/finish.py supplies in its place, and of links
# to the feeds, which it writes only after it has looked for them.
SUPPLIED = re.compile(
    r"html-math-method is ignored|aliases is not read by smalldocs|execute\.enabled|broken link /?\w+\.xml$"
)


def renderer() -> str:
    """`quarto` or `smalldocs`: what will render the site. The variable NOTES_RENDERER decides where it is set."""
    wanted = os.environ.get("NOTES_RENDERER")
    if wanted not in (None, "", "quarto", "smalldocs"):
        raise PublishError(f"NOTES_RENDERER is {wanted!r}: it can be quarto or smalldocs")
    return wanted or ("quarto" if shutil.which("quarto") else "smalldocs")


def render(root: Path = ROOT) -> list[str]:
    """Render the whole site into `_site` and say which program did and where; the warnings, each a fault to mend.

    Raises
    ------
    PublishError
        When the page sources can't be rendered at all, or neither renderer is installed.
    """
    began = time.perf_counter()
    program = renderer()
    if program == "quarto":
        print(f"Rendering with Quarto ({shutil.which('quarto') or 'not found'})")
        warnings = render_with_quarto(root)
    else:
        print("Quarto is not installed: rendering with smalldocs instead")
        warnings = render_with_smalldocs(root)
    print(f"The site is in {root / '_site'} ({time.perf_counter() - began:.1f} s); open _site/index.html")
    return warnings


def render_with_quarto(root: Path) -> list[str]:
    env = {**os.environ, "QUARTO_PYTHON": sys.executable}
    try:
        done = subprocess.run(["quarto", "render"], cwd=root, env=env, capture_output=True, text=True)
    except FileNotFoundError:
        raise PublishError("Quarto is not on the PATH; install it from https://quarto.org/docs/get-started") from None
    output = done.stdout + done.stderr
    if done.returncode:
        raise PublishError(f"quarto render failed:\n{output[-4000:]}")
    return [line.strip() for line in output.splitlines() if re.search(r"\bWARN(ING)?\b|\bERROR\b", line)]


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
        command = ["quarto", "preview", "--port", str(port), "--no-browser"]
        return subprocess.run(command, cwd=root, env={**os.environ, "QUARTO_PYTHON": sys.executable}).returncode
    print("Quarto is not installed: previewing with smalldocs instead")
    from smalldocs.serve import preview as serve

    return serve(root, port=port, open_browser=False)
