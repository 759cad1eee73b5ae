"""Calls and bodies that want more memory than there is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from tests.system.attacks.memory import (
    MEMORY_MIB,
    REFUSED_S,
    MemoryWatch,
    packed_lists,
    processor_s,
)
from tests.system.attacks.targets import Target

DEFAULT = {"weight": 1.0}
#: Calls that ask for more than a kernel may have: ``name, body``, of which the last is refused.
GREEDY: dict[str, list[tuple[str, Any]]] = {
    "neurons": [("Create", ["iaf_psc_alpha", 2**31])],
    "neurons, but fewer": [("Create", ["iaf_psc_alpha", 10**8])],
    "neurons of conductances": [("Create", ["hh_psc_alpha_gap", 3 * 10**7])],
    "neurons by more than there are numbers": [("Create", ["iaf_psc_alpha", 2**62])],
    "recorders": [("Create", ["multimeter", 5 * 10**7])],
    "generators": [("Create", ["poisson_generator", 10**8])],
    "channels of a correlation": [
        ("Create", ["correlospinmatrix_detector", 1, {"N_channels": 10**6}])
    ],
    "channels of a correlation as a default": [
        ("SetDefaults", ["correlospinmatrix_detector", {"N_channels": 10**6}]),
        ("Create", ["correlospinmatrix_detector"]),
    ],
    "channels of a correlation matrix": [
        ("Create", ["correlomatrix_detector", 1, {"N_channels": 10**6}])
    ],
    "length of a correlation": [
        ("Create", ["correlation_detector", 1, {"tau_max": 1e9, "delta_tau": 0.1}])
    ],
    "length of a correlation matrix": [
        ("Create", ["correlomatrix_detector", 1, {"tau_max": 1e9, "delta_tau": 0.1}])
    ],
    "length of a spin correlation": [
        ("Create", ["correlospinmatrix_detector", 1, {"tau_max": 1e9, "delta_tau": 0.1}])
    ],
    "connections": [("Create", ["parrot_neuron", 10**6]), ("Connect", [{"$n": 6}, {"$n": 6}])],
    "connections of plasticity": [
        ("Create", ["parrot_neuron", 10**4]),
        ("Connect", [{"$n": 4}, {"$n": 4}, "all_to_all", {"synapse_model": "stdp_synapse"}]),
    ],
    "delays": [
        ("Create", ["iaf_psc_alpha", 100]),
        ("Connect", [[1], [2], "one_to_one", {"delay": 1e9, "weight": 1.0}]),
        ("Simulate", [1.0]),
    ],
    "positions of a grid": [
        (
            "Create",
            {
                "model": "iaf_psc_alpha",
                "positions": {"$call": "spatial.grid", "args": [[20000, 20000]]},
            },
        )
    ],
    "threads": [("SetKernelStatus", [{"local_num_threads": 10**6}])],
    "virtual processes": [("SetKernelStatus", [{"total_num_virtual_procs": 10**6}])],
    "buffers": [("SetKernelStatus", [{"buffer_size_target_data": 2**40}])],
    "buffers of spikes": [
        ("SetKernelStatus", [{"spike_buffer_grow_extra": 1e12, "buffer_size_spike_data": 2**40}])
    ],
    "models of synapses": [("SetKernelStatus", [{"max_num_syn_models": 2**40}])],
    "receptors": [
        ("Create", ["iaf_psc_exp_multisynapse", 1000, {"tau_syn": [2.0] * 100_000}]),
    ],
    "compartments": [
        ("Create", ["gif_pop_psc_exp", 10, {"len_kernel": 2**31 - 1}]),
        ("Simulate", [1.0]),
    ],
    "history of a generator": [
        ("Create", ["gamma_sup_generator", 1000, {"gamma_shape": 10**6}]),
        ("Simulate", [1.0]),
    ],
    "rates of dead times": [
        ("Create", ["ppd_sup_generator", 100, {"dead_time": 1e9, "n_proc": 1}]),
        ("Simulate", [1.0]),
    ],
}


def filled(body: Any) -> Any:
    """Return arguments with lists of so many nodes."""
    if isinstance(body, list):
        return [filled(entry) for entry in body]
    if isinstance(body, dict) and set(body) == {"$n"}:
        return list(range(1, 10 ** body["$n"] + 1))
    return body


@pytest.mark.parametrize("name", GREEDY)
def test_greed_is_refused_and_the_network_stays(target: Target, name: str) -> None:
    target.ready()
    target.server.call("Create", ["iaf_psc_alpha", 3])
    generation = target.generation()
    *before, last = GREEDY[name]
    with MemoryWatch(target).watching() as memory:
        for call, body in before:
            target.server.post(f"/api/{call}", filled(body))
        size = target.server.call("network_size")
        began = processor_s(target)
        reply = target.server.post(f"/api/{last[0]}", filled(last[1]))
        took_s = processor_s(target) - began
    assert target.silence(generation) == [], (reply.text[:300], memory.most_mib)
    assert reply.status_code in (200, 400, 413), reply.text
    assert memory.most_mib < MEMORY_MIB
    if reply.status_code == 400:
        # PyNEST makes nodes before it sets their parameters.
        made = last[1][1] if last[0] == "Create" and len(last[1]) == 3 else 0
        assert target.server.call("network_size") in (size, size + made)
        assert took_s < REFUSED_S


def test_greed_of_finding_m1(target: Target) -> None:
    target.ready()
    target.server.call("Create", ["iaf_psc_alpha", 3])
    generation = target.generation()
    with MemoryWatch(target).watching() as memory:
        began = time.monotonic()
        reply = target.server.post("/api/Create", ["iaf_psc_alpha", 2**31])
    assert reply.status_code == 400, reply.text
    assert "MemoryError" in reply.text
    assert time.monotonic() - began < 5.0
    assert memory.most_mib < MEMORY_MIB
    assert target.generation() == generation
    assert target.server.call("network_size") == 3


# Bodies that are small and become much.


EXACT = "application/x-msgpack"
JSON = "application/json"
#: Type of the body, and the body.
BODIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "16 million empty lists": (EXACT, lambda: packed_lists(16 << 20)),
    "16 million empty maps": (EXACT, lambda: packed_lists(16 << 20).replace(b"\x90", b"\x80")),
    "16 million nothings": (EXACT, lambda: packed_lists(16 << 20).replace(b"\x90", b"\xc0")),
    "lists in lists": (EXACT, lambda: b"\x91" * 10**6 + b"\x90"),
    "map of many keys": (
        EXACT,
        lambda: msgpack.packb({"params": {str(n): [] for n in range(10**6)}}),
    ),
    "list that announces four billion": (EXACT, lambda: b"\xdd\xff\xff\xff\xff\x90"),
    "map that announces four billion": (EXACT, lambda: b"\xdf\xff\xff\xff\xff\xa1a\x90"),
    "bytes that announce four billion": (EXACT, lambda: b"\xc6\xff\xff\xff\xff\x90"),
    "extension that announces four billion": (EXACT, lambda: b"\xc9\xff\xff\xff\xff\x01\x90"),
    "JSON of 8 million lists": (JSON, lambda: b"[" + b"[]," * (5 << 20) + b"[]]"),
    "JSON of maps": (JSON, lambda: b"[" + b"{}," * (5 << 20) + b"{}]"),
    "JSON of lists in lists": (JSON, lambda: b"[" * 10**6 + b"]" * 10**6),
    "JSON of maps in maps": (JSON, lambda: b'{"a":' * 10**6 + b"1" + b"}" * 10**6),
    "number of a million digits": (JSON, lambda: b"[" + b"9" * 10**6 + b"]"),
    "form of a million fields": (
        "application/x-www-form-urlencoded",
        lambda: b"&".join(b"a%d=1" % n for n in range(10**6)),
    ),
}


#: Where they go: those that are the worst also to the others' addresses.
ADDRESSES = [
    *((name, "/api/SetKernelStatus") for name in BODIES),
    ("16 million empty lists", "/operation"),
    ("16 million empty maps", "/batch"),
    ("lists in lists", "/operation"),
    ("lists in lists", "/release"),
    ("JSON of 8 million lists", "/batch"),
    ("JSON of lists in lists", "/exec"),
]


@pytest.mark.parametrize(("name", "path"), ADDRESSES)
def test_bodies_become_no_more_than_they_are(target: Target, name: str, path: str) -> None:
    kind, make = BODIES[name]
    body = make()
    target.ready()
    generation = target.generation()
    with MemoryWatch(target).watching() as memory:
        before_mib, began = memory.most_mib, processor_s(target)
        headers = {"Content-Type": kind}
        reply = target.server.request("POST", path, data=body, headers=headers)
        took_s = processor_s(target) - began
    assert reply.status_code in (400, 404, 413, 415), reply.text[:300]
    assert target.silence(generation) == []
    assert took_s < REFUSED_S
    assert memory.most_mib - before_mib < 500
