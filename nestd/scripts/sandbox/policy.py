"""Policy of restricted scripts: the Python they may be written in, and where the guards go.

The policy is one for RestrictedPython: unknown kinds of statements and expressions are refused,
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

# ruff: noqa: N802, N815  # visitors are named for the nodes they visit

from __future__ import annotations
import __future__

import ast
from typing import Any

from nestd.scripts.sandbox.attribute_rules import (
    CLASS_SETTINGS,
    DEFINABLE,
    FRAMES,
    NAMES,
    is_special,
)
from nestd.scripts.sandbox.module_proxy import VERSION
from nestd.scripts.sandbox.pattern_policy import (
    PatternPolicy,
    assignment,
    guard_call,
    guard_name,
    placed_at,
)

#: Special names that a script may read as variables.
_READABLE = frozenset(["__name__", "__doc__", "__debug__", "__file__"])
#: Special names that a script may read as attributes; the guard decides of which objects.
_READABLE_ATTRIBUTES = DEFINABLE | NAMES | {VERSION}
#: Special names that the body of a class may set.
_CLASS_NAMES = DEFINABLE | CLASS_SETTINGS


class ScriptPolicy(PatternPolicy):
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

    def error(self, node: ast.AST, info: str) -> None:
        """Note a refusal."""
        self.refused.append((getattr(node, "lineno", 1), info))

    def warn(self, node: ast.AST, info: str) -> None:
        """Ignore a warning: what is refused is an error."""

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
        """Check the name of a variable."""
        read = isinstance(node.ctx, ast.Load)
        if (read and node.id in _READABLE) or (self._in_class_body() and node.id in _CLASS_NAMES):
            return node
        self.check_name(node, node.id)
        return node

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> Any:
        """Check the names of ``global`` and ``nonlocal``."""
        for name in node.names:
            self.check_name(node, name)
        return node

    visit_Nonlocal = visit_Global

    def visit_keyword(self, node: ast.keyword) -> Any:
        """Check the name of an argument that is given by name."""
        self.check_name(node, node.arg)
        return self.node_contents_visit(node)

    # Attributes and items

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """Guard ``a.x`` that is read, set or deleted."""
        name = self._checked_attribute(node)
        value = self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            return placed_at(node, guard_call("getattr", value, ast.Constant(name)))
        guarded = placed_at(node, guard_call("writable", value, ast.Constant(name)))
        return placed_at(node, ast.Attribute(guarded, name, node.ctx))

    def _checked_attribute(self, node: ast.Attribute) -> str:
        """Check an attribute's name, and return it as Python mangles it in a class."""
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
        """Guard ``a[k]`` that is set or deleted."""
        node = self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = placed_at(node.value, guard_call("items", node.value))
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """Guard ``a.x += v``: Python itself evaluates ``a`` once, whatever stands in its place."""
        if not isinstance(node.target, ast.Attribute):
            return self.node_contents_visit(node)
        name = self._checked_attribute(node.target)
        guarded = placed_at(node.target, guard_call("augmented", self.visit(node.target.value)))
        node.target = placed_at(node.target, ast.Attribute(guarded, name, node.target.ctx))
        node.op = self.visit(node.op)
        node.value = self.visit(node.value)
        return node

    # Assignments, loops and calls: what can be called is what can be reached

    visit_Assign = visit_AnnAssign = visit_For = visit_With = PatternPolicy.node_contents_visit
    visit_Call = visit_Module = PatternPolicy.node_contents_visit

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        """Refuse ``async for`` in a comprehension."""
        if node.is_async:
            self.error(node.target, "async can't be used in scripts")
        return self.node_contents_visit(node)

    # Imports

    def visit_Import(self, node: ast.Import) -> Any:
        """Replace ``import a.b as c, d`` by calls of the guard."""
        made = []
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.check_name(node, name)
            leaf = ast.Constant(alias.asname is not None)
            made.append(
                assignment(node, name, guard_call("import", ast.Constant(alias.name), leaf))
            )
        return made

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        """Replace ``from a.b import c as d, e`` by calls of the guard."""
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
            made.append(assignment(node, name, guard_call("from", module, attribute)))
        return made

    # Functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Check the names in ``def``."""
        self.check_name(node, node.name, allow_magic_methods=True)
        self.check_function_argument_names(node)
        return self._inside(None, node)

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """Check the names in ``lambda``."""
        self.check_function_argument_names(node)
        return self._inside(None, node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """Check ``class``, and have the guard make the class."""
        self.check_name(node, node.name)
        if node.keywords:
            self.error(node, f"class {node.name}: scripts can't use metaclasses and the like")
        if getattr(node, "type_params", None):
            self.error(node, f"class {node.name}: type parameters can't be used in scripts")
        node = self._inside(node.name, node)
        node.keywords = [placed_at(node, ast.keyword("metaclass", guard_name("class")))]
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

    # Python 3.14's templates have nothing to do with what scripts are for.
    visit_TemplateStr = visit_Interpolation = not_allowed


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
