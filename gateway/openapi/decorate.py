"""What the document of the server says of a route, written beside the route.

Every view function carries :func:`described`; its docstring is the rest. The document at
``/openapi.json`` is made of both, and a test names the routes that lack it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

#: A JSON Schema, draft 2020-12.
Schema = dict[str, Any]

_View = TypeVar("_View", bound=Callable[..., Any])
_ATTRIBUTE = "__described__"

#: Any JSON value.
ANYTHING: Schema = {}
JSON = "application/json"
MSGPACK = "application/x-msgpack"
HTML = "text/html"
#: A file of any type.
FILE = "*/*"
#: A job, wherever one is shown.
JOB: Schema = {"$ref": "#/components/schemas/Job"}


@dataclass(frozen=True)
class RouteDescription:
    """What a reader of the document learns of a route, beside its docstring."""

    #: Heading under which it is found.
    tag: str
    #: Media type of the reply with status 200: the schema of its body.
    reply: Mapping[str, Schema] = field(default_factory=lambda: {JSON: ANYTHING})
    #: The same of the reply with status 202; empty if there is none.
    accepted: Mapping[str, Schema] = field(default_factory=dict)
    #: The same of a request's body; empty if it has none.
    body: Mapping[str, Schema] = field(default_factory=dict)
    #: Parameter in the query string: its schema.
    query: Mapping[str, Schema] = field(default_factory=dict)
    #: Parameter in the path: what it is.
    path: Mapping[str, str] = field(default_factory=dict)
    #: Statuses of errors, beside those that every route can have.
    errors: tuple[int, ...] = ()
    #: Media type of those errors.
    errors_as: str = JSON
    #: Whether it answers who shows no token: it may say no more than that something is there.
    open_to_all: bool = False
    #: Whether what it asks of the kernel is a job: with 202 for those who don't wait, and on a
    #: POST with the headers that say so and name it.
    as_job: bool = False


def described(
    tag: str,
    *,
    reply: Mapping[str, Schema] | None = None,
    accepted: Mapping[str, Schema] | None = None,
    body: Mapping[str, Schema] | None = None,
    query: Mapping[str, Schema] | None = None,
    path: Mapping[str, str] | None = None,
    errors: tuple[int, ...] = (),
    errors_as: str = JSON,
    open_to_all: bool = False,
    as_job: bool = False,
) -> Callable[[_View], _View]:
    """Say of a view function what :class:`RouteDescription` has; goes below the route itself."""
    description = RouteDescription(
        tag,
        {JSON: ANYTHING} if reply is None else reply,
        accepted or {},
        body or {},
        query or {},
        path or {},
        errors,
        errors_as,
        open_to_all,
        as_job,
    )

    def describe(view: _View) -> _View:
        setattr(view, _ATTRIBUTE, description)
        return view

    return describe


def description_of(view: Callable[..., Any] | None) -> RouteDescription | None:
    """What was said of ``view``, if anything was."""
    found: RouteDescription | None = getattr(view, _ATTRIBUTE, None)
    return found


def an_object(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None
) -> Schema:
    """Schema of an object with these keys, to which others may be added in later versions."""
    return {
        "type": "object",
        "properties": dict(required) | dict(optional or {}),
        "required": list(required),
    }


def or_null(name: str) -> Schema:
    """Schema of a value of the type ``name``, or null."""
    return {"type": [name, "null"]}
