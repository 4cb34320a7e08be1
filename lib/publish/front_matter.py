"""The options at the head of a page's source."""

import re
from pathlib import Path

from lib.publish.project import PublishError, read_notebook


def options_at_head(text: str, where: str) -> dict:
    """The YAML between the `---` lines that a page's source begins with.

    Raises `PublishError`, naming `where`, when there is none.
    """
    import yaml

    match = re.match(r"---\n(.*?)\n---", text, re.S)
    if not match:
        raise PublishError(f"{where}: no front matter at its head (options between two lines of ---)")
    return yaml.safe_load(match[1])


def front_matter(path: Path) -> dict:
    """The options of a page, from its .qmd file or the first cell of its notebook."""
    text = read_notebook(path)["cells"][0]["source"] if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    return options_at_head(text, str(path))
