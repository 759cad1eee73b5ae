"""Decorator of view functions, with what the OpenAPI document says of their routes.

Every view function carries :func:`described`, and a docstring. The document at ``/openapi.json`` is
made of both, and a test names the routes that lack one.
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
    """Description of a route in the document, beside its docstring."""

    #: Heading of the route in the document.
    tag: str
    #: Media type of the reply with status 200: the schema of its body.
    reply: Mapping[str, Schema] = field(default_factory=lambda: {JSON: ANYTHING})
    #: Media type of the reply with status 202: its schema; empty if there is no such reply.
    accepted: Mapping[str, Schema] = field(default_factory=dict)
    #: Media type of the request's body: its schema; empty if there is no body.
    body: Mapping[str, Schema] = field(default_factory=dict)
    #: Parameter in the query string: its schema.
    query: Mapping[str, Schema] = field(default_factory=dict)
    #: Parameter in the path: its description.
    path: Mapping[str, str] = field(default_factory=dict)
    #: Statuses of errors, beside those that all routes have.
    errors: tuple[int, ...] = ()
    #: Media type of those errors.
    errors_as: str = JSON
    #: Whether requests without a token are answered, so that the reply may show nothing secret.
    open_to_all: bool = False
    #: Whether the request can be a job: with 202 for callers that don't wait, and on a POST with
    #: the headers of jobs.
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
    """Attach a :class:`RouteDescription` to a view function; goes below the route itself."""
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
    """Return the description of ``view``, if it has one."""
    found: RouteDescription | None = getattr(view, _ATTRIBUTE, None)
    return found


def an_object(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None
) -> Schema:
    """Return the schema of an object with these keys; later versions may add others."""
    return {
        "type": "object",
        "properties": dict(required) | dict(optional or {}),
        "required": list(required),
    }


def or_null(name: str) -> Schema:
    """Return the schema of a value of the type ``name``, or null."""
    return {"type": [name, "null"]}
