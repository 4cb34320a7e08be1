"""A key changes with everything that can change a result, and with nothing else."""

import os
import shutil
import subprocess
import sys

import pytest

from lib.publish.definitions import names_of
from lib.publish.key import Tree, cells_definition, loader_reach, page_cells, part_cells, reach
from lib.publish.project import ROOT, PublishError, notebooks, read_notebook
from lib.publish.stamp import problems
from lib.publish.sweep import Parts, settings, sweep_problems

CELL = "from lib import shapes\nfrom lib.sums import total\nprint(total([1, 2]), shapes.area(3))"
FILES = {
    "lib/__init__.py": "",
    "lib/sums.py": """
import math
from lib.base import start

STEP = 1
UNUSED = 7

def total(values: list) -> float:
    \"\"\"The sum.\"\"\"
    found = start()
    for value in values:
        found += value * STEP
    return math.fsum([found])

def nobody(x):
    return x
""",
    "lib/base.py": "def start():\n    return 0\n\nclass Other:\n    def method(self):\n        return 1\n",
    "lib/shapes.py": "from lib.base import Other\n\ndef area(side):\n    return side**2 + Other().method()\n",
}


def key(files: dict = FILES, *cells: str) -> str:
    return reach(cells or (CELL,), Tree(files.get)).key


def edited(old: str, new: str, path: str = "lib/sums.py") -> dict:
    assert FILES[path].count(old) == 1
    return {**FILES, path: FILES[path].replace(old, new)}


@pytest.mark.parametrize(
    "files",
    [
        edited("    found = start()", "    # from nothing\n\n    found = start()"),
        edited('"""The sum."""', '"""The sum of all values."""'),
        edited("(values: list) -> float", "(values)"),
        edited("return math.fsum([found])", "return math.fsum(\n        [found],\n    )"),
        edited("    return x\n", "    return -x\n"),  # nobody reaches it
        edited("UNUSED = 7", "UNUSED = 8"),
        {**FILES, "lib/new.py": "x = 1\n"},
    ],
    ids=[
        "a comment",
        "a docstring",
        "annotations",
        "layout",
        "a function nobody reaches",
        "a name nobody uses",
        "a file",
    ],
)
def test_what_can_change_no_result_leaves_the_key(files):
    assert key(files) == key()


@pytest.mark.parametrize(
    "files",
    [
        edited("found += value", "found -= value"),
        edited("STEP = 1", "STEP = 2"),
        edited("import math\n", "import cmath as math\n"),
        edited("return 0", "return 1", "lib/base.py"),
        edited("return 1", "return 2", "lib/base.py"),
        edited("STEP = 1", "STEP = 1\nprint('imported')"),
        edited("STEP = 1", "STEP = 1\nmath.pi = 3"),
        edited("STEP = 1", "STEP = 1\nSTEP += 1"),
        edited("from lib.base import start", "from lib.shapes import area as start"),
        edited("def total", "@register\ndef total"),
    ],
    ids=[
        "a statement",
        "a constant",
        "what a name imports",
        "a function behind it",
        "a method of a class behind it",
        "a call at import",
        "a statement at import",
        "a name bound twice",
        "another function under the same name",
        "a decorator",
    ],
)
def test_what_can_change_a_result_changes_the_key(files):
    assert key(files) != key()


def test_a_move_is_no_change():
    body = FILES["lib/base.py"]
    moved = {
        **FILES,
        "lib/base.py": "",
        "lib/room/__init__.py": "",
        "lib/room/inner.py": body,
        "lib/sums.py": FILES["lib/sums.py"].replace("lib.base", "lib.room.inner"),
        "lib/shapes.py": FILES["lib/shapes.py"].replace("lib.base", "lib.room.inner"),
    }
    assert key(moved) == key()
    renamed = {**{k: v for k, v in FILES.items() if k != "lib/sums.py"}, "lib/adding.py": FILES["lib/sums.py"]}
    assert key(renamed, CELL.replace("lib.sums", "lib.adding")) == key()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ('x = """a\n\nb"""', 'x = """a\nb"""'),
        ("x = '#1'", "x = '#2'"),
        ("def f(): 'One.'; return 1", "def f(): 'One.'; return 2"),
        ("x = 1", "x = 1.0"),
        ("x = True", "x = 1"),
        ("x = b'a'", "x = 'a'"),
        ("f();", "f()"),
        ("!ls", "!pwd"),
        ("not python (", "not python ["),
        ("if a:\n    b()\nc()", "if a:\n    b()\n    c()"),
    ],
)
def test_cells_that_do_different_things_have_different_keys(a, b):
    assert key(FILES, a) != key(FILES, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("x = 1", "#| fig-cap: One\nx = 1  # one"),
        ("def f():\n    'One.'\n    return 1", "def f():\n    return 1"),
        ("x = (1 +\n     2)", "x = 1 + 2"),
    ],
)
def test_cells_that_do_the_same_have_the_same_key(a, b):
    assert key(FILES, a) == key(FILES, b)


@pytest.mark.parametrize(
    "call",
    [
        "import importlib\nimportlib.import_module('lib.' + name)",
        "__import__('lib.base')",
        "eval('start')",
        "exec('from lib.base import start')",
        "import sys\nsys.modules['lib.base']",
    ],
)
def test_a_dynamic_import_in_what_is_reached_is_a_fault(call):
    hidden = "\n    ".join(["def total(values):", *call.splitlines()])
    with pytest.raises(PublishError, match=r"lib\.sums\.total uses .* can't be followed"):
        key({**FILES, "lib/sums.py": hidden})
    assert key({**FILES, "lib/base.py": FILES["lib/base.py"] + f"\n\ndef unreached():\n    {call.splitlines()[-1]}\n"})


def test_a_name_that_lib_does_not_have_is_told():
    with pytest.raises(PublishError, match=r"lib\.sums has no average"):
        key(FILES, "from lib.sums import average\naverage()")
    with pytest.raises(PublishError, match=r"no module lib\.gone"):
        key(FILES, "import lib.gone as gone\ngone.x()")


def test_a_module_that_is_no_python_is_named():
    with pytest.raises(PublishError, match=r"lib/sums\.py: no Python"):
        key({**FILES, "lib/sums.py": "def ("})


def test_names_come_through_stars_re_exports_and_whole_modules():
    files = {**FILES, "lib/all.py": "from lib.base import *\n", "lib/again.py": "from lib.base import start as begin\n"}
    for cell in (
        "from lib.all import start\nstart()",
        "from lib.again import begin\nbegin()",
        "import lib.base\nlib.base.start()",
        "from lib import base\nshow(base)",
        "from lib.base import *\nstart()",
    ):
        assert ("lib.base", "start") in reach([cell], Tree(files.get)).places, cell


def test_a_class_counts_whole_and_a_dataclass_by_its_fields():
    before = "@dataclass\nclass A:\n    x: int = 1\n\n    def f(self):\n        return 1\n"
    for after in (before.replace("return 1", "return 2"), before.replace("x: int = 1", "x: int = 2")):
        assert names_of(before, "lib.a").definitions["A"] != names_of(after, "lib.a").definitions["A"]


def test_the_key_of_a_page_does_not_depend_on_place_locale_or_order_of_files(tmp_path):
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    page = notebooks()[0]
    here = reach(page_cells(read_notebook(page))).key
    program = (
        "import sys; from pathlib import Path; from lib.publish.key import *; from lib.publish.project import *;"
        f"print(reach(page_cells(read_notebook(Path({str(page)!r}))), Tree.at(Path({str(tmp_path)!r}))).key)"
    )
    for hash_seed, locale in (("1", "C"), ("2", "tr_TR.UTF-8")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": locale, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.stdout.strip() == here, done.stderr


SWEEPS = [p for p in notebooks() if settings(read_notebook(p), p)]


def test_a_trainer_that_does_not_step_makes_every_sweep_and_its_page_stale():
    """The hole that there was: stored runs were not tied to the code of lib."""

    def read(path: str) -> str | None:
        file = ROOT / path
        text = file.read_text(encoding="utf-8") if file.is_file() else None
        if path == "lib/training/trainer.py":
            assert text.count("self.optimizer.step()") == 1
            return text.replace("self.optimizer.step()", "pass")
        return text

    now, broken = Tree.at(ROOT), Tree(read)
    assert len(SWEEPS) == 7
    for path in SWEEPS:
        notebook = read_notebook(path)
        parts = {s["part"] for s in settings(notebook, path)}
        trained = {p for p in parts if "Training(" in "".join(part_cells(notebook, p))}
        before, after = (Parts(notebook, parts, tree=tree).keys for tree in (now, broken))
        assert trained
        assert {p for p in parts if before[p] != after[p]} >= trained
        assert any("of other code" in p for p in sweep_problems(path, tree=broken)), path
        assert any("its code changed" in p for p in problems(path, tree=broken)), path


def test_a_loader_is_keyed_by_what_it_returns_and_not_by_its_code():
    files = {
        **FILES,
        "lib/data/__init__.py": "_HOME = {'load_it': 'it'}\n",
        "lib/data/it.py": "def load_it() -> 'Box':\n    return Box(1)\n\nclass Box:\n    x = 0\n",
    }
    cell = "from lib.data import load_it\nload_it().x"
    found = reach([cell], Tree(files.get))
    assert found.loaders == {"load_it"}
    other = {**files, "lib/data/it.py": files["lib/data/it.py"].replace("return Box(1)", "return Box(2 - 1)")}
    assert reach([cell], Tree(other.get)).key == found.key
    assert loader_reach("load_it", Tree(other.get)).key != loader_reach("load_it", Tree(files.get)).key


def test_cells_are_one_definition_in_order():
    assert cells_definition(["x = 1", "y = 2"]).digest != cells_definition(["y = 2", "x = 1"]).digest
    assert cells_definition(["x = 1", ""]).digest == cells_definition(["x = 1"]).digest
