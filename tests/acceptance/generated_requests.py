"""Requests that schemathesis makes of a server's own document; ``scripts/generated-requests``.

Values that name something are mostly names that exist, or no request would get far. Where a value
may cost any amount of time or memory by what it asks for, it is bounded here, with the reason.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from requests.exceptions import InvalidHeader
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from protocol.errors import ProtocolError
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import Value
from tests.integration.servers import DEADLINE_S, Server, serving

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

#: How far a generated time may simulate, in ms: NEST simulates whatever it is asked to, and 10^9 ms
#: of a network take days.
TIME_LIMIT_MS = 20.0
#: Largest number of nodes, positions and mask cells: NEST makes whatever it has memory for.
COUNT_LIMIT = 1000

#: Parameters that are a time to simulate.
_TIMES = ("t",)

#: Real names, by the parameters that take them.
_NAMES: dict[str, list[str]] = {
    "model": [
        "iaf_psc_alpha",
        "poisson_generator",
        "spike_recorder",
        "parrot_neuron",
        "multimeter",
    ],
    "syn_model": ["static_synapse", "stdp_synapse"],
    "synapse_model": ["static_synapse", "stdp_synapse"],
    "existing": ["iaf_psc_alpha", "static_synapse"],
    "conn_spec": ["all_to_all", "one_to_one", "pairwise_bernoulli"],
    "syn_spec": ["static_synapse", "stdp_synapse"],
    "keys": ["V_m", "n_events", "model", "rate", "resolution"],
    "masktype": ["circular", "rectangular", "grid", "spherical", "doughnut", "box"],
    "parametertype": ["constant", "uniform", "normal", "exponential", "lognormal"],
    "mtype": ["models", "nodes", "synapses"],
}
#: Kernel parameters, and what objects have, that change what a network is.
_KEYS = (
    "resolution",
    "tics_per_ms",
    "local_num_threads",
    "total_num_virtual_procs",
    "rng_seed",
    "rng_type",
    "verbosity",
    "print_time",
    "overwrite_files",
    "data_prefix",
    "min_delay",
    "max_delay",
    "structural_plasticity_update_interval",
    "use_wfr",
    "wfr_comm_interval",
    "buffer_size_spike_data",
    "adaptive_spike_buffers",
    "sort_connections_by_source",
    "keep_source_table",
    "stdp_eps",
    "userdict",
    "V_m",
    "rate",
    "weight",
    "delay",
    "radius",
    "shape",
    "rule",
    "value",
    "min",
    "max",
    "indegree",
    "N",
    "p",
    "interval",
    "record_from",
    "start",
    "stop",
    "origin",
    "spike_times",
)


@dataclass
class Sent:
    """What was sent and how it was answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    #: Method and address of each.
    names: Counter[str] = field(default_factory=Counter)
    #: What was wrong, with the request that showed it.
    faults: list[str] = field(default_factory=list)


def _pack(context: Any, value: Any) -> Any:
    try:
        packed = Packer().pack(value)
    except ProtocolError:
        # Integers beyond 64 bit have no form there.
        hypothesis.reject()
    return {"data": packed, "headers": {"Content-Type": "application/x-msgpack"}}


def _unpack(context: Any, reply: Any) -> Value:
    return Unpacker().unpack(reply.content)


schemathesis.serializer("application/x-msgpack")(_pack)
schemathesis.deserializer("application/x-msgpack")(_unpack)


def _named(document: dict[str, Any]) -> None:
    """Have the document ask mostly for what exists."""
    schemas = document["components"]["schemas"]
    some_id = {"type": "integer", "minimum": 1, "maximum": 12}
    few = {"type": "array", "maxItems": 6}
    some_ids = {**few, "items": some_id, "uniqueItems": True}
    number = {"anyOf": [{"type": "number", "minimum": -10, "maximum": 100}, {"type": "number"}]}
    values = {
        "anyOf": [
            number,
            {"type": "integer", "minimum": -2, "maximum": 8},
            {"type": ["string", "boolean", "null"]},
            {**few, "items": number},
            {"$ref": "#/components/schemas/Expression"},
        ]
    }
    details = {"type": "object", "properties": dict.fromkeys(_KEYS, values), "maxProperties": 4}
    schemas["Ids"] = {"anyOf": [some_ids, {**few, "items": {"type": "integer", "minimum": 1}}]}
    schemas["Mapping"] = details
    schemas["Spec"]["anyOf"][1] = details
    schemas["Any"] = {"anyOf": [values, details, some_ids, {}]}
    schemas["Expression"]["properties"]["$call"] = {
        "enum": [path[5:] for path in document["paths"] if path.startswith("/api/")]
    }
    schemas["Expression"]["properties"]["args"] = {**few, "items": number}
    for call, schema in schemas.items():
        if not call.endswith(".arguments"):
            continue
        for name, parameter in schema["anyOf"][0]["properties"].items():
            if name in _NAMES:
                names = {"enum": _NAMES[name]}
                parameter["anyOf"] = [names, names, names, *parameter["anyOf"]]
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter.get("name") in _NAMES and parameter["schema"].get("type") == "string":
                    names = {"enum": _NAMES[parameter["name"]]}
                    parameter["schema"] = {"anyOf": [names, parameter["schema"]]}


def _bounded(name: str, value: Any) -> Any:
    """``value`` without what legitimately takes for ever, or all memory."""
    if isinstance(value, dict):
        return {key: _bounded(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_bounded(name, item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if name in _TIMES and value > TIME_LIMIT_MS:
            return TIME_LIMIT_MS
        if name in ("n", "shape", "N", "indegree", "outdegree") and value > COUNT_LIMIT:
            return COUNT_LIMIT
    return value


def _bound(case: Case) -> None:
    call = case.path.removeprefix("/api/")
    timed = call in ("Simulate", "Run")
    if isinstance(case.query, dict):
        case.query = _bounded("", case.query)
    if not isinstance(case.body, schemathesis.core.NotSet):
        body = case.body
        if timed and isinstance(body, dict) and "args" in body:
            body = body | {"t": body["args"]}
            body = _bounded("", body)
            body["args"] = body.pop("t")
            case.body = body
        elif call == "Create" and isinstance(body, list) and len(body) > 1:
            case.body = [body[0], _bounded("n", body[1]), *body[2:]]
        else:
            case.body = _bounded("t" if timed else "", body)
    if timed and isinstance(case.query, dict) and "args" in case.query:
        case.query["args"] = _bounded("t", case.query["args"])


#: One ends the kernel, which is not to end here; the other never ends.
_LEFT_OUT = frozenset([("DELETE", "/kernel"), ("GET", "/events")])


def send(server: Server, count: int) -> Sent:
    """Send that many generated requests to ``server``, and check every reply."""
    document = server.get("/openapi.json").json()
    _named(document)
    schema = schemathesis.openapi.from_dict(document)
    operations = [
        operation
        for operation in (found.ok() for found in schema.get_all_operations())
        if (operation.method.upper(), operation.path) not in _LEFT_OUT
    ]
    sent = Sent()
    modes = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    built: dict[tuple[int, GenerationMode], Any] = {}

    @hypothesis.seed(1)
    @hypothesis.settings(
        database=None,
        deadline=None,
        max_examples=count,
        # A request that fails is no smaller for being sent many times: the state has changed.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(st.data())
    def each(data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(operations) - 1))
        mode = data.draw(st.sampled_from(modes))
        if (index, mode) not in built:
            built[index, mode] = operations[index].as_strategy(generation_mode=mode)
        case = data.draw(built[index, mode])
        _bound(case)
        try:
            reply = case.call(
                base_url=server.url,
                headers={"NESTServerAuth": server.token or ""},
                timeout=DEADLINE_S,
            )
        except (InvalidHeader, UnicodeError):
            hypothesis.reject()
        sent.statuses[reply.status_code] += 1
        sent.names[f"{case.method} {case.path}"] += 1
        try:
            case.validate_response(reply, checks=_CHECKS)
        except FailureGroup as wrong:
            said = "; ".join(str(one) for one in wrong.exceptions)
            sent.faults.append(f"{case.as_curl_command()}\n{said}\n{reply.content[:500]!r}")

    each()
    return sent


def problems(server: Server, count: int) -> list[str]:
    """Send that many requests, and return what is wrong with their answers and the server."""
    before = server.get("/").json()["generation"]
    sent = send(server, count)
    answered = sum(sent.statuses.values())
    statuses = ", ".join(
        f"{number} with {status}" for status, number in sent.statuses.most_common()
    )
    print(f"{answered} requests to {len(sent.names)} addresses: {statuses}")
    found = list(sent.faults)
    if answered < 0.9 * count or sent.statuses[200] <= 0.2 * count:
        found.append("too few requests are sent or accepted to show anything")
    # Whatever they did to the network, it is the same kernel, and still good for another.
    if server.get("/").json()["generation"] != before:
        found.append("the kernel is another one")
    server.call("ResetKernel")
    if server.call("Create", ["iaf_psc_alpha", 2]) != [1, 2]:
        found.append("the kernel has another network than it was given")
    server.call("Simulate", [10.0])
    return found


if __name__ == "__main__":
    # Its network may become anything.
    for own_server in serving():
        if wrong := problems(own_server, int(sys.argv[1])):
            sys.exit("\n\n".join(wrong))
