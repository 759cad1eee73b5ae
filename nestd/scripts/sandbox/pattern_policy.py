"""Policy for ``match`` statements, and functions that make calls of the guards."""

# ruff: noqa: N802, N815  # visitors are named for the nodes they visit

from __future__ import annotations

import ast
import itertools
from typing import Any, TypeVar

from RestrictedPython.transformer import RestrictingNodeTransformer

from nestd.scripts.sandbox.attribute_rules import UNMATCHABLE

_N = TypeVar("_N", bound=ast.AST)


class PatternPolicy(RestrictingNodeTransformer):  # type: ignore[misc]  # it has no types
    """Puts guards into ``match`` statements."""

    def __init__(self) -> None:
        super().__init__()
        #: What the patterns of the innermost ``match`` need to have been computed.
        self._before: list[ast.stmt] = []
        self._numbers = itertools.count(1)

    def visit_Match(self, node: ast.Match) -> Any:
        """Have what the patterns name with dots computed before ``match``, with guards."""
        outer, self._before = self._before, []
        try:
            node = self.node_contents_visit(node)
            return [*self._before, node]
        finally:
            self._before = outer

    def visit_match_case(self, node: ast.match_case) -> Any:
        """Visit ``case`` with its body."""
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
        """Guard ``case Colour.RED:``."""
        node.value = self._pattern_value(node.value)
        return node

    def visit_MatchSingleton(self, node: ast.MatchSingleton) -> Any:
        """Leave ``case None:`` as it is."""
        return node

    visit_MatchSequence = visit_MatchOr = RestrictingNodeTransformer.node_contents_visit

    def visit_MatchMapping(self, node: ast.MatchMapping) -> Any:
        """Guard the keys in ``case {"a": b, **rest}:``."""
        self.check_name(node, node.rest)
        node.keys = [self._pattern_value(key) for key in node.keys]
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> Any:
        """Guard the class in ``case Point(a, y=b):``."""
        for name in node.kwd_attrs:
            if name.startswith("_") or name in UNMATCHABLE:
                self.error(node, f"patterns can't read the attribute {name} in scripts")
        positional, keywords = ast.Constant(len(node.patterns)), ast.Constant(bool(node.kwd_attrs))
        checked = guard_call("pattern", self.visit(node.cls), positional, keywords)
        node.cls = self._computed_before(node.cls, checked)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        node.kwd_patterns = [self.visit(pattern) for pattern in node.kwd_patterns]
        return node

    def visit_MatchStar(self, node: ast.MatchStar) -> Any:
        """Check the name of ``*rest`` in a pattern."""
        self.check_name(node, node.name)
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> Any:
        """Check the name in ``case x:``, ``case … as x:`` and ``case _:``."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def _pattern_value(self, value: ast.expr) -> ast.expr:
        if not isinstance(value, ast.Attribute):
            visited: ast.expr = self.visit(value)
            return visited
        boxed = self._computed_before(value, guard_call("boxed", self.visit(value)))
        return placed_at(value, ast.Attribute(boxed, "value", ast.Load()))

    def _computed_before(self, at: ast.expr, value: ast.expr) -> ast.Name:
        name = str(next(self._numbers))
        self._before.append(assignment(at, f"<{name}>", value))
        return placed_at(at, guard_name(name))


def guard_name(guard: str) -> ast.Name:
    """Make the name of a guard."""
    return ast.Name(f"<{guard}>", ast.Load())


def guard_call(guard: str, *args: ast.expr) -> ast.Call:
    """Make a call of a guard."""
    return ast.Call(guard_name(guard), list(args), [])


def assignment(at: ast.AST, name: str, value: ast.expr) -> ast.Assign:
    """Make ``name = value``, at the place of ``at``."""
    return placed_at(at, ast.Assign([ast.Name(name, ast.Store())], value))


def placed_at(place: ast.AST, node: _N) -> _N:
    """Give ``node`` the line and column of ``place`` in the source, and return it."""
    return ast.fix_missing_locations(ast.copy_location(node, place))
