"""The key of what was computed: a hash of all code that can have a part in it.

A key starts at the cells of a page, or of a part of its sweep, and follows the names that they use through `lib`, from
definition to definition (see `definitions.py`). What nobody reaches does not count; nor does the module in which a
definition lies, so that a move leaves every key as it is.

Three things are not followed. What a *loader* (`load_…` of `lib.data`) returns is compared instead of its code, see
`loaded.py`. What finds and fetches data sets is pinned by the data's own hashes. What a check says to a right answer is
one line, and guarded by tests.
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from lib.publish.definitions import OWN, Definition, Names, define, digest, names_of
from lib.publish.project import ROOT, PublishError, has_tag

_FINDING = ("archive", "commands", "download", "errors", "kept", "loaded", "mirrors", "progress", "registry", "store")
NOT_FOLLOWED = ("lib.checks", *(f"lib.data.{module}" for module in _FINDING))
# Definitions that ask for modules at run time, and why that is no way to code which the key doesn't see.
ALLOWED = {
    "in_notebook": "looks whether IPython is there",
    "_in_notebook": "looks whether IPython is there",
    "breath_statistics": "hashes its own source for its cache",
    "_contents": "hashes the source of what it stores for its cache",
    "hashes": "hashes its own source for its cache",
}
MAGIC = re.compile(r"^(\s*)([!%].*)$", re.M)


def is_loader(module: str, name: str) -> bool:
    return module.startswith(f"{OWN}.data") and name.startswith("load_")


class Tree:
    """The modules of `lib` under a folder, or wherever `read` finds them, each parsed once."""

    def __init__(self, read: Callable[[str], str | None]) -> None:
        """`read` takes a file's path from the root, such as "lib/plots.py", and returns its text or None."""
        self._read = read
        self._modules: dict[str, Names | None] = {}

    @classmethod
    def at(cls, root: Path = ROOT) -> "Tree":
        def read(path: str) -> str | None:
            file = root / path
            return file.read_text(encoding="utf-8") if file.is_file() else None

        return cls(read)

    def module(self, name: str) -> Names | None:
        """What a module defines; None when there is none of this name."""
        if name not in self._modules:
            path = name.replace(".", "/")
            source = next((s for p in (f"{path}/__init__.py", f"{path}.py") if (s := self._read(p)) is not None), None)
            try:
                self._modules[name] = None if source is None else _names(source, name)
            except SyntaxError as error:
                raise PublishError(f"{path}.py: no Python ({error}), so no page can be compared with it") from None
        return self._modules[name]

    def lookup(self, module: str, dotted: list[str]) -> Iterator[tuple[str, str]]:
        """The definitions (module, name) that `dotted` stands for inside `module`; an own module alone is all of it.

        What comes from another package yields ("", its path).

        Raises
        ------
        PublishError
            A module of `lib` has no such name.
        """
        names = self.module(module)
        head, rest = (dotted[0], dotted[1:]) if dotted else ("", [])
        if not head:
            yield from ((module, name) for name in names.definitions)
        elif head in names.definitions:
            yield module, head
        elif head in names.homes:
            yield from self.lookup(names.homes[head], dotted)
        elif head in names.imports:
            yield from self.follow(names.imports[head], rest)
        elif self.module(f"{module}.{head}") is not None:
            yield from self.lookup(f"{module}.{head}", rest)
        else:
            for bound, path in names.imports.items():
                if bound == f"*{path}" and path.split(".")[0] == OWN and (self.module(path) is not None):
                    yield from self.lookup(path, dotted)
                    return
            if not (head.startswith("__") and head.endswith("__")):
                raise PublishError(f"{module} has no {head}, which something that a page reaches asks for")

    def follow(self, path: str, rest: list[str]) -> Iterator[tuple[str, str]]:
        """The same for an import: `lib.plots`, or `lib.plots:Table`, and what is asked of it."""
        module, _, name = path.partition(":")
        if module.split(".")[0] != OWN:
            yield "", path
        elif self.module(module) is None:
            raise PublishError(f"there is no module {module}, which something that a page reaches imports")
        elif module == OWN and not name and not rest:
            yield "", path
        else:
            yield from self.lookup(module, [*filter(None, [name]), *rest])


@cache
def _names(source: str, module: str) -> Names:
    return names_of(source, module)


class Reach:
    """Everything of `lib` that some code reaches.

    Attributes
    ----------
    lines : the text of the key.
    loaders : names of the loaders reached.
    places : (module, name) of the definitions reached.
    """

    def __init__(self, tree: Tree, start: Iterable[Definition]) -> None:
        self.tree = tree
        self.lines: set[str] = set()
        self.loaders: set[str] = set()
        self.places: set[tuple[str, str]] = set()
        self._imported: set[str] = set()
        self._todo: list[tuple[str, Definition]] = [("", d) for d in start]
        while self._todo:
            self._visit(*self._todo.pop())

    @property
    def key(self) -> str:
        return digest("\n".join(sorted(self.lines)))

    def _visit(self, module: str, definition: Definition) -> None:
        mark = f"{definition.name} {definition.digest}"
        self.lines.add(mark)
        if definition.dynamic and definition.name not in ALLOWED:
            where = f"{module}.{definition.name}" if module else "a cell"
            raise PublishError(
                f"{where} uses {', '.join(definition.dynamic)}: what that reaches can't be followed; import by name, "
                f"or allow it in lib/publish/key.py"
            )
        names = self.tree.module(module) if module else None
        for path in definition.imports.values():
            self._import(path)
        for used in definition.uses:
            for target, name in self._targets(names, definition, module, used):
                self._reach(mark, used, target, name)

    def _targets(
        self, names: Names | None, definition: Definition, module: str, used: str
    ) -> Iterator[tuple[str, str]]:
        head, *rest = used.split(".")
        if head in definition.imports:
            yield from self.tree.follow(definition.imports[head], rest)
        elif names is not None and (head in names.definitions or head in names.imports):
            yield from self.tree.lookup(module, [head, *rest])
        else:
            stars = {**(names.imports if names else {}), **definition.imports}
            for bound, path in stars.items():
                found = self.tree.module(path) if bound == f"*{path}" else None
                if found is not None and (head in found.definitions or head in found.imports or head in found.homes):
                    yield from self.tree.lookup(path, [head, *rest])

    def _reach(self, mark: str, used: str, module: str, name: str) -> None:
        if not module:
            self.lines.add(f"{mark} | {used} is {name}")
            return
        if module.startswith(NOT_FOLLOWED) or module == f"{OWN}.data":
            self.lines.add(f"{mark} | {used} is {name}")
            return
        self._enter(module)
        definitions = self.tree.module(module).definitions[name]
        if is_loader(module, name):
            self.loaders.add(name)
            self.lines.add(f"{mark} | {used} is {name}")
            for returned in (r for d in definitions for r in d.returns):
                for target, inner in self._targets(self.tree.module(module), definitions[0], module, returned):
                    self._reach(name, returned, target, inner)
            return
        for definition in definitions:
            self.lines.add(f"{mark} | {used} is {definition.name} {definition.digest}")
        if (module, name) not in self.places:
            self.places.add((module, name))
            self._todo += [(module, d) for d in definitions]

    def _import(self, path: str) -> None:
        """An import runs the module: what its statements do counts."""
        module, _, name = path.partition(":")
        if module.split(".")[0] == OWN:
            names = self.tree.module(module)
            inner = f"{module}.{name}" if name else ""
            if names is not None and inner and name not in names.definitions and self.tree.module(inner) is not None:
                self._enter(inner)
            elif names is not None and name in names.homes:
                self._enter(names.homes[name])
            self._enter(module)

    def _enter(self, module: str) -> None:
        if module in self._imported or module.startswith(NOT_FOLLOWED):
            return
        self._imported.add(module)
        names = self.tree.module(module)
        if names is None:
            return
        self._todo += [(module, effect) for effect in names.effects]
        for path in names.imports.values():
            self._import(path)
        if "." in module:
            self._enter(module.rsplit(".", 1)[0])


@cache
def _cell(source: str) -> Definition | None:
    plain = MAGIC.sub(lambda m: f"{m[1]}_magic({m[2]!r})", source)
    hidden = " ;" if source.rstrip().endswith(";") else ""
    try:
        body = ast.parse(plain).body
    except SyntaxError:
        return Definition("", digest(json.dumps(source.strip())))
    if not body:
        return None
    made = define("", body, "")
    return Definition("", made.digest + hidden, made.uses, made.imports, made.dynamic)


def cells_definition(sources: Iterable[str]) -> Definition:
    """Cells, in order, as one definition. IPython's `!` and `%` lines are kept as text, and so is a cell that is no
    Python; that a cell ends with `;`, which hides its value, counts."""
    parts = [part for source in sources if (part := _cell(source)) is not None]
    return Definition(
        "cells",
        digest("\n".join(p.digest for p in parts)),
        tuple(sorted({u for p in parts for u in p.uses})),
        {bound: path for p in parts for bound, path in p.imports.items()},
        tuple(sorted({d for p in parts for d in p.dynamic})),
    )


def page_cells(notebook: dict) -> list[str]:
    """The sources of a page's code cells, apart from parameters that a run injected."""
    cells = (c for c in notebook["cells"] if c["cell_type"] == "code" and not has_tag(c, "injected-parameters"))
    return [c["source"] for c in cells]


def part_cells(notebook: dict, part: str) -> list[str]:
    """The sources of the cells that define a part of a page's sweep."""
    tags = ("sweep", f"sweep-{part}")
    return [c["source"] for c in notebook["cells"] if any(has_tag(c, tag) for tag in tags)]


def reach(sources: Iterable[str], tree: Tree | None = None) -> Reach:
    """What these cells reach; `.key` is their key."""
    return Reach(tree or Tree.at(), [cells_definition(sources)])


def loader_reach(name: str, tree: Tree) -> Reach:
    """What a loader reaches: its own code, followed to the end."""
    [(module, _)] = list(tree.lookup(f"{OWN}.data", [name]))
    return Reach(tree, tree.module(module).definitions[name])
