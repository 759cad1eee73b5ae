"""Which Python a restricted script may be written in, and where the guards go.

A policy for RestrictedPython: a kind of statement or expression that it does not know is refused,
whatever a later Python adds. The guards' names are no identifiers (``<getattr>``), so a script
can't name, replace or shadow them, and all names but the special ones are its own.

=========================== ======================================================
in the script               becomes
=========================== ======================================================
``a.x``                     ``<getattr>(a, "x")``
``a.x = v``, ``del a.x``    ``<writable>(a, "x").x = v``
``a.x += v``                ``<augmented>(a).x += v``
``a[k] = v``, ``a[k] += v`` ``<items>(a)[k] = v``
``import m``                ``m = <import>("m", False)``
``from m import x``         ``x = <from>("m", "x")``
``class A(B):``             ``class A(B, metaclass=<class>):``
``case np.ndarray():``      ``<1> = <pattern>(…)`` before ``match``, ``case <1>():``
=========================== ======================================================
"""

# ruff: noqa: N802  # visitors are named for the nodes they visit

from __future__ import annotations
import __future__

import ast
import itertools
from typing import Any, TypeVar

from RestrictedPython.transformer import RestrictingNodeTransformer

from nestd.scripts.sandbox.guards import (
    CLASS_SETTINGS,
    DEFINABLE,
    FRAMES,
    NAMES,
    UNMATCHABLE,
    is_special,
)
from nestd.scripts.sandbox.module_proxy import VERSION

#: Special names that a script may read as variables.
_READABLE = frozenset(["__name__", "__doc__", "__debug__"])
#: Special names that it may read as attributes; of what, the guard decides.
_READABLE_ATTRIBUTES = DEFINABLE | NAMES | {VERSION}
#: Special names that the body of a class may set.
_CLASS_NAMES = DEFINABLE | CLASS_SETTINGS

_N = TypeVar("_N", bound=ast.AST)


class ScriptPolicy(RestrictingNodeTransformer):  # type: ignore[misc]  # it has no types
    """Refuses what scripts may not do, and puts the guards into the rest.

    Attributes
    ----------
    refused : line and explanation of each refusal
    flags : of ``compile``, by ``from __future__ import``
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[tuple[int, str]] = []
        self.flags = 0
        #: Names of the classes around a node, ``None`` for functions.
        self._scopes: list[str | None] = []
        #: What the patterns of the innermost ``match`` need to have been computed.
        self._before: list[ast.stmt] = []
        self._numbers = itertools.count(1)

    def error(self, node: ast.AST, info: str) -> None:
        """Note a refusal."""
        self.refused.append((getattr(node, "lineno", 1), info))

    def warn(self, node: ast.AST, info: str) -> None:
        """Nothing: what is refused is no warning."""

    def not_allowed(self, node: ast.AST) -> None:
        """Refuse a kind of statement or expression."""
        name = _DESCRIBED.get(type(node).__name__, type(node).__name__)
        self.error(node, f"{name} can't be used in scripts")

    # Names

    def check_name(self, node: Any, name: str | None, allow_magic_methods: bool = False) -> None:
        """Refuse special names."""
        if name is None or not is_special(name):
            return
        if allow_magic_methods and name in DEFINABLE and self._in_class_body():
            return
        self.error(node, f"the name {name} can't be used in scripts")

    def visit_Name(self, node: ast.Name) -> Any:
        """A variable."""
        read = isinstance(node.ctx, ast.Load)
        if (read and node.id in _READABLE) or (self._in_class_body() and node.id in _CLASS_NAMES):
            return node
        self.check_name(node, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> Any:
        """``global``."""
        return self._with_names_checked(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> Any:
        """``nonlocal``."""
        return self._with_names_checked(node)

    def _with_names_checked(self, node: ast.Global | ast.Nonlocal) -> Any:
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_keyword(self, node: ast.keyword) -> Any:
        """An argument by name."""
        self.check_name(node, node.arg)
        return self.node_contents_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        """A call; what can be called is what can be reached."""
        return self.node_contents_visit(node)

    # Attributes and items

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """``a.x`` read, set or deleted."""
        name = self._checked_attribute(node)
        value = self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            return _at(node, _call("getattr", value, ast.Constant(name)))
        guarded = _at(node, _call("writable", value, ast.Constant(name)))
        return _at(node, ast.Attribute(guarded, name, node.ctx))

    def _checked_attribute(self, node: ast.Attribute) -> str:
        """The name, as Python has it after mangling that of a class's private attribute."""
        name = node.attr
        read = isinstance(node.ctx, ast.Load)
        if is_special(name):
            if not (read and name in _READABLE_ATTRIBUTES):
                self.error(node, f"the attribute {name} can't be used in scripts")
        elif name in FRAMES:
            self.error(node, f"the attribute {name} can't be used in scripts")
        elif name.startswith("__"):
            around = next((scope for scope in reversed(self._scopes) if scope), "").lstrip("_")
            name = f"_{around}{name}" if around else name
        return name

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """``a[k]`` read, set or deleted."""
        node = self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = _at(node.value, _call("items", node.value))
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """``a.x += v``: Python itself evaluates ``a`` once, whatever stands in its place."""
        if not isinstance(node.target, ast.Attribute):
            return self.node_contents_visit(node)
        name = self._checked_attribute(node.target)
        guarded = _at(node.target, _call("augmented", self.visit(node.target.value)))
        node.target = _at(node.target, ast.Attribute(guarded, name, node.target.ctx))
        node.op = self.visit(node.op)
        node.value = self.visit(node.value)
        return node

    # Assignments, loops: as they are

    def visit_Assign(self, node: ast.Assign) -> Any:
        """``a = b, c = v``."""
        return self.node_contents_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """``a: t = v``."""
        return self.node_contents_visit(node)

    def visit_For(self, node: ast.For) -> Any:
        """``for a, b in v``."""
        return self.node_contents_visit(node)

    def visit_With(self, node: ast.With) -> Any:
        """``with v as (a, b)``."""
        return self.node_contents_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        """``for a, b in v`` of a comprehension."""
        if node.is_async:
            self.error(node.target, "async can't be used in scripts")
        return self.node_contents_visit(node)

    # Imports

    def visit_Import(self, node: ast.Import) -> Any:
        """``import a.b as c, d``."""
        made = []
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.check_name(node, name)
            leaf = ast.Constant(alias.asname is not None)
            made.append(_assign(node, name, _call("import", ast.Constant(alias.name), leaf)))
        return made

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        """``from a.b import c as d, e``."""
        if node.module == "__future__":
            for alias in node.names:
                self.flags |= getattr(__future__, alias.name).compiler_flag
            return None
        if node.level:
            self.error(node, "scripts are in no package from which they could import")
        made = []
        for alias in node.names:
            if alias.name == "*":
                self.error(node, "import * can't be used in scripts: name what is to be imported")
            name = alias.asname or alias.name
            self.check_name(node, name)
            module, attribute = ast.Constant(node.module or ""), ast.Constant(alias.name)
            made.append(_assign(node, name, _call("from", module, attribute)))
        return made

    # Functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """``def``."""
        self.check_name(node, node.name, allow_magic_methods=True)
        self.check_function_argument_names(node)
        return self._inside(None, node)

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """``lambda``."""
        self.check_function_argument_names(node)
        return self._inside(None, node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """``class``."""
        self.check_name(node, node.name)
        if node.keywords:
            self.error(node, f"class {node.name}: scripts can't use metaclasses and the like")
        if getattr(node, "type_params", None):
            self.error(node, f"class {node.name}: type parameters can't be used in scripts")
        node = self._inside(node.name, node)
        node.keywords = [_at(node, ast.keyword("metaclass", _name("class")))]
        return node

    def _inside(self, scope: str | None, node: Any) -> Any:
        self._scopes.append(scope)
        # A match around a definition has its own patterns.
        before, self._before = self._before, []
        try:
            return self.node_contents_visit(node)
        finally:
            self._before = before
            self._scopes.pop()

    def _in_class_body(self) -> bool:
        return bool(self._scopes) and self._scopes[-1] is not None

    def visit_Module(self, node: ast.Module) -> Any:
        """The script."""
        return self.node_contents_visit(node)

    # match

    def visit_Match(self, node: ast.Match) -> Any:
        """``match``: what its patterns name with dots is computed before it, with guards."""
        outer, self._before = self._before, []
        try:
            node = self.node_contents_visit(node)
            return [*self._before, node]
        finally:
            self._before = outer

    def visit_match_case(self, node: ast.match_case) -> Any:
        """``case``."""
        node.pattern = self.visit(node.pattern)
        node.guard = self.visit(node.guard) if node.guard is not None else None
        # Before what is in the body of this case, not of the statement around it.
        body: list[ast.stmt] = []
        for statement in node.body:
            visited = self.visit(statement)
            body += visited if isinstance(visited, list) else [visited]
        node.body = body
        return node

    def visit_MatchValue(self, node: ast.MatchValue) -> Any:
        """``case 5:``, ``case Colour.RED:``."""
        node.value = self._pattern_value(node.value)
        return node

    def visit_MatchSingleton(self, node: ast.MatchSingleton) -> Any:
        """``case None:``."""
        return node

    def visit_MatchSequence(self, node: ast.MatchSequence) -> Any:
        """``case [a, b]:``."""
        return self.node_contents_visit(node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> Any:
        """``case {"a": b, **rest}:``."""
        self.check_name(node, node.rest)
        node.keys = [self._pattern_value(key) for key in node.keys]
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> Any:
        """``case Point(a, y=b):``."""
        for name in node.kwd_attrs:
            if name.startswith("_") or name in UNMATCHABLE:
                self.error(node, f"patterns can't read the attribute {name} in scripts")
        positional, keywords = ast.Constant(len(node.patterns)), ast.Constant(bool(node.kwd_attrs))
        checked = _call("pattern", self.visit(node.cls), positional, keywords)
        node.cls = self._computed_before(node.cls, checked)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        node.kwd_patterns = [self.visit(pattern) for pattern in node.kwd_patterns]
        return node

    def visit_MatchStar(self, node: ast.MatchStar) -> Any:
        """``*rest`` in a pattern."""
        self.check_name(node, node.name)
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> Any:
        """``case x:``, ``case … as x:``, ``case _:``."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchOr(self, node: ast.MatchOr) -> Any:
        """``case a | b:``."""
        return self.node_contents_visit(node)

    def _pattern_value(self, value: ast.expr) -> ast.expr:
        if not isinstance(value, ast.Attribute):
            found: ast.expr = self.visit(value)
            return found
        boxed = self._computed_before(value, _call("boxed", self.visit(value)))
        return _at(value, ast.Attribute(boxed, "value", ast.Load()))

    def _computed_before(self, at: ast.expr, value: ast.expr) -> ast.Name:
        name = str(next(self._numbers))
        self._before.append(_assign(at, f"<{name}>", value))
        return _at(at, _name(name))

    # Python 3.14's templates have nothing to do with what scripts are for.

    def visit_TemplateStr(self, node: ast.AST) -> Any:
        """``t"…"``."""
        self.not_allowed(node)

    def visit_Interpolation(self, node: ast.AST) -> Any:
        """``{…}`` of a template."""
        self.not_allowed(node)


_DESCRIBED = {
    "AsyncFor": "async",
    "AsyncFunctionDef": "async",
    "AsyncWith": "async",
    "Await": "await",
    "TemplateStr": "a template string",
    "TryStar": "except*",
    "TypeAlias": "type",
    "TypeVar": "a type parameter",
}


def _name(guard: str) -> ast.Name:
    return ast.Name(f"<{guard}>", ast.Load())


def _call(guard: str, *args: ast.expr) -> ast.Call:
    return ast.Call(_name(guard), list(args), [])


def _assign(at: ast.AST, name: str, value: ast.expr) -> ast.Assign:
    return _at(at, ast.Assign([ast.Name(name, ast.Store())], value))


def _at(place: ast.AST, node: _N) -> _N:
    """``node``, made to stand where ``place`` stands in the source."""
    return ast.fix_missing_locations(ast.copy_location(node, place))
