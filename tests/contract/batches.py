"""The rows about several calls in one request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.http.arguments import BATCH_LIMIT
from tests.contract.steps import (
    JSON,
    MSGPACK,
    Expected,
    call,
    case,
    error,
    get,
    has,
    post,
    satisfying,
)
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("batches.txt"))


def one(name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """A call in a batch."""
    return {"call": name, "args": list(args), "kwargs": kwargs}


def result(index: int) -> dict[str, Any]:
    """The argument that is the result of an earlier call."""
    return {"$result": index}


#: A batch that is none, and words of the error.
MALFORMED: list[tuple[Any, str]] = [
    *ROWS["MALFORMED"],
    (None, f"a list of 1 to {BATCH_LIMIT} calls"),
    ([], f"a list of 1 to {BATCH_LIMIT} calls"),
    (one("Rank"), f"a list of 1 to {BATCH_LIMIT} calls"),
    ([one("Rank"), "Rank"], "call 1 of the batch must have the form"),
    ([one("Rank"), ["Rank", []]], "call 1 of the batch must have the form"),
]

CASES = [
    case(
        "a batch is answered with the results of its calls in their order",
        post(
            "/batch",
            [
                one("Create", "iaf_psc_alpha", n=2),
                one("Create", "spike_recorder"),
                {"call": "Connect", "args": [[1, 2], [3]]},
                {"call": "SetStatus", "kwargs": {"nodes": [1, 2], "params": {"I_e": 400.0}}},
                one("Simulate", 100.0),
                one("GetStatus", [3], "n_events"),
                {"call": "biological_time"},
            ],
            Expected(
                200,
                satisfying(
                    lambda it: (
                        it[:5] == [[1, 2], [3], None, None, None] and it[5][0] > 0 and it[6] == 100
                    )
                ),
                {"Content-Type": JSON},
            ),
        ),
        call("GetStatus", [[3], "events"]),
    ),
    case(
        "steps of a closed loop in batches are those of single calls",
        call("Create", ["iaf_psc_alpha", 4]),
        call("Create", ["dc_generator"]),
        call("Create", ["voltmeter"]),
        call("Connect", [[5], [1, 2, 3, 4]]),
        call("Connect", [[6], [1, 2, 3, 4]]),
        call("Prepare"),
        *(
            post(
                "/batch",
                [
                    one("SetStatus", [5], {"amplitude": amplitude}),
                    one("Run", 1.0),
                    one("GetStatus", [6], "events"),
                ],
            )
            for amplitude in (100.0, 400.0, 200.0)
        ),
        call("Cleanup"),
        call("GetStatus", [[6], "events"]),
    ),
    case(
        "an argument can be what an earlier call of the batch returns",
        post(
            "/batch",
            [
                one("Create", "parrot_neuron", 2),
                one("Create", "parrot_neuron", 3),
                one("Connect", result(0), post=result(1)),
                one("GetConnections", result(0)),
                one("SynapseCollection.size", result(3)),
                one("random.uniform", 2.0, 3.0),
                one("SetStatus", result(3), {"weight": 2.5}),
                one("SynapseCollection.get", result(3), "weight"),
                one("GetStatus", {"$call": "NodeCollection", "args": [[1]]}, "model"),
            ],
            satisfying(lambda it: it[4] == 6 and it[7] == [2.5] * 6 and it[8] == ["parrot_neuron"]),
        ),
    ),
    *(
        case(
            f"{json.dumps(wrong)} as a result of an earlier call is refused",
            post(
                "/batch",
                [one("Create", "parrot_neuron"), one("GetStatus", {"$result": wrong})],
                error(400, "ArgumentError", "$result", index=1, results=[[1]]),
            ),
            get("/api/network_size", 1),
        )
        for wrong in (1, -1, 1000, "0", None, True, 0.0)
    ),
    case(
        "the first error of a batch ends it, with its index and the results before it",
        post(
            "/batch",
            [one("Create", "iaf_psc_alpha"), one("Create", "nope"), one("Create", "iaf_psc_exp")],
            error(400, "UnknownModelName", call="Create", index=1, results=[[1]]),
        ),
        get("/api/network_size", 1),
        post("/batch", [one("Creat")], error(404, "UnknownCall", index=0, results=[])),
        post(
            "/batch",
            [one("Create", "iaf_psc_alpha", N=1)],
            error(400, None, parameter="N", index=0, results=[]),
        ),
        call("Create", ["nope"], error(400, "UnknownModelName")),
        get("/api/network_size", 1),
    ),
    *(
        case(
            f"/batch of {json.dumps(body)} is refused",
            post("/batch", body, error(400, "MalformedRequest", words)),
        )
        for body, words in MALFORMED
    ),
    case(
        "a batch has at most so many calls",
        post("/batch", [one("Rank")] * BATCH_LIMIT, [0] * BATCH_LIMIT),
        post("/batch", [one("Rank")] * (BATCH_LIMIT + 1), error(400, "MalformedRequest")),
    ),
    case(
        "a batch in the binary form is answered with references",
        post(
            "/batch",
            [one("Create", "iaf_psc_alpha", 2), one("GetStatus", result(0), "V_m")],
            Expected(
                200,
                satisfying(
                    lambda it: it[0].ids.tolist() == [1, 2] and list(it[1]) == [-70.0, -70.0]
                ),
                {"Content-Type": MSGPACK},
            ),
            headers={"Content-Type": MSGPACK, "Accept": MSGPACK},
            varies=True,
        ),
        post(
            "/batch",
            lambda said: [{"call": "NodeCollection.size", "args": [said[0][0]]}, one("nope")],
            error(404, "UnknownCall", results=[2]),
            headers={"Content-Type": MSGPACK, "Accept": MSGPACK},
        ),
    ),
    case(
        "a batch is taken by POST only", get("/batch", Expected(405, has(message=satisfying(bool))))
    ),
]
