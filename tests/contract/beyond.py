"""The rows beyond NEST Server's own: what JSON can't say, the binary form, references."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from protocol.wire.values import Expression
from tests.contract.steps import (
    JSON,
    MSGPACK,
    Check,
    Expected,
    binary,
    call,
    case,
    error,
    get,
    has,
    post,
    reference,
    satisfying,
)
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("beyond.txt"))


MASK = {"$call": "CreateMask", "args": ["circular", {"radius": 1.1}]}

#: Expression, between which values it is.
PARAMETERS: list[tuple[dict[str, Any], float, float]] = [
    *ROWS["PARAMETERS"],
    (
        {
            "$call": "math.exp",
            "args": [{"$call": "Parameter.neg", "args": [{"$call": "random.uniform"}]}],
        },
        math.exp(-1.0),
        1.0,
    ),
]

POSITIONS: list[tuple[dict[str, Any], int | None]] = ROWS["POSITIONS"]

#: Calls that make an object, their arguments.
MADE: list[tuple[str, Any]] = [
    ("random.uniform", {"min": 1.0, "max": 2.0}),
    ("spatial.grid", [[2, 2]]),
    ("CreateMask", ["circular", {"radius": 0.2}]),
    ("spatial.distance", None),
    ("math.exp", [{"$call": "random.normal"}]),
    ("Mask.or", [MASK, MASK]),
]

REFUSED: list[tuple[dict[str, Any], int, str]] = ROWS["REFUSED"]


UNIFORM = {"$call": "random.uniform"}
#: Two neurons in a row.
ROW = call(
    "Create",
    {"model": "iaf_psc_alpha", "positions": {"$call": "spatial.grid", "args": [[2, 1]]}},
    [1, 2],
)

#: Call in a layer of two neurons, arguments, answer: what has no JSON form of its own.
VALUES: list[tuple[str, Any, Any]] = [
    *ROWS["VALUES"],
    # Parameters, masks, positions.
    ("random.uniform", None, UNIFORM),
    ("Parameter.add", [UNIFORM, 1.0], {"$call": "Parameter.add", "args": [UNIFORM, 1.0]}),
    ("NodeCollection.spatial", [[1, 2]], has(shape=[2, 1], edge_wrap=False)),
    ("GetLocalVPs", None, satisfying(lambda found: found == list(range(len(found))) != [])),
]


def within(low: float, high: float, number: int = 20) -> Check:
    """As many values, all between the two."""
    return satisfying(
        lambda found: len(found) == number and all(low <= value <= high for value in found)
    )


def weights(low: float, high: float) -> Check:
    """Connections whose weights are between the two."""
    return has(weight=within(low, high))


EXPRESSIONS = [
    *(
        case(
            f"{json.dumps(expression)} is a parameter",
            call("Create", {"model": "iaf_psc_alpha", "n": 20, "params": {"I_e": expression}}),
            call("GetStatus", [list(range(1, 21)), "I_e"], within(low, high)),
            call("SetStatus", {"nodes": list(range(1, 21)), "params": {"V_m": expression}}, None),
            call("GetStatus", [list(range(1, 21)), "V_m"], within(low, high)),
            call("Connect", [[1], list(range(1, 21)), "all_to_all", {"weight": expression}], None),
            call("GetConnections", answer=weights(low, high)),
        )
        for expression, low, high in PARAMETERS
    ),
    *(
        case(
            f"{json.dumps(positions)} are positions",
            call(
                "Create",
                {"model": "iaf_psc_alpha", "n": None if number else 5, "positions": positions},
                list(range(1, (number or 5) + 1)),
            ),
            call(
                "GetPosition",
                [list(range(1, (number or 5) + 1))],
                satisfying(lambda found, number=number: len(found) == (number or 5)),
            ),
        )
        for positions, number in POSITIONS
    ),
    *(
        case(
            f"{name} {json.dumps(body)} answers its own form",
            call(name, body, has(**{"$call": name})),
        )
        for name, body in MADE
    ),
    *(
        case(f"{name} {json.dumps(body)} has a form in JSON", ROW, call(name, body, answer))
        for name, body, answer in VALUES
    ),
    case(
        "what a call has made can be sent back",
        call("spatial.grid", [[2, 2]]),
        call("Create", lambda said: {"model": "iaf_psc_alpha", "positions": said[0]}, [1, 2, 3, 4]),
        call("random.uniform", {"min": 1.0, "max": 2.0}),
        call("Parameter.GetValue", lambda said: [said[2]], satisfying(lambda it: 1.0 <= it < 2.0)),
    ),
    *(
        case(
            f"{json.dumps(expression)} is refused",
            call("Create", ["iaf_psc_alpha"]),
            call(
                "SetStatus",
                {"nodes": [1], "params": {"I_e": expression}},
                error(status, None, word),
            ),
            call("GetStatus", [[1], "I_e"], [0.0]),
        )
        for expression, status, word in REFUSED
    ),
]

#: Content type, Accept, content type of the answer.
FORMS = [
    ("application/json", MSGPACK, MSGPACK),
    (MSGPACK, "application/json", "application/json"),
    (MSGPACK, "text/plain", "application/json"),
    (MSGPACK, "application/json, application/x-msgpack", MSGPACK),
    (MSGPACK, "application/msgpack", MSGPACK),
]

#: A change to a reference, a word of the error.
STALE: list[tuple[dict[str, Any], str]] = [
    ({"generation": "00000000"}, "belongs to kernel 00000000"),
    ({"$ref": 10**9}, "there is no NodeCollection number 1000000000"),
    ({"$ref": -1}, "there is no NodeCollection number -1"),
    ({"type": "SynapseCollection"}, "there is no SynapseCollection number"),
    ({"generation": None}, "a reference must have the form"),
    ({"$ref": "1"}, "a reference must have the form"),
]

ASKED = {JSON: b'["resolution"]', MSGPACK: b"\x91\xaaresolution"}

BINARY = [
    *(
        case(
            f"{kind} asked to be answered as {accept} is answered as {answer}",
            call(
                "GetKernelStatus",
                ASKED[kind],
                Expected(200, satisfying(lambda found: found == 0.1), {"Content-Type": answer}),
                kind=kind,
                headers={"Accept": accept},
            ),
        )
        for kind, accept, answer in FORMS
    ),
    case(
        "binary form has NaN and infinities, JSON has null",
        binary("Create", ["iaf_psc_alpha", 2]),
        binary("GetDefaults", ["iaf_psc_alpha", "V_min"], satisfying(lambda it: it == -math.inf)),
        binary(
            "SetStatus",
            [Expression("NodeCollection", [[1, 2]]), {"V_th": math.inf, "V_m": math.nan}],
        ),
        binary("GetStatus", [[1, 2], "V_th"], satisfying(lambda it: it == [math.inf, math.inf])),
        binary("GetStatus", [[1, 2], "V_m"], satisfying(lambda it: all(map(math.isnan, it)))),
        binary("SetStatus", [[1, 2], {"I_e": 5e-324}]),
        binary("GetStatus", [[1, 2], "I_e"], satisfying(lambda it: it == [5e-324, 5e-324])),
        call("GetStatus", [[1], ["V_th", "V_m", "V_min"]], [[None, None, None]]),
    ),
    case(
        "errors are JSON in the binary form, too",
        post(
            "/api/Create",
            ["nope"],
            error(400, "UnknownModelName"),
            headers={"Content-Type": MSGPACK, "Accept": MSGPACK},
        ),
    ),
]

REFERENCES = [
    case(
        "references name every kind of object and can be sent back",
        binary("Create", ["iaf_psc_alpha", 4]),
        call("NodeCollection.slice", lambda said: [reference(said[0]), 0, 4, 2], [1, 3]),
        binary("random.uniform", {"min": 1.0, "max": 2.0}),
        call(
            "Connect",
            lambda said: [[1, 3], reference(said[0]), "all_to_all", {"weight": reference(said[2])}],
            None,
        ),
        binary("GetConnections", {"source": [1, 3]}),
        call("SynapseCollection.size", lambda said: [reference(said[4])], 8),
        call(
            "SynapseCollection.get",
            lambda said: [reference(said[4]), "weight"],
            within(1.0, 2.0, 8),
        ),
    ),
    *(
        case(
            f"released references are refused, others stay: {kind}",
            binary("Create", ["iaf_psc_alpha", 2]),
            binary("Create", ["iaf_psc_alpha", 2]),
            *(
                post(
                    "/release",
                    lambda said, kind=kind: [said[0] if kind == MSGPACK else reference(said[0])],
                    None,
                    kind=kind,
                )
                # To release again is no error.
                for _ in range(2)
            ),
            call(
                "GetStatus",
                lambda said: [reference(said[0]), "V_m"],
                error(400, "StaleReference"),
                varies=True,
            ),
            call("GetStatus", lambda said: [reference(said[1]), "V_m"], [-70.0, -70.0]),
            call("GetStatus", [[1, 2], "V_m"], [-70.0, -70.0]),
        )
        for kind in (MSGPACK, JSON)
    ),
    case(
        "references to nodes end with their network, and are never another object",
        binary("Create", ["iaf_psc_alpha", 2]),
        binary("random.uniform"),
        call("ResetKernel", answer=None),
        binary("Create", ["iaf_psc_alpha", 2]),
        call(
            "GetStatus",
            lambda said: [reference(said[0])],
            error(400, "StaleReference"),
            varies=True,
        ),
        call(
            "Parameter.GetValue",
            lambda said: [reference(said[1])],
            satisfying(lambda it: 0.0 <= it <= 1.0),
            varies=True,
        ),
    ),
    *(
        case(
            f"reference with {json.dumps(change)} is refused",
            binary("Create", ["iaf_psc_alpha", 2]),
            call(
                "GetStatus",
                lambda said, change=change: [reference(said[0]) | change],
                error(400, None, word),
                varies=True,
            ),
            call("GetStatus", lambda said: [reference(said[0]), "V_m"], [-70.0, -70.0]),
        )
        for change, word in STALE
    ),
    *(
        case(
            f"/release of {json.dumps(body)} is refused",
            post("/release", body, error(400, "MalformedRequest")),
        )
        for body in (None, {}, [1], "all", [{"$call": "random.uniform"}])
    ),
]

RANKS = [
    case(
        "?ranks=all gives what each rank says",
        post(
            "/api/GetKernelStatus?ranks=all",
            ["resolution"],
            satisfying(
                lambda found: (
                    [each["rank"] for each in found] == list(range(len(found)))
                    and all("value" in each for each in found)
                )
            ),
            varies=True,
        ),
        call("Create", ["iaf_psc_alpha"], [1]),
        get("/api/GetKernelStatus?keys=network_size", 1),
    )
]

CASES = [*EXPRESSIONS, *BINARY, *REFERENCES, *RANKS]
