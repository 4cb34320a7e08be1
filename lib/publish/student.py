"""Make the student version of a notebook: what is to be written is taken out, and so is what gives it away.

An authored notebook holds its solutions. nbgrader's metadata says which cells are solutions, which are checks and
how many points each is worth; the marks `### BEGIN SOLUTION` and `### END SOLUTION` say which lines of a cell go.
Cells tagged `authored_only` are left out altogether. `<name>_student.ipynb` lies beside the authored notebook, is
opened in Colab, and is the same byte for byte whenever it is made from the same notebook.
"""

import ast
import logging
import re
from copy import deepcopy
from pathlib import Path
from urllib.parse import urljoin

from lib.publish.front_matter import options_at_head
from lib.publish.key import MAGIC
from lib.publish.project import (
    ROOT,
    PublishError,
    has_tag,
    notebook_text,
    notebooks,
    read_notebook,
    write_atomically,
)

AUTHORED_ONLY = "authored_only"
TEXT_STUB = "YOUR ANSWER HERE"  # as nbgrader has it, which gives an untouched one no points
CODE_STUB = '# YOUR CODE HERE\nraise NotImplementedError("write this part, then run the check below")'
LINK = re.compile(r"(\]\()(?![a-z][a-z0-9+.-]*:|#|/)([^)\s]+)")
BADGE = re.compile(r' ?<a href="([^"]+)">[^<]*</a>')
QUARTO_MARKS = re.compile(r"^:::.*\n?|(?<=\))\{[^}\n]*\}|(?<=\S) \{[.#][^}\n]*\}$", re.M)


def marks(cell: dict) -> dict:
    """nbgrader's metadata of a cell, empty where it has none."""
    return cell.get("metadata", {}).get("nbgrader", {})


def is_graded(notebook: dict) -> bool:
    """Whether the notebook has anything for a student to write."""
    return any(marks(c).get("solution") for c in notebook["cells"])


def student_file(path: Path) -> Path:
    return path.with_name(f"{path.stem}_student.ipynb")


def authored(root: Path = ROOT) -> list[Path]:
    """Every notebook that has a student version."""
    return [p for p in notebooks(root) if is_graded(read_notebook(p))]


def points(notebook: dict) -> dict[str, float]:
    """grade_id → points, of all graded cells in order."""
    return {marks(c)["grade_id"]: marks(c)["points"] for c in notebook["cells"] if marks(c).get("grade")}


def tree_of(source: str) -> ast.Module:
    return ast.parse(MAGIC.sub(lambda m: f"{m[1]}_magic({m[2]!r})", source))


def names(sources: list[str], stored: bool) -> set[str]:
    """The names that code cells define, or (not `stored`) those they use."""
    found = set()
    for node in (n for s in sources for n in ast.walk(tree_of(s))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) == stored:
            found.add(node.id)
        elif stored and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif stored and isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif stored and isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def author_faults(kept: list[dict], left_out: list[dict]) -> list[str]:
    """What the author of the notebook has to mend, once the solutions are out of `kept`."""
    faults = []
    ids = {marks(c).get("grade_id") for c in kept if marks(c).get("solution")}
    for cell in (c for c in kept if marks(c) and c["cell_type"] == "code"):
        name = marks(cell).get("grade_id")
        if marks(cell).get("solution"):
            try:
                top = tree_of(cell["source"]).body
            except SyntaxError as error:
                faults.append(f"{name}: without its solution the cell is no valid Python ({error})")
                continue
            if any(isinstance(statement, ast.Raise) for statement in top):
                faults.append(f"{name}: put BEGIN SOLUTION inside a function or class, so that the stub cell runs")
        elif (task := str(name).removesuffix("_check")) == name or task not in ids:
            faults.append(f"{name}: a check cell is named after its solution cell, with _check at the end")
        elif f'check("{task}", ' not in cell["source"]:
            faults.append(f'{name}: the check cell does not call check("{task}", …)')
    if faults:
        return faults
    kept_code, left_code = ([c["source"] for c in cells if c["cell_type"] == "code"] for cells in (kept, left_out))
    leaks = (names(kept_code, False) - names(kept_code, True)) & names(left_code, True)
    return [f"`{n}` is used in the student version, but only an authored_only cell defines it" for n in sorted(leaks)]


def without_raises_in_class_bodies(source: str) -> str:
    """A stub of a whole method is a comment alone: an error in a class body would come before anything is called."""
    try:
        classes = [n for n in ast.walk(tree_of(source)) if isinstance(n, ast.ClassDef)]
    except SyntaxError:
        return source  # a fault that is reported later
    stubs = {s.lineno for c in classes for s in c.body if isinstance(s, ast.Raise)}
    return "\n".join(line for n, line in enumerate(source.split("\n"), 1) if n not in stubs)


def cleared(cells: list[dict]) -> list[dict]:
    """The cells without their solutions, locked and with checksums, by nbgrader's own rules.

    Raises
    ------
    PublishError
        When the marks or the metadata are not as nbgrader wants them, or nbgrader is not installed.
    """
    try:
        import nbformat
        from nbgrader.nbgraderformat import MetadataValidator, ValidationError
        from nbgrader.preprocessors import ClearSolutions, ComputeChecksums, LockCells
    except ImportError as error:
        raise PublishError(
            f"{error.name} is not installed, which makes student versions; `make test` installs it"
        ) from None

    quiet = logging.Logger("student", logging.CRITICAL + 1)  # what it has to say is in the exceptions
    clear = ClearSolutions(code_stub={"python": CODE_STUB}, text_stub=TEXT_STUB, log=quiet)
    node = nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    for cell in node.cells:
        if marks(cell).get("solution") and cell.cell_type == "code" and "### BEGIN SOLUTION" not in cell.source:
            raise PublishError(f"{marks(cell).get('grade_id')}: the solution cell has no ### BEGIN SOLUTION")
        try:
            clear.preprocess_cell(cell, {"language": "python"}, 0)
        except RuntimeError as error:
            raise PublishError(f"{marks(cell).get('grade_id', cell.source[:60])}: {error}") from None
        if marks(cell).get("solution") and cell.cell_type == "code":
            cell.source = without_raises_in_class_bodies(cell.source)
    try:
        MetadataValidator().validate_nb(node)
    except (ValidationError, KeyError) as error:
        raise PublishError(f"nbgrader's metadata: {error}") from None
    for step in (LockCells(), ComputeChecksums()):
        node, _ = step.preprocess(node, {})
    return [dict(c) for c in node.cells]


def website() -> dict:
    import yaml

    return yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]


def title_cell(first: dict, page: str) -> dict:
    """The first cell of the student version, in place of the front matter."""
    options = options_at_head(first["source"] if first["cell_type"] == "raw" else "", "the first cell")
    text = (
        f"# {options['title']}\n\n"
        "This is the student version: what is yours to write is marked YOUR CODE HERE and YOUR ANSWER HERE. "
        "Run the cells from top to bottom. A check cell tells you whether your code is right, and `hint(1)` helps "
        f"when you are stuck. The same page with solutions and results is at <{page}>."
    )
    return {"cell_type": "markdown", "id": first["id"], "metadata": {}, "source": text}


def for_reading(text: str, page: str, path: Path) -> str:
    """Prose that reads well in Colab: no marks of Quarto's, links to the site, the links of the notebook to itself."""

    def absolute(match: re.Match) -> str:
        return match[1] + re.sub(r"\.(ipynb|qmd)(?=#|$)", ".html", urljoin(page, match[2]))

    place = f"/blob/main/notebooks/{path.parent.name}/"
    text = LINK.sub(absolute, QUARTO_MARKS.sub("", text))
    text = text.replace(place + path.name, place + student_file(path).name)
    seen = set()  # the page links to itself and to its student version, which are now the same
    return BADGE.sub(lambda m: "" if m[1] in seen or seen.add(m[1]) else m[0], text)


def for_running(cell: dict) -> dict:
    """A code cell without outputs; options of the page go, and code that the page folds is folded here too."""
    import yaml

    lines = cell["source"].splitlines()
    given = yaml.safe_load("\n".join(x[2:].strip() for x in lines if x.startswith("#|"))) or {}
    kept = [x for x in lines if not x.startswith("#|")]
    metadata = {k: v for k, v in cell["metadata"].items() if k == "nbgrader"}
    if has_tag(cell, "parameters"):
        metadata["tags"] = ["parameters"]
    if given.get("code-fold") in (True, "true"):
        kept.insert(0, f"# @title {given.get('code-summary', 'Code')}")
        metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    source = "\n".join(kept).strip("\n")
    return {**cell, "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def student_version(path: Path) -> str:
    """The text of the student version of an authored notebook.

    Raises
    ------
    PublishError
        The notebook has nothing to write, or its author has to mend something; the message says what.
    """
    notebook = read_notebook(path)
    if not is_graded(notebook):
        raise PublishError(f"{path}: it has no solution cells, so there is no student version")
    left_out = [c for c in notebook["cells"] if has_tag(c, AUTHORED_ONLY)]
    kept = [c for c in notebook["cells"] if not has_tag(c, AUTHORED_ONLY) and not has_tag(c, "injected-parameters")]
    page = f"{website()['site-url']}/notebooks/{path.parent.name}/{path.stem}.html"
    try:
        title = title_cell(kept[0], page)
        cells = [title]
        for cell in deepcopy(kept[1:]):
            if cell["cell_type"] == "markdown":
                cell["source"] = for_reading(cell["source"], page, path)
            cells.append(for_running(cell) if cell["cell_type"] == "code" else cell)
        cells = cleared(cells)
        faults = author_faults(cells, left_out)
    except PublishError as error:
        raise PublishError(f"{path}: {error}") from None
    if faults:
        raise PublishError("\n".join(f"{path}: {fault}" for fault in faults))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return notebook_text({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def stale(root: Path = ROOT) -> list[str]:
    """What is wrong with the student versions that lie in the tree; an empty list when all are current."""
    sources = authored(root)
    found = []
    for path in sources:
        file = student_file(path)
        if not file.is_file():
            found.append(f"{file.name} is missing")
        elif file.read_text(encoding="utf-8") != student_version(path):
            found.append(f"{file.name} is not what {path.name} gives")
    expected = {student_file(p) for p in sources}
    left = (p for p in (root / "notebooks").rglob("*_student.ipynb") if ".ipynb_checkpoints" not in p.parts)
    return found + [f"{p.name} has no authored notebook with solutions" for p in sorted(left) if p not in expected]


def write_students(root: Path = ROOT) -> list[Path]:
    """Write every student version that is missing or out of date; those written."""
    written = []
    for path in authored(root):
        file, text = student_file(path), student_version(path)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            write_atomically(file, text)
            written.append(file)
    return written
