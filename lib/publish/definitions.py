"""What a piece of Python source defines, and what each definition refers to, read from its syntax tree.

A definition's digest leaves out what cannot change a result: docstrings, comments, layout, the annotations of
functions, and the module paths of imports from `lib`. It does not depend on Python's version, on the machine or on
the file's place, so that a definition that moves to another module keeps its digest. jedi and rope resolve names
too, but give positions for an editor and no digest; ast.dump changes from one Python to the next.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

OWN = "lib"
WITHOUT_EFFECT = ("dataclass", "dataclasses.dataclass", "cache", "lru_cache", "contextmanager", "torch.no_grad")
READS_ANNOTATIONS = ("jit", "script")  # compilers to which a function's annotations are code
SKIPPED = ("ctx", "kind", "type_comment", "type_params", "type_ignores")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Definition:
    """A function, class or assigned name of a module, or a statement of it that does something.

    Attributes
    ----------
    name : as its module calls it; a statement's name is empty.
    digest : of its syntax tree.
    uses : the dotted names in it that may mean something outside, as written: `np.mean`, `helper`, `plots.Table`.
    imports : the names that it imports itself, as `Names` does.
    dynamic : what it asks for at run time in a way that can't be followed, such as `import_module`.
    returns : the names in the annotation of what a function returns.
    """

    name: str
    digest: str
    uses: tuple[str, ...] = ()
    imports: dict[str, str] = field(default_factory=dict)
    dynamic: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Names:
    """A module as far as names go.

    Attributes
    ----------
    definitions : name → what it stands for; a name bound twice has all its bindings.
    effects : the statements that do something when the module is imported.
    imports : name → dotted path, `lib.plots` or `lib.plots:Table`; a star import is named `*` and its path.
    homes : name → module, for names that the module imports when they are first used (its `_HOME`).
    """

    definitions: dict[str, tuple[Definition, ...]]
    effects: tuple[Definition, ...]
    imports: dict[str, str]
    homes: dict[str, str]


def canonical(node: object) -> str:
    """A syntax tree as text, the same under every version of Python."""
    out: list[str] = []
    _write(node, out)
    return "".join(out)


def _write(node: object, out: list[str]) -> None:
    if isinstance(node, ast.AST):
        out.append(type(node).__name__ + "(")
        for name in node._fields:
            value = getattr(node, name, None)
            if (value is None and not isinstance(node, ast.Constant)) or value == [] or name in SKIPPED:
                continue
            out.append(name + "=")
            _write(value, out)
            out.append(",")
        out.append(")")
    elif isinstance(node, list):
        out.append("[")
        for part in node:
            _write(part, out)
            out.append(",")
        out.append("]")
    elif isinstance(node, str):
        out.append(json.dumps(node))
    else:
        out.append(f"{type(node).__name__} {node!r}")


class _Reader(ast.NodeTransformer):
    """Takes out of a tree what doesn't count, and writes down what it refers to."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.uses: set[str] = set()
        self.imports: dict[str, str] = {}
        self.dynamic: set[str] = set()
        self.in_class = False

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        for alias in node.names:
            bound, path = (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
            self.imports[bound] = path
            if alias.name.startswith(f"{OWN}.") and not alias.asname:  # the submodule is imported, too
                self.imports[f"{alias.name}*"] = alias.name
        return None if all(a.name.split(".")[0] == OWN for a in node.names) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        path = node.module or ""
        if node.level:
            path = ".".join([*self.module.split(".")[: -node.level], *filter(None, [node.module])])
        for alias in node.names:
            bound = f"*{path}" if alias.name == "*" else alias.asname or alias.name
            self.imports[bound] = path if alias.name == "*" else f"{path}:{alias.name}"
        return None if path.split(".")[0] == OWN else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        _drop_docstring(node)
        if not any(word in ast.unparse(d) for d in node.decorator_list for word in READS_ANNOTATIONS):
            node.returns = None
            arguments = node.args
            for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
                argument.annotation = None
            for argument in filter(None, [arguments.vararg, arguments.kwarg]):
                argument.annotation = None
        return self._body(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        _drop_docstring(node)
        return self._body(node, in_class=True)

    def _body(self, node: ast.AST, in_class: bool = False) -> ast.AST:
        outside, self.in_class = self.in_class, in_class
        self.generic_visit(node)
        self.in_class = outside
        node.body = node.body or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if self.in_class:  # a field of a dataclass
            return self.generic_visit(node)
        return self.visit(ast.Assign([node.target], node.value)) if node.value else None

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING") and not node.orelse:
            return None
        return self._body(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        self._use(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        parts, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._use(".".join([inner.id, *reversed(parts)]))
        else:
            self.generic_visit(node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if ast.unparse(node.value) == "sys.modules":
            self.dynamic.add("sys.modules")
        self.generic_visit(node)
        return node

    def _use(self, dotted: str) -> None:
        self.uses.add(dotted)
        if dotted.split(".")[-1] in ("import_module", "__import__") or dotted in ("exec", "eval", "runpy.run_path"):
            self.dynamic.add(dotted)
        if dotted == "sys.modules.get":
            self.dynamic.add("sys.modules")


def _drop_docstring(node: ast.AST) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = node.body[1:]


def define(name: str, nodes: list[ast.stmt], module: str) -> Definition:
    """The definition that these statements make up."""
    first = nodes[0] if nodes else None
    returned = getattr(first, "returns", None)
    returns = () if returned is None else tuple(n.id for n in ast.walk(returned) if isinstance(n, ast.Name))
    reader = _Reader(module)
    tree = reader.visit(ast.Module(nodes, []))
    for kept in ast.walk(tree):  # an `if` or `try` that only imported from lib is empty now
        if getattr(kept, "body", None) == [] and not isinstance(kept, ast.Module):
            kept.body = [ast.Pass()]
    uses = tuple(sorted(reader.uses))
    return Definition(name, digest(canonical(tree)), uses, reader.imports, tuple(sorted(reader.dynamic)), returns)


def _bound(node: ast.stmt) -> list[str]:
    """The names that an assignment binds, when names are all that it binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    flat = [e for t in targets for e in (t.elts if isinstance(t, ast.Tuple | ast.List) else [t])]
    return [e.id for e in flat] if all(isinstance(e, ast.Name) for e in flat) else []


def _calls(node: ast.stmt) -> bool:
    return any(isinstance(inner, ast.Call | ast.Await | ast.NamedExpr) for inner in ast.walk(node))


def _registers(node: ast.stmt) -> bool:
    """Whether a decorator may do more than wrap."""
    names = (ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list)
    return any(n not in WITHOUT_EFFECT and not any(word in n for word in READS_ANNOTATIONS) for n in names)


def names_of(source: str, module: str) -> Names:
    """What the module with this source defines.

    Raises
    ------
    SyntaxError
        The source is no Python.
    """
    body = ast.parse(source).body
    found: dict[str, list[Definition]] = {}
    effects: list[Definition] = []
    imports: dict[str, str] = {}
    homes: dict[str, str] = {}
    for node in _statements(body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= define("", [node], module).imports
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            registers = _registers(node)
            made = define(node.name, [node], module)
            found.setdefault(node.name, []).append(made)
            effects += [made] if registers else []
        elif bound := _bound(node):
            calls = _calls(node)
            if bound == ["_HOME"] and isinstance(node.value, ast.Dict):
                homes = {k: f"{module}.{v}" for k, v in ast.literal_eval(node.value).items()}
            for name in bound:
                found.setdefault(name, []).append(define(name, [node], module))
            effects += [define("", [node], module)] if calls else []
        else:
            effects.append(define("", [node], module))
    return Names({name: tuple(parts) for name, parts in found.items()}, tuple(effects), imports, homes)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at the top of a module, those under `if TYPE_CHECKING` and bare constants left out."""
    for node in body:
        constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        types = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if not constant and not types:
            yield node
