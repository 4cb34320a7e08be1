"""On Colab every notebook finds what it imports, and nothing that Colab has is replaced.

`data/colab_packages.toml` says what Colab has. A cell may install what is missing, if it says so in a dict named
`not_on_colab` (name to import → requirement), and without the dependencies of what it installs.
"""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from lib.publish.project import ROOT, module_file, notebooks, read_notebook
from lib.publish.student import tree_of

COLAB = tomllib.loads((ROOT / "data" / "colab_packages.toml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
AT_HOME = {"site", "test", "teach", "cluster"}  # extras that no notebook needs
NOTEBOOKS = notebooks()
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "IPython": "ipython"}


def code(path: Path) -> list[str]:
    return [c["source"] for c in read_notebook(path)["cells"] if c["cell_type"] == "code"]


def installed_by(cells: list[str]) -> dict[str, str]:
    """What the cells install on Colab: name to import → requirement."""
    found = {}
    for node in (n for c in cells for n in ast.walk(tree_of(c))):
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "not_on_colab" for t in node.targets):
            found |= ast.literal_eval(node.value)
    return found


def imports(tree: ast.AST) -> set[str]:
    """Every module that code imports, anywhere in it, but for type checkers only or with a way out."""
    found, rest = set(), [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Try) and any("ImportError" in ast.unparse(h.type or node) for h in node.handlers):
            continue
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{a.name}" for a in node.names}
        rest += ast.iter_child_nodes(node)
    return found


def own_module(name: str) -> str | None:
    """The module of `lib` that `lib.room.name` lies in, also where the room loads it when it is first used."""
    parts = name.split(".")
    if not module_file(name).is_file():
        room, last = ".".join(parts[:-1]), parts[-1]
        if not module_file(room).is_file():
            return None
        home = getattr(importlib.import_module(room), "_HOME", {})
        return f"{room}.{home[last]}" if last in home else room
    return name


def needed(trees: list[ast.AST]) -> set[str]:
    """The distributions that code imports, also by way of `lib`."""
    names, seen = set().union(*map(imports, trees)), set()
    while names - seen:
        name = (names - seen).pop()
        seen.add(name)
        if name.split(".")[0] == "lib" and (module := own_module(name)):
            seen.add(module)
            names |= imports(ast.parse(module_file(module).read_text(encoding="utf-8")))
    tops = {n.split(".")[0] for n in names} - set(sys.stdlib_module_names) - {"lib", "google"}
    return {DISTRIBUTIONS.get(t, t) for t in tops}


def conflicts(requirements: list[str], installs: dict[str, str], imported: set[str]) -> list[str]:
    """Which requirements Colab does not meet."""
    installable = {canonicalize_name(Requirement(r).name) for r in installs.values()}
    found = []
    for text in requirements:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        if wanted.marker and not wanted.marker.evaluate({"python_version": COLAB["python"], "extra": ""}):
            continue
        has = COLAB["packages"].get(name)
        if has and not wanted.specifier.contains(has, prereleases=True):
            found.append(f"{text}, but Colab has {name} {has}")
        elif not has and name not in COLAB["unversioned"] and name in imported and name not in installable:
            found.append(f"{text} is imported, but neither on Colab nor installed by a cell")
    return found


EVERY_IMPORT = needed([tree_of(c) for p in NOTEBOOKS for c in code(p)])
EVERY_INSTALL = installed_by([c for p in NOTEBOOKS for c in code(p)])
INSTALLING = [(p.stem, c) for p in NOTEBOOKS for c in code(p) if "not_on_colab" in c]


def test_the_python_of_colab_is_admitted():
    assert SpecifierSet(PROJECT["requires-python"]).contains(COLAB["python"])


def test_our_requirements_agree_with_what_colab_has():
    extras = PROJECT["optional-dependencies"]
    ours = PROJECT["dependencies"] + [r for name in extras if name not in AT_HOME for r in extras[name]]
    assert len(ours) > 20
    assert conflicts(ours, EVERY_INSTALL, EVERY_IMPORT) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_what_a_notebook_imports_is_on_colab_or_installed_by_it(path):
    imported = needed([tree_of(c) for c in code(path)])
    assert imported, "a notebook imports something"
    have = {*COLAB["packages"], *COLAB["unversioned"]}
    assert imported - have <= set(installed_by(code(path)))


@pytest.mark.parametrize("requirement", sorted(EVERY_INSTALL.values()))
def test_what_is_installed_on_colab_gets_along_with_what_is_there(requirement):
    wanted = Requirement(requirement)
    here = importlib.metadata.version(wanted.name)
    assert wanted.specifier.contains(here), "Colab would get another version than the one tested here"
    assert canonicalize_name(wanted.name) not in {*COLAB["packages"], *COLAB["unversioned"]}, "it would be replaced"
    base = [r for r in importlib.metadata.requires(wanted.name) or [] if "extra ==" not in r]
    every = {canonicalize_name(Requirement(r).name) for r in base}
    assert conflicts(base, EVERY_INSTALL, every) == []


@pytest.mark.parametrize(("notebook", "cell"), INSTALLING, ids=[n for n, _ in INSTALLING])
@pytest.mark.parametrize("on_colab", [False, True])
def test_a_cell_installs_only_on_colab_and_only_what_is_missing(notebook, cell, on_colab, monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: calls.append([str(w) for w in command]))
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    else:
        monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    exec(compile(cell, "cell", "exec"), {"sys": sys, "subprocess": subprocess})
    if not on_colab:
        assert calls == []
        return
    (command,) = calls
    assert "--no-deps" in command
    assert set(installed_by([cell]).values()) <= set(command)
    assert not [w for w in command if re.match(r"(-U|--upgrade|--force)", w)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_no_notebook_calls_pip_in_another_way(path):
    for cell in code(path):
        assert "pip" not in re.findall(r"\w+", cell) or "not_on_colab" in cell


def test_the_set_up_cell_does_nothing_in_a_checkout(monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: calls.append(words))
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    monkeypatch.chdir(NOTEBOOKS[0].parent)
    before = list(sys.path)
    exec(compile(next(c for c in code(NOTEBOOKS[0]) if '"git"' in c), "cell", "exec"), {})
    assert calls == []
    assert sys.path == before


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("numpy>=2.3.2", "Colab has numpy 2.1.3"),
        ("Scikit_Learn<1.6", "Colab has scikit-learn 1.6.1"),
        ("sleepecg==0.5.9", "neither on Colab nor installed"),
        ("numpy>=2; python_version < '3.13'", None),
        ("numpy>=99; python_version >= '3.13'", "Colab has numpy"),
        ("scipy>=1.13", None),
        ("papermill>=2", None),
    ],
)
def test_a_conflict_with_colab_would_be_seen(requirement, said):
    found = conflicts([requirement], {}, {"sleepecg", "numpy"})
    assert found == [] if said is None else said in found[0]


def test_an_import_by_way_of_the_course_would_be_seen():
    assert {"numpy", "pandas"} <= needed([ast.parse("from lib.data import load_heart")])
    assert needed([ast.parse("try:\n    import odd\nexcept ImportError:\n    pass")]) == set()
    assert needed([ast.parse("def f():\n    import odd.inner")]) == {"odd"}


def test_the_list_of_colab_is_well_formed():
    assert re.fullmatch(r"3\.\d+", COLAB["python"])
    for name, version in COLAB["packages"].items():
        assert name == canonicalize_name(name)
        assert Version(version).release
    assert not set(COLAB["packages"]) & set(COLAB["unversioned"])
