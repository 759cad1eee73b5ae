"""One rank raises in a call in which ranks wait for each other inside NEST.

Natural mistakes, after which the network lives, and faults of the test in calls that leave others
waiting (``nestd/call_traits.py``): the answer names them, and the kernel is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nestd.call_traits import TRAITS
from tests.integration.pending import await_new_kernel
from tests.integration.servers import Server, serving

#: In which an answer has to come, whatever one rank did.
SOON_S = 5.0


@pytest.fixture(scope="module", params=[2, 4])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server whose rank 1 raises on request."""
    faulty = str(Path(__file__).with_name("faulty"))
    yield from serving({"PYTHONPATH": faulty}, "-n", str(request.param))


#: A script that makes a mistake which one rank alone notices, and the error of one process.
MISTAKES = {
    "TripartiteConnect": (
        """
a, q = nest.Create("astrocyte_lr_1994"), nest.Create("aeif_cond_alpha_astro", 2)
nest.TripartiteConnect(q[0], q[1], a, {"rule": "one_to_one"},
                       {"rule": "third_factor_bernoulli_with_pool", "p": 1.0})
""",
        "IllegalConnection",
    ),
    "TripartiteConnect with pairs of other ranks": (
        """
a, p, q = (nest.Create(*c) for c in [("astrocyte_lr_1994", 3), ("aeif_cond_alpha_astro", 8),
                                     ("aeif_cond_alpha_multisynapse", 1)])
nest.TripartiteConnect(p, p + q, a, {"rule": "pairwise_bernoulli", "p": 0.9},
                       {"rule": "third_factor_bernoulli_with_pool", "p": 1.0},
                       {"third_out": "sic_connection"})
""",
        "IncompatibleReceptorType",
    ),
    "Connect that returns connections": (
        """
p, q = nest.Create("iaf_psc_alpha", 8), nest.Create("aeif_cond_alpha_multisynapse")
nest.Connect(p, p + q, syn_spec={"receptor_type": 0}, return_synapsecollection=True)
""",
        "IncompatibleReceptorType",
    ),
    "spatial Connect": (
        """
l = nest.Create("iaf_psc_alpha", positions=nest.spatial.free(
    [[0.0, 0.0], [0.1, 0.0], [0.2, 0.1], [0.1, 0.1], [9.0, 9.0]], extent=[30.0, 30.0]))
nest.Connect(l, l, {"rule": "fixed_indegree", "indegree": 2, "allow_autapses": False,
                    "mask": {"circular": {"radius": 0.5}}}, return_synapsecollection=True)
""",
        "KernelException",
    ),
    "spatial Connect with random numbers of all ranks": (
        """
l = nest.Create("iaf_psc_alpha", positions=nest.spatial.free(
    [[0.0, 0.0], [0.1, 0.0], [0.2, 0.1], [0.1, 0.1]], extent=[30.0, 30.0]))
q = nest.Create("aeif_cond_alpha_multisynapse", positions=nest.spatial.free(
    [[0.0, 0.0], [9.0, 9.0]], extent=[30.0, 30.0]))
nest.Connect(l, q, {"rule": "pairwise_bernoulli", "p": 1.0, "mask": {"circular": {"radius": 1.0}}},
             {"weight": nest.random.uniform()}, return_synapsecollection=True)
""",
        "IncompatibleReceptorType",
    ),
    "Create after Connect": (
        """
p = nest.Create("iaf_psc_alpha", 4)
nest.Connect(p, p)
nest.Create("iaf_psc_alpha", 2, {"C_m": [250.0, -1.0]})
""",
        "BadProperty",
    ),
    "SetStatus of connections after Connect": (
        """
p = nest.Create("iaf_psc_alpha", 4)
c = nest.Connect(p, p, return_synapsecollection=True)
nest.Connect(p, p)
nest.GetConnections(p[0], p[0])
nest.Connect(p, p)
c[0].set(delay=-1.0)
""",
        "BadDelay",
    ),
    "Disconnect": (
        """
p = nest.Create("iaf_psc_alpha", 4)
nest.Connect(p, p, "one_to_one")
nest.Disconnect(p[0], p[1])
""",
        "InexistentConnection",
    ),
    "Disconnect with structural plasticity": (
        """
nest.structural_plasticity_synapses = {"s": {
    "synapse_model": "static_synapse", "pre_synaptic_element": "A", "post_synaptic_element": "D"}}
e = {"growth_curve": "gaussian", "growth_rate": 0.1, "continuous": False, "eta": 0.0, "eps": 0.1,
     "z": 0.0}
p = nest.Create("iaf_psc_alpha", 4, {"synaptic_elements": {"A": dict(e), "D": dict(e)}})
nest.EnableStructuralPlasticity()
nest.Simulate(10.0)
nest.Connect(p[0], p[1])
nest.Disconnect(p[2], p[3], conn_spec="one_to_one", syn_spec="static_synapse")
""",
        "InexistentConnection",
    ),
    "Connect with random numbers of all ranks": (
        """
q, p = nest.Create("aeif_cond_alpha_multisynapse"), nest.Create("iaf_psc_alpha", 20)
nest.Connect(p, q + p, {"rule": "fixed_total_number", "N": 100}, {"receptor_type": 0})
""",
        "IncompatibleReceptorType",
    ),
}

#: Arguments of calls in which rank 1 raises before NEST has them; others take none.
ARGUMENTS: dict[str, list[Any]] = {
    "GetNodes": [{"model": "iaf_psc_alpha"}],
    "SelectNodesByMask": [
        [1, 2, 3, 4],
        [0.0, 0.0],
        {"$call": "CreateMask", "args": ["circular", {"radius": 1.0}]},
    ],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_network_lives_after_a_mistake_of_one_rank(server: Server, mistake: str) -> None:
    source, error = MISTAKES[mistake]
    generation = server.connection_info()["generation"]
    server.call("ResetKernel")
    began = time.monotonic()
    reply = server.post("/exec", {"source": f"import nest\n{source}"})
    assert time.monotonic() - began < SOON_S
    assert (reply.status_code, reply.json().get("error")) == (400, error), reply.text
    # What has all ranks meet again, once for each kind of meeting.
    assert server.call("GetKernelStatus", ["network_size"]) == server.call("network_size")
    server.call("GetConnections")
    server.call("Simulate", [10.0])
    assert server.call("biological_time") >= 10.0
    assert server.connection_info()["generation"] == generation


#: One call for each way through NEST; each costs a kernel.
STRANDING = ["GetConnections", "GetKernelStatus", "GetNodes", "SelectNodesByMask", "SyncProcesses"]


def test_calls_that_leave_others_waiting_are_in_the_table() -> None:
    assert all(TRAITS[call].strands_others for call in [*STRANDING, *ARGUMENTS])


@pytest.mark.parametrize("call", STRANDING)
def test_rank_that_others_wait_for_is_named_and_the_kernel_replaced(
    server: Server, call: str
) -> None:
    if server.get("/").json()["ranks"] > 2 and call != "GetConnections":
        return  # What ends the wait is the same for any number of ranks.
    generation = server.connection_info()["generation"]
    server.call("ResetKernel")
    places = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [0.2, 0.0]]
    positions = {"$call": "spatial.free", "args": [places], "kwargs": {"extent": [3.0, 3.0]}}
    nodes = server.call("Create", {"model": "iaf_psc_alpha", "positions": positions})
    server.call("Connect", [nodes, nodes])
    server.call("message", [f"fault {call}"])
    began = time.monotonic()
    reply = server.post(f"/api/{call}", ARGUMENTS.get(call, []))
    assert time.monotonic() - began < SOON_S
    said = reply.json()
    assert said["ranks"] == [1]
    assert said["error"] == "ValueError"
    assert reply.status_code == 500
    assert "the network is lost" in said["message"]
    assert await_new_kernel(server, generation) != generation
