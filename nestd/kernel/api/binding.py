"""Arguments of a call, matched to its parameters, with text made typed values.

PyNEST's objects are made of them in :mod:`nestd.kernel.api.arguments`.
"""

from __future__ import annotations

import inspect

from nestd.kernel.api.allow_list import Entry
from nestd.kernel.api.parameters import ALIASES, Kind
from protocol.errors import ArgumentError, MalformedRequest
from protocol.wire import json_form
from protocol.wire.values import Text, Value

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

_NODE_KINDS = (
    Kind.NODES,
    Kind.NODE_ARRAY,
    Kind.CONNECTIONS,
    Kind.NODES_OR_CONNECTIONS,
    Kind.NODES_OR_POSITIONS,
)


class BoundArguments:
    """Arguments that fit the signature of an entry, each with the kind of its parameter."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.args: list[tuple[str, Kind, Value]] = []
        self.kwargs: dict[str, tuple[Kind, Value]] = {}


def bind(entry: Entry, args: list[Value], kwargs: dict[str, Value]) -> BoundArguments:
    """Match arguments to the parameters of ``entry``.

    ``None`` for a parameter that has a default, and every keyword ``None``, mean "not given".

    Raises
    ------
    ArgumentError
        Naming the parameter that is missing, unknown or given twice.
    """
    bound = BoundArguments(entry)
    parameters = list(entry.signature.parameters.values())
    positional = [p for p in parameters if p.kind not in _VARIADIC and p.kind != p.KEYWORD_ONLY]
    rest = next((p for p in parameters if p.kind == p.VAR_POSITIONAL), None)
    any_keyword = any(p.kind == p.VAR_KEYWORD for p in parameters)
    by_name = {p.name: p for p in parameters if p.kind not in _VARIADIC}
    names = list(by_name)

    if len(args) > len(positional) and rest is None:
        raise ArgumentError(
            f"{entry.name} takes at most {len(positional)} arguments ({', '.join(names)}), "
            f"{len(args)} were given",
            call=entry.name,
        )
    keywords: dict[str, Value] = {}
    for keyword, value in kwargs.items():
        if value is None:
            continue
        name = ALIASES.get((entry.name, keyword), keyword)
        if name not in by_name and not any_keyword:
            known = ", ".join(names) or "none"
            raise argument_error(entry, keyword, f"is no parameter; there are: {known}")
        if name in keywords or name in [p.name for p in positional[: len(args)]]:
            raise argument_error(entry, name, "was given twice")
        keywords[name] = value

    for index, value in enumerate(args):
        parameter = positional[index] if index < len(positional) else rest
        assert parameter is not None
        if value is None and parameter is rest:
            bound.args.append((parameter.name, Kind.ANY, None))
        elif value is None and parameter.default is not inspect.Parameter.empty:
            bound.args.append((parameter.name, Kind.ANY, parameter.default))
        else:
            bound.args.append((parameter.name, entry.kinds[parameter.name], value))
    for name, value in keywords.items():
        bound.kwargs[name] = (entry.kinds.get(name, Kind.ANY), value)
    for parameter in positional[len(args) :]:
        if parameter.default is inspect.Parameter.empty and parameter.name not in keywords:
            raise argument_error(
                entry, parameter.name, f"is missing; {entry.name}{entry.signature}"
            )
    return bound


def argument_error(entry: Entry, parameter: str, problem: str) -> ArgumentError:
    """Return the error that names a parameter and what is wrong with it."""
    return ArgumentError(
        f"{entry.name}: {parameter!r:.80} {problem}", call=entry.name, parameter=parameter[:80]
    )


def typed(bound: BoundArguments) -> None:
    """Replace text from a query string or form by values of their parameters' kinds.

    Raises
    ------
    ArgumentError
        If a text is no such value.
    """
    bound.args = [
        (name, kind, _value_of(bound.entry, name, kind, value)) for name, kind, value in bound.args
    ]
    bound.kwargs = {
        name: (kind, _value_of(bound.entry, name, kind, value))
        for name, (kind, value) in bound.kwargs.items()
    }


def _value_of(entry: Entry, name: str, kind: Kind, value: Value) -> Value:
    if not isinstance(value, Text):
        return value
    texts = list(value.values)
    if len(texts) > 1:
        values = [_value_of(entry, name, kind, Text((text,))) for text in texts]
        if kind in _NODE_KINDS:
            return [i for item in values for i in (item if isinstance(item, list) else [item])]
        return values
    text = texts[0]
    if kind is Kind.STRING:
        return text
    if kind in (Kind.KEYS, Kind.SPEC) and not text.startswith(("[", "{")):
        return text.split(",") if kind is Kind.KEYS and "," in text else text
    if kind is Kind.BOOLEAN:
        lowered = text.strip().lower()
        if lowered in ("true", "false", "1", "0"):
            return lowered in ("true", "1")
        raise argument_error(entry, name, f"must be {kind.value}, not {text!r:.40}")
    if kind in _NODE_KINDS and not text.lstrip().startswith(("[", "{")):
        text = f"[{text}]"
    try:
        return json_form.loads(text)
    except MalformedRequest as error:
        if kind is Kind.ANY:
            return text
        raise argument_error(entry, name, f"must be {kind.value}, not {text!r:.40}") from error
