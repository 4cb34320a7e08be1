"""How runs before 2026-12 said what code they were made by: a hash of each module of `lib` that they loaded.

Kept until no stored run of a sweep is of that kind. Two faults of it: strings that differ in a blank line hash alike,
and so do different functions of one line with a docstring.
"""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

from lib.publish.definitions import digest
from lib.publish.project import ROOT, module_file

MAGIC = re.compile(r"^(\s*)([!%].*)$", re.M)


def essential(source: str) -> str:
    """Python source without comments, docstrings and blank lines; IPython's `!` and `%` lines are kept as text.

    Source that is no valid Python comes back as it is, stripped.
    """
    plain = MAGIC.sub(lambda m: f"{m[1]}_magic({m[2]!r})", source)
    try:
        tree = ast.parse(plain)
        tokens = list(tokenize.generate_tokens(io.StringIO(plain).readline))
    except (SyntaxError, tokenize.TokenError):
        return source.strip()
    lines = plain.splitlines()
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                for row in range(first.lineno - 1, first.end_lineno):
                    lines[row] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


def module_hash(module: str, root: Path = ROOT) -> str | None:
    """The hash of a module of `lib`, or None when there is no such module any more."""
    file = module_file(module, root)
    return _hash(file.read_text(encoding="utf-8")) if file.is_file() else None


@cache
def _hash(source: str) -> str:
    return digest(essential(source))
