"""The rooms of lib import what the table in CONTRIBUTING.md allows, and no module grows beyond reading."""

import ast

import pytest

from lib.publish.project import ROOT

MODULES = sorted((ROOT / "lib").rglob("*.py"))
MAY_IMPORT = {
    "data": (),
    "audio": ("lib.data",),
    "batching": ("lib.data.progress",),
    "ecg": (),
    "models": (),
    "motor": (),
    "spark": (),
    "training": (),
    "evaluation": (),
    "weighted_metrics": ("lib.evaluation",),
    "results": ("lib.evaluation",),
    "plots": (),
    "checks": ("lib.publish.project",),
    "publish": ("lib.data",),
    "__init__": (),
    "__main__": ("lib.publish",),
}
LONGEST = 350  # lines


def imports(path):
    """The modules of lib that a file names in its imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "lib")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lib":
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_room_may(path):
    room = path.relative_to(ROOT / "lib").parts[0].removesuffix(".py")
    allowed = (f"lib.{room}", *MAY_IMPORT[room])
    assert [name for name in imports(path) if not name.startswith(allowed)] == []


def test_the_rooms_are_the_ones_the_table_lists():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for room in {p.relative_to(ROOT / "lib").parts[0] for p in MODULES} - {"__init__.py", "__main__.py"}:
        assert f"`lib/{room}" in table, room


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_can_be_read_in_one_go(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
