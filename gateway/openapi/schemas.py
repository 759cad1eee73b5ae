"""JSON Schemas of arguments, jobs and errors."""

from __future__ import annotations

from gateway.openapi.decorate import Schema, an_object, or_null
from protocol.api_description import CallParameter, Kind


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "integer", "minimum": 1}
_EXPRESSION = _ref("Expression")
_REFERENCE = _ref("Reference")

#: Schemas that other schemas name.
SHARED: dict[str, Schema] = {
    "Error": {
        "description": "`message` is for people; `error` is NEST's, Python's or the server's name.",
        **an_object(
            {"message": _TEXT, "error": _TEXT},
            {
                "call": {"description": "the call that was running", **_TEXT},
                "parameter": {"description": "the parameter that was wrong", **_TEXT},
                "ranks": {
                    "description": "ranks on which it happened, if not on all",
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0},
                },
                "index": {"description": "place of the call in its batch", "type": "integer"},
                "results": {"description": "of the calls before it", "type": "array"},
                "lineNumber": {"description": "line of the script", "type": "integer"},
                "traceback": {"description": "the script's own frames", **_TEXT},
                "stdout": {"description": "what the script had printed until then", **_TEXT},
            },
        ),
    },
    "Job": {
        "description": "What the kernel is asked for, and how far it is. Times are ISO 8601.",
        **an_object(
            {
                "id": _TEXT,
                "what": {"description": "the PyNEST call, batch or script", **_TEXT},
                "state": {"enum": ["queued", "running", "done", "failed", "cancelled"]},
                "created": _TEXT,
                "began": or_null("string"),
                "ended": or_null("string"),
                "generation": {"description": "of the kernel it was accepted for", **_TEXT},
                "waited_for": {
                    "description": "whether its caller waits, who alone gets the result",
                    "type": "boolean",
                },
            },
            {
                "position": {"description": "in the queue, from 1", "type": ["integer", "null"]},
                "call": {"description": "that simulates, within a script", **_TEXT},
                "wall_s": {"description": "time that it has taken", "type": "number"},
                "ending": {"description": "whether it is being ended", "type": "boolean"},
                "awaited": {"description": "ranks whose answer is awaited", "type": "array"},
                "message": {"description": "why it failed", **_TEXT},
                "result": {"description": "address of what came of it", **_TEXT},
                "progress": an_object(
                    {
                        "biological_time_ms": {"type": "number"},
                        "done_ms": {"type": "number"},
                        "total_ms": {"type": "number"},
                        "fraction": {"type": "number"},
                        "wall_s": {"type": "number"},
                        "real_time_factor": or_null("number"),
                        "estimated_end": or_null("string"),
                    }
                ),
            },
        ),
    },
    "Expression": {
        "description": "A PyNEST object, written as the call that makes it.",
        "type": "object",
        "properties": {
            "$call": _TEXT,
            "args": {"type": "array"},
            "kwargs": {"type": "object"},
        },
        "required": ["$call"],
        "additionalProperties": False,
        "examples": [{"$call": "random.uniform", "kwargs": {"min": -70.0, "max": -55.0}}],
    },
    "Reference": {
        "description": "A PyNEST object that the server keeps, as a MessagePack answer named it.",
        "type": "object",
        "properties": {"$ref": {"type": "integer"}, "type": _TEXT, "generation": _TEXT},
        "required": ["$ref", "type", "generation"],
    },
    "Ids": {"type": "array", "items": _ID, "uniqueItems": True},
    "ConnectionLists": {
        "description": "Parallel lists, as GetConnections answers them; others are ignored.",
        "type": "object",
        "properties": {
            name: {"type": "array", "items": {"type": "integer"}}
            for name in ("source", "target", "synapse_id", "target_thread", "port")
        }
        | {"synapse_model": {"type": "array", "items": _TEXT}},
        "required": ["source", "target"],
    },
}

#: Schema of a parameter of each kind in JSON.
KINDS: dict[Kind, Schema] = {
    Kind.NODES: {"anyOf": [_ref("Ids"), _ID, _REFERENCE, _EXPRESSION]},
    Kind.NODE_ARRAY: {
        "anyOf": [{"type": "array", "items": _ID}, _ID, _REFERENCE, _EXPRESSION],
    },
    Kind.CONNECTIONS: {"anyOf": [_ref("ConnectionLists"), _REFERENCE]},
    Kind.NODES_OR_CONNECTIONS: {
        "anyOf": [_ref("Ids"), _ID, _ref("ConnectionLists"), _REFERENCE, _EXPRESSION]
    },
    Kind.NODES_OR_POSITIONS: {
        "anyOf": [
            _ref("Ids"),
            {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            {"type": "array", "items": {"type": "number"}},
            _ID,
            _REFERENCE,
            _EXPRESSION,
        ]
    },
    Kind.INTEGER: {"type": "integer"},
    Kind.COUNT: {"anyOf": [{"type": "integer"}, {"type": "object"}]},
    Kind.NUMBER: {"type": "number"},
    Kind.STRING: _TEXT,
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.MAPPING: {"type": "object"},
    Kind.KEYS: {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    Kind.SPEC: {"anyOf": [_TEXT, {"type": "object"}]},
    Kind.MASK: {"anyOf": [_EXPRESSION, _REFERENCE]},
    Kind.ANY: {},
}

#: Schema of a parameter of each kind in a query string, where that is not JSON.
_TEXTS: dict[Kind, Schema] = {
    Kind.NODES: {"type": "array", "items": _ID},
    Kind.NODE_ARRAY: {"type": "array", "items": _ID},
    Kind.NODES_OR_CONNECTIONS: {"type": "array", "items": _ID},
    Kind.INTEGER: {"type": "integer"},
    Kind.COUNT: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.STRING: _TEXT,
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.KEYS: {"type": "array", "items": _TEXT},
    Kind.SPEC: _TEXT,
    # Text that is JSON is read as JSON.
    Kind.ANY: _TEXT,
}

#: Values to try a call with: by kind, and by names that many calls share.
_EXAMPLES: dict[Kind, object] = {
    Kind.NODES: [1],
    Kind.NODE_ARRAY: [1],
    Kind.CONNECTIONS: {"source": [1], "target": [1]},
    Kind.NODES_OR_CONNECTIONS: [1],
    Kind.NODES_OR_POSITIONS: [[0.0, 0.0]],
    Kind.INTEGER: 1,
    Kind.COUNT: 1,
    Kind.NUMBER: 10.0,
    Kind.STRING: "static_synapse",
    Kind.BOOLEAN: True,
    Kind.MAPPING: {},
    Kind.KEYS: ["model"],
    Kind.SPEC: "all_to_all",
    Kind.MASK: {"$call": "CreateMask", "args": ["circular", {"radius": 0.2}]},
    Kind.ANY: 1.0,
}
_EXAMPLES_BY_NAME: dict[str, object] = {
    "keys": "model",
    "masktype": "circular",
    "message": "hello",
    "model": "iaf_psc_alpha",
    "params": {},
    "parametertype": "constant",
    "specs": {"radius": 0.2},
    "val": {},
}


def kind_name(kind: Kind) -> str:
    """Return the name of a kind's schema."""
    return kind.name.title().replace("_", "")


def kind_schemas() -> dict[str, Schema]:
    """Return the schema of each kind under its name."""
    return {kind_name(kind): {"description": kind.value, **KINDS[kind]} for kind in Kind}


def in_json(kind: Kind) -> Schema:
    """Return the schema of ``kind`` in a body."""
    return _ref(kind_name(kind))


def in_query(kind: Kind) -> Schema:
    """Return the fields of a query parameter of ``kind``."""
    text = _TEXTS.get(kind)
    if text is None:
        return {"content": {"application/json": {"schema": in_json(kind)}}}
    # Several values are written between commas.
    return {"schema": text} | ({"explode": False} if text.get("type") == "array" else {})


def example_of(parameter: CallParameter) -> object:
    """Return a value to try ``parameter`` with."""
    return _EXAMPLES_BY_NAME.get(parameter.name, _EXAMPLES[parameter.kind])
