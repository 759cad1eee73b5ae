"""OpenAPI 3.1 document of the server: every route and every call of PyNEST.

The document is made of the routes of the application with their
:func:`~gateway.openapi.decorate.described`, and of the kernel's own list of calls.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from gateway.openapi.components import (
    ACCEPTED,
    OF_CALL,
    RESULT,
    SHARED_PARTS,
    as_job,
    error_ref,
    success,
)
from gateway.openapi.decorate import JSON, MSGPACK, RouteDescription, Schema, description_of
from gateway.openapi.schemas import SHARED, example_of, in_json, in_query, kind_schemas
from gateway.routes.calls import CALL_RULE
from protocol.api_description import ApiDescription, Call, CallParameter, Given

#: Methods that Flask answers for every route.
_IMPLIED = ("HEAD", "OPTIONS")

#: Errors that any route can have.
_ALWAYS = (405, 414, 431, 500)
#: Errors that a call can have.
_OF_CALLS = (400, 404, 413, 503)

_ABOUT = """\
A running NEST simulator. Every public function of PyNEST is a path below `/api/`; `GET` and `POST`
do the same. Arguments are in the query string, or in a body: a list has them by position, an object
by name (and its key `args` by position). Whatever takes them by name takes them by position too, in
a query string as `args`, repeated. `null` means "not given".

The header `NEST-Kernel-Generation` of a reply names the kernel: when it changes, the network is
lost. `X-Request-ID` of a reply names the request, as the header of that name did, if there was one.
With `Accept: application/x-msgpack` replies are MessagePack, exact and with references to
objects."""


def document(app: Flask, interface: ApiDescription, version: str) -> dict[str, Any]:
    """Make the document.

    Parameters
    ----------
    app : whose routes to describe
    interface : of the kernel
    version : of this server
    """
    tags: dict[str, None] = {}
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Schema] = kind_schemas() | SHARED
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        path, operations = _route(app, rule)
        paths.setdefault(path, {}).update(operations)
        tags |= dict.fromkeys(tag for operation in operations.values() for tag in operation["tags"])
    for call in interface.calls:
        paths[f"/api/{call.name}"] = _call(call, schemas)
        tags[_tag(call)] = None
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nestd",
            "version": version,
            "summary": f"NEST {interface.nest} behind HTTP",
            "description": _ABOUT,
            "license": {"name": "GPL-2.0-or-later", "identifier": "GPL-2.0-or-later"},
        },
        "servers": [{"url": "."}],
        "security": [{"NESTServerAuth": []}, {"Bearer": []}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {"schemas": schemas, **SHARED_PARTS},
    }


def undescribed(app: Flask) -> list[str]:
    """Return the routes without a description or a docstring, each with its view function."""
    routes = [
        (rule, app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if description_of(app.view_functions[rule.endpoint]) is None
        or not inspect.getdoc(app.view_functions[rule.endpoint])
    ]
    return [f"{rule.rule} ({view.__module__}.{view.__qualname__})" for rule, view in routes]


def methods_of(rule: Rule) -> list[str]:
    """Return the methods of a route that the route names itself."""
    return sorted((rule.methods or set()) - set(_IMPLIED))


def path_of(rule: Rule) -> str:
    """Return the path of a route as the document writes it."""
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule)


def _route(app: Flask, rule: Rule) -> tuple[str, dict[str, Any]]:
    view = app.view_functions[rule.endpoint]
    route = description_of(view) or RouteDescription("undescribed")
    summary, description = _documented(inspect.getdoc(view) or rule.endpoint)
    path = path_of(rule)
    operations = {}
    for method in methods_of(rule):
        operation: dict[str, Any] = {
            "operationId": f"{method.lower()}_{rule.endpoint.replace('.', '_')}",
            "tags": [route.tag],
            "summary": summary,
        }
        if description:
            operation["description"] = description
        if route.open_to_all:
            operation["security"] = []
        parameters = [*_in_path(rule, route), *_in_query(route)]
        if rule.rule == CALL_RULE:
            parameters += OF_CALL
        if route.as_job:
            parameters += as_job(method)
        if parameters:
            operation["parameters"] = parameters
        if route.body and method not in ("GET", "DELETE"):
            operation["requestBody"] = {
                "content": {media: {"schema": schema} for media, schema in route.body.items()}
            }
        own = route.errors if route.open_to_all else (403, *route.errors)
        operation["responses"] = {"200": success(route.reply, "Done.")} | {
            str(status): error_ref(status, route.errors_as if status in route.errors else JSON)
            for status in sorted({*own, *_ALWAYS})
        }
        if route.as_job:
            operation["responses"]["202"] = ACCEPTED
        elif route.accepted:
            operation["responses"]["202"] = success(route.accepted, "Not yet.")
        operations[method.lower()] = operation
    return path, operations


def _in_path(rule: Rule, route: RouteDescription) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": route.path.get(name, name),
            "schema": {"type": "string", "minLength": 1},
        }
        for name in sorted(rule.arguments)
    ]


def _in_query(route: RouteDescription) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": schema} for name, schema in route.query.items()]


def _tag(call: Call) -> str:
    return call.group if call.role == "attribute" else f"PyNEST: {call.group}"


def _call(call: Call, schemas: dict[str, Schema]) -> dict[str, Any]:
    """Return the operations of one call: GET and POST do the same."""
    summary, description = _documented(call.documentation or call.name)
    if call.role == "attribute":
        how = (
            f'Set it by `SetKernelStatus` with `{{"params": {{"{call.name}": …}}}}`.'
            if call.settable
            else "It can only be read."
        )
        description = f"{description}\n\n{how}".strip()
    common: dict[str, Any] = {"tags": [_tag(call)], "summary": summary}
    if description:
        common["description"] = description
    if call.role in ("function", "constructor"):
        common["x-nest-signature"] = call.name + call.signature
    replies = {"200": RESULT, "202": ACCEPTED} | {
        str(status): error_ref(status) for status in sorted({403, *_OF_CALLS, *_ALWAYS})
    }
    reading = {
        "operationId": f"get_{call.name}",
        **common,
        "parameters": [*_query_parameters(call.parameters), *OF_CALL, *as_job("GET")],
        "responses": replies,
    }
    name = f"{call.name}.arguments" if call.parameters else "NoArguments"
    if name not in schemas:
        schemas[name] = _arguments(call.parameters)
    schema = {"$ref": f"#/components/schemas/{name}"}
    example = {p.name: example_of(p) for p in call.parameters if p.required}
    if any(p.required and p.given is Given.BY_POSITION for p in call.parameters):
        example = {"args": list(example.values())}
    needed = any(p.required for p in call.parameters)
    calling = {
        "operationId": f"post_{call.name}",
        **common,
        "parameters": [*OF_CALL, *as_job("POST")],
        "requestBody": {
            "required": needed,
            "content": {JSON: {"schema": schema, "example": example}, MSGPACK: {"schema": schema}},
        },
        "responses": replies,
    }
    return {"get": reading, "post": calling}


def _query_parameters(parameters: Sequence[CallParameter]) -> Iterator[dict[str, Any]]:
    by_position = [p for p in parameters if p.given in (Given.BY_POSITION, Given.REST)]
    for parameter in parameters:
        described = {
            "name": parameter.name,
            "in": "query",
            "description": _about(parameter),
            "required": parameter.required,
        }
        if parameter.given is Given.NAMES:
            # The query string may have any names.
            schema = {"type": "object", "additionalProperties": {"type": "string"}}
            yield described | {"schema": schema, "style": "form", "explode": True}
        elif parameter not in by_position:
            yield described | _with_default(in_query(parameter.kind), parameter.default)
    if by_position:
        least = sum(parameter.required for parameter in by_position)
        most = None if by_position[-1].given is Given.REST else len(by_position)
        yield {
            "name": "args",
            "in": "query",
            "description": "by position, repeated: "
            + "; ".join(f"{p.name}: {_about(p)}" for p in by_position),
            "required": least > 0,
            "schema": {"type": "array", "items": {"type": "string"}, "minItems": least}
            | ({} if most is None else {"maxItems": most}),
            "style": "form",
            "explode": True,
        }


def _with_default(fields: dict[str, Any], default: Any) -> dict[str, Any]:
    """Return ``fields`` of a query parameter with its default, which may have to be text."""
    if default is None or "schema" not in fields:
        return fields
    as_text = fields["schema"].get("type") == "string"
    return {"schema": fields["schema"] | {"default": str(default) if as_text else default}}


def _about(parameter: CallParameter) -> str:
    text = parameter.kind.value
    if parameter.aliases:
        text += f"; also called {', '.join(parameter.aliases)}"
    if parameter.default_text:
        text += f" (default {parameter.default_text})"
    return text


def _arguments(parameters: Sequence[CallParameter]) -> Schema:
    """Return the schema of a body with these arguments."""
    least = sum(p.required and p.given is not Given.BY_NAME for p in parameters)
    forms = [_by_name(parameters), _by_position(parameters) | {"minItems": least}]
    # Any other value is the first argument, if that takes it; null is no argument.
    single = [p for p in parameters if p.given is not Given.BY_NAME and p.given is not Given.NAMES]
    if single and sum(p.required for p in parameters) <= 1:
        forms.append({"type": ["string", "number", "boolean"]})
    if not any(p.required for p in parameters):
        forms.append({"type": "null"})
    return {"anyOf": forms}


def _by_name(parameters: Sequence[CallParameter]) -> Schema:
    properties: dict[str, Schema] = {}
    for parameter in parameters:
        if parameter.given in (Given.EITHER, Given.BY_NAME):
            about = {"description": _about(parameter), **_or_null(parameter)}
            if parameter.default is not None:
                about["default"] = parameter.default
            properties[parameter.name] = about
            properties |= dict.fromkeys(parameter.aliases, _or_null(parameter))
    form: Schema = {
        "type": "object",
        "properties": properties
        | {"args": {"description": "arguments by position", "anyOf": [_by_position(parameters)]}},
    }
    needed = [p for p in parameters if p.required]
    by_name = [
        {"anyOf": [{"required": [name]} for name in (p.name, *p.aliases)]}
        if p.aliases
        else {"required": [p.name]}
        for p in needed
    ]
    if any(p.given is Given.BY_POSITION for p in needed):
        form["required"] = ["args"]
    elif by_name:
        form["anyOf"] = [{"allOf": by_name} if len(by_name) > 1 else by_name[0]]
        form["anyOf"].append({"required": ["args"]})
    if not any(p.given is Given.NAMES for p in parameters):
        # A null argument is not given, whatever its name.
        form["additionalProperties"] = {"type": "null"}
    return form


def _by_position(parameters: Sequence[CallParameter]) -> Schema:
    placed = [p for p in parameters if p.given in (Given.BY_POSITION, Given.EITHER)]
    rest = next((p for p in parameters if p.given is Given.REST), None)
    form: Schema = {"type": "array"}
    if placed:
        form["prefixItems"] = [in_json(p.kind) if p.required else _or_null(p) for p in placed]
    if rest is None:
        form["maxItems"] = len(placed)
    else:
        form["items"] = in_json(rest.kind)
    return form


def _or_null(parameter: CallParameter) -> Schema:
    return {"anyOf": [in_json(parameter.kind), {"type": "null"}]}


def _documented(text: str) -> tuple[str, str]:
    """Split a docstring into its first paragraph, in one line, and the rest."""
    summary, _, rest = text.strip().partition("\n\n")
    return " ".join(summary.split()), rest.strip()
