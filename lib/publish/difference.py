"""Which statements differ between two states of the code that something reaches, and which of them were executed."""

import ast
import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from lib.publish.key import Reach
from lib.publish.project import module_file


def _nodes(root: Path, module: str, name: str) -> Iterator[ast.stmt]:
    for node in ast.parse(module_file(module, root).read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = {n.id for t in targets if t for n in ast.walk(t) if isinstance(n, ast.Name)}
        if name in {getattr(node, "name", None), *names}:
            yield node


def _statements(node: ast.stmt, in_try: bool = False) -> Iterator[tuple[str, int, int]]:
    """Every statement that does something, without the statements inside it: its text, its first and its last line.

    Left out are docstrings, `pass`, and a `raise` that nothing around it catches: had it run, there would be no result.
    """
    text = ast.unparse(_header(node))
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if not constant and not isinstance(node, ast.Pass) and not (isinstance(node, ast.Raise) and not in_try):
        inside = getattr(node, "body", None)
        yield text, node.lineno, max(node.lineno, inside[0].lineno - 1) if inside else node.end_lineno
    for field in ("body", "orelse", "finalbody"):
        for inner in getattr(node, field, None) or []:
            if isinstance(inner, ast.stmt):
                yield from _statements(inner, in_try or isinstance(node, ast.Try | ast.With))
    for handler in getattr(node, "handlers", []):
        for inner in handler.body:
            yield from _statements(inner, in_try)
    for case in getattr(node, "cases", []):
        for inner in case.body:
            yield from _statements(inner, in_try)


def _header(node: ast.stmt) -> ast.stmt:
    """The statement with empty blocks."""
    fields = {f: getattr(node, f) for f in node._fields}
    for block in ("body", "orelse", "finalbody"):
        if isinstance(fields.get(block), list):
            fields[block] = [ast.Pass()] if fields[block] else []
    if "handlers" in fields:
        fields["handlers"] = [ast.ExceptHandler(h.type, h.name, [ast.Pass()]) for h in node.handlers]
    if isinstance(node, ast.Match):
        fields["cases"] = [ast.match_case(c.pattern, c.guard, [ast.Pass()]) for c in node.cases]
    return ast.copy_location(type(node)(**fields), node)


Place = tuple[str, int, int]  # a statement: its file from the root, its first and its last line


def changed(old: Reach, new: Reach, old_root: Path, new_root: Path) -> tuple[set[Place], set[Place]]:
    """The statements that differ, of the old code and of the new.

    A definition that lies in another module but is the same has no differences.
    """
    before, after = _texts(old, old_root), _texts(new, new_root)
    gone, come = set(), set()
    for name in {*before, *after}:
        a, b = before.get(name, []), after.get(name, [])
        matcher = difflib.SequenceMatcher(None, [t for t, _ in a], [t for t, _ in b], autojunk=False)
        for kind, i1, i2, j1, j2 in matcher.get_opcodes():
            if kind != "equal":
                gone |= {place for _, place in a[i1:i2]}
                come |= {place for _, place in b[j1:j2]}
    return gone, come


def _texts(reached: Reach, root: Path) -> dict[str, list[tuple[str, Place]]]:
    """Name of a definition → its statements, each with its place."""
    found: dict[str, list] = {}
    for module, name in sorted(reached.places):
        path = module_file(module, root).relative_to(root).as_posix()
        for node in _nodes(root, module, name):
            found.setdefault(name, []).extend((text, (path, *lines)) for text, *lines in _statements(node))
    return found


def untouched(places: Iterable[Place], lines: set[tuple[str, int]], root: Path) -> list[str]:
    """Which of the statements were not executed, as `path:line`; those at which something is defined run at import."""
    heads: dict[str, set[int]] = {}
    missing = []
    for path, first, last in sorted(set(places)):
        if path not in heads:
            heads[path] = _heads(ast.parse((root / path).read_text(encoding="utf-8")))
        if first not in heads[path] and not any((path, line) in lines for line in range(first, last + 1)):
            missing.append(f"{path}:{first}")
    return missing


def _heads(tree: ast.Module) -> set[int]:
    """The lines at which modules and classes define something: they run at import, perhaps before tracing began."""
    lines = {node.lineno for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            lines |= {inner.lineno for inner in node.body}
    return lines
