"""The rows about bad input: an error with the right status, and everything as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack

from protocol.wire.values import VALUE_NESTING_LIMIT
from tests.contract.steps import JSON, MSGPACK, Case, Step, call, case, error, get, has, satisfying
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("refusals.txt"))


WRONG: list[tuple[str, Any, str]] = ROWS["WRONG"]

REFUSED_BY_NEST: list[tuple[str, Any, str, str]] = ROWS["REFUSED_BY_NEST"]

FAILING: list[tuple[str, Any]] = ROWS["FAILING"]

#: Bodies that are no JSON.
NO_JSON: list[bytes] = [
    *ROWS["NO_JSON"],
    '["iaf_psc_alpha"]'.encode("utf-16"),
    '["iaf_psc_alpha"]'.encode("utf-32"),
]

LARGE_NUMBERS = ROWS["LARGE_NUMBERS"]

#: Bodies that are no MessagePack.
NO_MESSAGEPACK: list[bytes] = [
    *ROWS["NO_MESSAGEPACK"],
    b"\x91" * 100 + b"\x01",
    msgpack.packb({1: 2}),
    msgpack.packb(msgpack.ExtType(99, b"x")),
    msgpack.packb(msgpack.Timestamp(1)),
    msgpack.packb(msgpack.ExtType(2, msgpack.packb(["<f8", [2], b"1234567"]))),
    msgpack.packb(msgpack.ExtType(2, msgpack.packb(["|O", [1], b"12345678"]))),
    msgpack.packb(msgpack.ExtType(1, msgpack.packb([0, "<f8", [1]]))),
]


def nested(depth: int) -> list[bytes]:
    """Lists in lists, and objects in objects."""
    return [b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth]


def calls_in_calls(depth: int) -> Any:
    """A parameter of ``depth`` calls of exp."""
    made: Any = {"$call": "random.uniform"}
    for _ in range(depth):
        made = {"$call": "math.exp", "args": [made]}
    return made


def refused(name: str, *steps: Step) -> Case:
    """A row whose requests change nothing in a network of two neurons."""
    return case(
        name,
        call("Create", ["iaf_psc_alpha", 2, {"V_m": -60.0}], [1, 2]),
        *steps,
        call("GetStatus", [[1, 2], "V_m"], [-60.0, -60.0]),
        call("GetKernelStatus", [["network_size", "biological_time", "resolution"]], [2, 0.0, 0.1]),
    )


CASES = [
    *(
        refused(
            f"{name} {json.dumps(body)} names {parameter}",
            call(
                name,
                body,
                error(400, "ArgumentError", repr(parameter), name, call=name, parameter=parameter),
            ),
        )
        for name, body, parameter in WRONG
    ),
    refused(
        "too many arguments are counted, and the parameters named",
        call(
            "Create",
            ["iaf_psc_alpha", 1, {}, None, 5],
            error(400, None, "at most 4 arguments (model, n, params, positions), 5 were given"),
        ),
    ),
    refused(
        "attributes take no arguments, and the error says how to set them",
        call("resolution", [0.2], error(400, None, "SetKernelStatus")),
    ),
    *(
        refused(
            f"{name} {json.dumps(body)} is NEST's {kind}",
            call(name, body, error(400, kind, f"{kind} in ", word)),
        )
        for name, body, kind, word in REFUSED_BY_NEST
    ),
    *(
        case(
            f"{name} {json.dumps(body)} fails, and what needs all ranks still works",
            call("Create", ["iaf_psc_alpha", 2, {"I_e": 500.0}], [1, 2]),
            call(
                name,
                body,
                error(400, call=satisfying(lambda of, n=name: of in (n, "NodeCollection"))),
            ),
            call("Connect", [[1, 2], [1, 2]], None),
            call("Simulate", [10.0], None),
            get("/api/biological_time", 10.0),
            call("GetConnections", answer=has(source=[1, 1, 2, 2], target=[1, 2, 1, 2])),
        )
        for name, body in FAILING
    ),
    *(
        refused(
            f"{body[:28]!r} as {kind} is no JSON",
            call("Create", body, error(400, "MalformedRequest", "JSON"), kind=kind),
        )
        for kind in (JSON, "text/plain")
        for body in NO_JSON
    ),
    *(
        refused(
            f"JSON in {charset} is refused, and the charset named",
            call(
                "Create",
                b'["iaf_psc_alpha"]',
                error(400, None, charset),
                kind=f"{JSON}; charset={charset}",
            ),
        )
        for charset in ("utf-16", "latin-1", "no-such-charset")
    ),
    *(
        refused(
            f"body with the encoding {encoding} is refused, and the encoding named",
            call(
                "Create",
                b"\x1f\x8b",
                error(400, None, encoding),
                kind=JSON,
                headers={"Content-Encoding": encoding},
            ),
        )
        for encoding in ("gzip", "br", "nonsense")
    ),
    *(
        refused(
            f"{body[:5].decode()} {depth} times in each other is too deep",
            call("Create", body, error(400, "MalformedRequest"), kind=JSON),
        )
        for depth in (VALUE_NESTING_LIMIT + 1, 100, 1000, 100_000)
        for body in nested(depth)
    ),
    refused(
        "as deep as is allowed is only a wrong argument",
        call("Create", nested(VALUE_NESTING_LIMIT)[0], error(400, "ArgumentError")),
    ),
    refused(
        "calls in calls count as nested",
        call(
            "SetStatus",
            {"nodes": [1], "params": {"V_m": calls_in_calls(100)}},
            error(400, "MalformedRequest"),
        ),
    ),
    *(
        refused(
            f"{name} {template.format(number)} is beyond 64 bit",
            call(name, template.format(number).encode(), error(400, None, word)),
        )
        for number in (2**63, 2**64, 10**30, -(10**30), -(2**63) - 1)
        for name, template, word in LARGE_NUMBERS
    ),
    *(
        refused(
            f"no threads at all as {name} are refused, although they end NEST",
            call("SetKernelStatus", [{name: 0}], error(400, None, f"{name} must be at least 1")),
        )
        for name in ("local_num_threads", "total_num_virtual_procs")
    ),
    refused(
        "large number where a number is wanted is a float",
        call("SetStatus", [[1, 2], {"I_e": 10**30}], None),
        call("GetStatus", [[1], "I_e"], [1e30]),
        call("Simulate", [10**30], error(400, "BadParameter")),
    ),
    refused(
        "more neurons than memory are refused",
        call("Create", ["iaf_psc_alpha", 2**40], error(400), varies=True),
    ),
    *(
        refused(
            f"{body[:28]!r} is no MessagePack",
            call("Create", body, error(400, "MalformedRequest", "MessagePack"), kind=MSGPACK),
        )
        for body in NO_MESSAGEPACK
    ),
]
