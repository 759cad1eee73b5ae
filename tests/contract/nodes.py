"""The rows about nodes and connections, as arguments and as answers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tests.contract.steps import (
    Answers,
    Case,
    Check,
    Step,
    binary,
    call,
    case,
    error,
    has,
    reference,
    satisfying,
)
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("nodes.txt"))


MASK = {"$call": "CreateMask", "args": ["circular", {"radius": 1.1}]}

#: Call and its arguments, with NODES where nodes go.
TAKERS: list[tuple[str, dict[str, Any]]] = [
    *ROWS["TAKERS"],
    ("SelectNodesByMask", {"layer": "NODES", "anchor": [0.0, 0.0], "mask_obj": MASK}),
]


#: Ids 1 to 9 are a grid, 10 and 11 are plain neurons.
GRID = {"$call": "spatial.grid", "args": [[3, 3]], "kwargs": {"extent": [3.0, 3.0]}}
LAYER = list(range(1, 10))
IN_LAYER = (
    call("Create", {"model": "iaf_psc_alpha", "positions": GRID}, LAYER),
    call("Create", ["iaf_psc_alpha", 2], [10, 11]),
    call("Connect", [LAYER, LAYER, "one_to_one"], None),
)
CHANGING = ("SetStatus", "Connect", "Disconnect", "TripartiteConnect")


def with_nodes(template: Any, nodes: Any) -> Any:
    """``template`` with ``nodes`` where it says NODES."""
    if template == "NODES":
        return nodes
    if isinstance(template, list):
        return [with_nodes(item, nodes) for item in template]
    if isinstance(template, dict) and "$call" not in template:
        return {key: with_nodes(item, nodes) for key, item in template.items()}
    return template


def taking(name: str, template: dict[str, Any]) -> Case:
    """Ids, a call that makes nodes, and a reference get the same answer."""
    seed = call("SetKernelStatus", {"params": {"rng_seed": 1}}, None)
    #: To disconnect once for each form.
    more = (call("Connect", [LAYER, LAYER], None),) * 3 if name == "Disconnect" else ()
    steps = (*IN_LAYER, *more, binary("NodeCollection", [LAYER]))
    held, first = len(steps) - 1, len(steps) + 1

    def by_reference(answers: Answers) -> Any:
        return with_nodes(template, reference(answers[held]))

    if name in CHANGING:
        wanted: Check = satisfying(lambda found: found is None)
    else:
        wanted = satisfying(bool)
    forms: list[Any] = [LAYER, {"$call": "NodeCollection", "args": [LAYER]}]
    return case(
        f"{name} {json.dumps(template)} takes ids, a call and a reference",
        *steps,
        *(
            step
            for body in [*(with_nodes(template, form) for form in forms), by_reference]
            for step in (seed, call(name, body, wanted))
        ),
        same(first, first + 2, first + 4),
    )


def same(*places: int) -> Step:
    """No request of its own: asserts that the answers at these places are equal."""

    def body(answers: Answers) -> Any:
        first = answers[places[0]]
        assert all(answers[place] == first for place in places), [answers[p] for p in places]
        return []

    return call("GetLocalVPs", body)


ONE_NODE: list[tuple[str, Any, Any]] = ROWS["ONE_NODE"]

TWO_AND_RECORDER = (
    call("Create", ["iaf_psc_alpha", 2], [1, 2]),
    call("Create", ["spike_recorder"], [3]),
)

STATUS: list[tuple[Any, Any]] = ROWS["STATUS"]

VOLTAGES = [-61.0, -66.5, -63.0]
#: Call in a network of three neurons, arguments that give each a value of its own.
EACH: list[tuple[str, Any]] = [
    ("SetStatus", [[1, 2, 3], {"V_m": VOLTAGES}]),
    ("SetStatus", [[1, 2, 3], "V_m", VOLTAGES]),
    ("SetStatus", [[1, 2, 3], [{"V_m": value} for value in VOLTAGES]]),
    ("NodeCollection.set", [[1, 2, 3], {"V_m": VOLTAGES}]),
    ("NodeCollection.set", {"nodes": [1, 2, 3], "V_m": VOLTAGES}),
]

NODES = [
    *(
        case(
            f"{name} {json.dumps(body)} gives each node its value",
            call("Create", ["iaf_psc_alpha", 3]),
            call(name, body),
            call("GetStatus", [[1, 2, 3], "V_m"], VOLTAGES),
        )
        for name, body in EACH
    ),
    *(
        case(
            f"Create with {json.dumps(params)} gives each node its value",
            call("Create", ["iaf_psc_alpha", 3, params], [1, 2, 3]),
            call("GetStatus", [[1, 2, 3], "V_m"], VOLTAGES),
        )
        for params in ({"V_m": VOLTAGES, "C_m": 200.0}, [{"V_m": value} for value in VOLTAGES])
    ),
    *(taking(name, template) for name, template in TAKERS),
    *(
        case(f"one id is one node: {name} {json.dumps(body)}", *IN_LAYER, call(name, body, answer))
        for name, body, answer in ONE_NODE
    ),
    case(
        "ids in any order and repeated connect one_to_one",
        call("Create", ["iaf_psc_alpha", 4]),
        call(
            "Connect",
            {
                "pre": [3, 1, 1],
                "post": [2, 4, 2],
                "conn_spec": "one_to_one",
                "syn_spec": {"weight": [1.0, 2.0, 3.0], "delay": [1.0] * 3},
            },
            None,
        ),
        call(
            "GetConnections", answer=has(source=[1, 1, 3], target=[2, 4, 2], weight=[3.0, 2.0, 1.0])
        ),
        *(call("GetStatus", [ids], error(400, "BadProperty")) for ids in ([2, 1], [1, 1])),
    ),
    *(
        case(f"GetStatus {json.dumps(body)}", *TWO_AND_RECORDER, call("GetStatus", body, answer))
        for body, answer in STATUS
    ),
    case(
        "recorder has the spikes of all neurons, and each of the equal ones fires once",
        call("Create", ["iaf_psc_alpha", 4, {"I_e": 500.0}]),
        call("Create", ["spike_recorder"], [5]),
        call("Connect", [[1, 2, 3, 4], [5]], None),
        call("Simulate", [20.0], None),
        call("GetStatus", [[5], "events"], [{"senders": [1, 2, 3, 4], "times": [13.9] * 4}]),
        call("GetStatus", [[5], "n_events"], [4]),
        call("local_spike_counter", answer=4),
    ),
    case(
        "GetStatus without keys is one object for each node",
        *TWO_AND_RECORDER,
        call("GetStatus", {"nodes": [1, 2, 3], "keys": "global_id"}, [1, 2, 3]),
        call(
            "GetStatus",
            {"nodes": [1]},
            lambda found: has(V_min=None, model="iaf_psc_alpha")(*found),
        ),
        call(
            "GetStatus",
            [[3]],
            lambda found: has(events={"senders": [], "times": []}, n_events=0)(*found),
        ),
    ),
]

COLUMNS = {
    "source",
    "target",
    "weight",
    "delay",
    "synapse_model",
    "port",
    "receptor",
    "target_thread",
    "synapse_id",
    "sizeof",
}
#: Connections 1 to 3 and 2 to 4 of weights 1 and 2; the last answer has them.
CONNECTED = (
    call("Create", ["iaf_psc_alpha", 4], [1, 2, 3, 4]),
    call("Connect", [[1, 2], [3, 4], "one_to_one", {"weight": [1.0, 2.0], "delay": 1.5}], None),
    call(
        "GetConnections",
        answer=has(
            source=[1, 2],
            target=[3, 4],
            weight=[1.0, 2.0],
            delay=[1.5, 1.5],
            synapse_model=["static_synapse"] * 2,
        ),
    ),
)

#: Arguments of GetConnections, sources of what it finds.
SEARCHES: list[tuple[Any, list[int]]] = [
    ({"source": [1]}, [1]),
    ({"source": 1, "target": 3}, [1]),
    ({"target": [3, 4]}, [1, 2]),
    ([[2], [4]], [2]),
    ({"synapse_model": "static_synapse"}, [1, 2]),
]

NO_CONNECTIONS: list[tuple[dict[str, Any], str]] = ROWS["NO_CONNECTIONS"]


def columns(sources: list[int]) -> Check:
    """Connections of ``sources``, as an object of parallel lists."""

    def check(found: Any) -> None:
        assert found.keys() == COLUMNS
        assert {len(column) for column in found.values()} == {len(sources)}
        assert found["source"] == sources

    return check


#: How the second connection may be given, of the answers of CONNECTED and a reference to it.
SENT_BACK: dict[str, Any] = {
    "the whole object": lambda said: {key: column[1:] for key, column in said[2].items()},
    "source and target": lambda _: {"source": [2], "target": [4]},
    "one of each": lambda _: {"source": 2, "target": 4},
    "a reference": lambda said: reference(said[3]),
}


def sent_back(form: str, name: str | None) -> Case:
    """The second connection is found again."""

    def body(**more: Any) -> Any:
        def make(said: Answers) -> Any:
            given = SENT_BACK[form](said)
            return ({"args": [given]} if name is None else {name: given}) | more

        return make

    return case(
        f"connections can be sent back as {form}, {name or 'by place'}",
        *CONNECTED,
        binary("GetConnections", {"source": [2]}),
        call("SetStatus", body(params={"weight": 7.0}), None),
        call("GetStatus", body(keys="weight"), [7.0]),
        call("GetStatus", body(keys=["weight", "delay"]), [[7.0, 1.5]]),
        call("GetConnections", answer=has(weight=[1.0, 7.0])),
        call("Disconnect", lambda said: {"args": [SENT_BACK[form](said)]}, None),
        call("GetConnections", answer=has(source=[1])),
        call("Disconnect", lambda said: {"args": [SENT_BACK[form](said)]}, error(400)),
    )


CONNECTIONS = [
    *(
        case(
            f"GetConnections {json.dumps(body)} is an object of parallel lists",
            *CONNECTED,
            call("GetConnections", body, columns(sources)),
        )
        for body, sources in SEARCHES
    ),
    *(
        case(
            f"no connections are an empty object: GetConnections {json.dumps(body)}",
            *CONNECTED,
            call("GetConnections", body, {}),
            call("GetStatus", [{}], []),
            call("SetStatus", [{}, {"weight": 1.0}], None),
        )
        for body in ({"source": [4]}, {"synapse_model": "stdp_synapse"})
    ),
    *(sent_back(form, name) for form in SENT_BACK for name in ("conns", "nodes_or_conns", None)),
    case(
        "all connections can be set one by one and disconnected by name",
        *CONNECTED,
        call("SetStatus", lambda said: [said[2], [{"weight": 8.0}, {"weight": 9.0}]], None),
        call("GetStatus", lambda said: [said[2], "weight"], [8.0, 9.0]),
        call("SynapseCollection.get", lambda said: [said[2], "weight"], [8.0, 9.0]),
        call("Disconnect", lambda said: {"conns": said[2]}, None),
        call("GetConnections", answer={}),
    ),
    *(
        case(
            f"{json.dumps(description)} is no connection",
            *CONNECTED,
            call("GetStatus", [description], error(400, None, word, parameter="nodes_or_conns")),
        )
        for description, word in NO_CONNECTIONS
    ),
]

#: Distance rule that connects neighbours in the grid.
NEIGHBOURS = {"rule": "pairwise_bernoulli", "p": 1.0, "mask": {"circular": {"radius": 1.1}}}

LAYERS = [
    case(
        "layers make the round trip by their ids",
        *IN_LAYER,
        call(
            "GetPosition",
            [LAYER],
            satisfying(lambda it: it[:3] == [[-1.0, 1.0], [-1.0, 0.0], [-1.0, -1.0]]),
        ),
        call("GetPosition", [[1, 2, 4]], [[-1.0, 1.0], [-1.0, 0.0], [0.0, 1.0]]),
        call("GetPosition", [[1, 5, 9]], [[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0]]),
        call("FindNearestElement", [LAYER, [1.1, 0.9]], [7]),
        call("Distance", [[1], [9]], [math.sqrt(8)]),
        call("SelectNodesByMask", [LAYER, [0.0, 0.0], MASK], [2, 4, 5, 6, 8]),
    ),
    case(
        "layers connect by distance and mask",
        call("Create", {"model": "iaf_psc_alpha", "positions": GRID}, LAYER),
        call(
            "Connect",
            [
                LAYER,
                LAYER,
                NEIGHBOURS,
                {
                    "weight": {
                        "$call": "Parameter.mul",
                        "args": [{"$call": "spatial.distance"}, 2.0],
                    }
                },
            ],
            None,
        ),
        call(
            "GetConnections",
            {"source": [5]},
            has(target=[2, 4, 5, 6, 8], weight=[2.0, 2.0, 0.0, 2.0, 2.0]),
        ),
    ),
]

CASES = [*NODES, *CONNECTIONS, *LAYERS]
