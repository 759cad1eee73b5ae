"""Scripts on several ranks: they run once, see one NEST, and no rank can get out of step."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from protocol.process.polling import poll_until
from tests.integration.pending import await_new_kernel
from tests.integration.servers import DEADLINE_S, Server, Start
from tests.sections import read_sections

TEXTS = dict(read_sections(Path(__file__).with_name("scripts.txt")))

#: Uses what differs between ranks in PyNEST: events, connections, positions, lists, branches.
SCRIPT = TEXTS["script"]
NAMES = [
    "times",
    "senders",
    "voltages",
    "rates",
    "weights",
    "where",
    "apart",
    "nearest",
    "after",
    "state",
]


def answer(server: Server, source: str, returns: Any) -> Any:
    """The answer to a script that succeeds."""
    reply = server.post("/exec", {"source": source, "return": returns})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_script_has_the_same_answers_on_1_2_and_4_ranks(
    one_rank: Server, two_ranks: Server, four_ranks: Server
) -> None:
    replies = [
        server.post("/exec", {"source": SCRIPT, "return": [*NAMES, "conns"]})
        for server in (one_rank, two_ranks, four_ranks)
    ]
    assert replies[0].status_code == 200, replies[0].text
    assert replies[0].content == replies[1].content == replies[2].content
    data = replies[0].json()["data"]
    assert sum(data["rates"]) == len(data["times"]) > 5
    assert data["times"] == sorted(data["times"])
    assert data["state"] == [4, 1, 0, 150.0]


#: As plain PyNEST gives them on one process; `null` for NaN.
APART = [
    *(0.2, 0.9**0.5, None, None),
    *(0.9, 0.3, None, None),
    *(1.8, 0.9),
    *(0.9**0.5, 0.3),
    *(None, None, None, None),
]


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_distances_of_connections_between_layers_and_to_nodes_without_place(
    one_rank: Server, two_ranks: Server, four_ranks: Server, ranks: int
) -> None:
    source = """
import nest
free = nest.spatial.free
a = nest.Create("iaf_psc_alpha", positions=free([[-.9, 0.], [0., 0.]], extent=[2., 2.]))
b = nest.Create(
    "iaf_psc_alpha", positions=free([[.9, 0.], [0., .3]], extent=[2., 2.], edge_wrap=True)
)
c = nest.Create("iaf_psc_alpha", 2)
for source, target in ((a, b), (b, a), (a, c), (c, b)):
    nest.Connect(source, target)
found = nest.GetConnections().distance
one = nest.GetConnections(a[0], b[0]).distance
none = nest.GetConnections(c, c).distance
nest.ResetKernel()
"""
    server = {1: one_rank, 2: two_ranks, 4: four_ranks}[ranks]
    data = answer(server, source, ["found", "one", "none"])["data"]
    assert data["found"] == [value if value is None else pytest.approx(value) for value in APART]
    assert data["one"] == [pytest.approx(0.2)]
    assert data["none"] == []


@pytest.mark.parametrize(
    ("source", "name", "line"),
    [
        ("1 / 0", "ZeroDivisionError", 1),
        ("import nest\nnest.Create('nope')", "UnknownModelName", 2),
        # Only the rank that owns the node can refuse this.
        ("import nest\nn = nest.Create('iaf_psc_alpha', 4)\nn[0].C_m = -1.", "BadProperty", 3),
        ("import nest\nn = nest.Create('iaf_psc_alpha', 4)\nn.nope", "KeyError", 3),
    ],
)
def test_script_error_leaves_all_ranks_in_step(
    two_ranks: Server, source: str, name: str, line: int
) -> None:
    for _ in range(3):
        reply = two_ranks.post("/exec", {"source": source})
        assert reply.status_code == 400
        assert (reply.json()["error"], reply.json()["lineNumber"]) == (name, line)
    created = two_ranks.call("Create", ["iaf_psc_alpha", 2])
    assert two_ranks.call("GetStatus", [created, "V_m"]) == [-70.0, -70.0]
    two_ranks.call("Simulate", [10.0])


def test_error_on_one_rank_can_be_caught_by_the_script(two_ranks: Server) -> None:
    source = """
import nest
n = nest.Create("iaf_psc_alpha", 4)
caught = []
for i in range(4):
    try:
        n[i].C_m = -1.
    except nest.NESTErrors.BadProperty as error:
        caught.append(str(error))
nest.Simulate(10.)
t = nest.biological_time
"""
    data = answer(two_ranks, source, ["caught", "t"])["data"]
    assert len(data["caught"]) == 4
    assert data["t"] == 10.0


def test_nodes_are_the_same_on_all_ranks_after_one_refused_to_create_some(
    two_ranks: Server,
) -> None:
    source = """
import nest
refused = 0
for i in range(3):
    nest.ResetKernel()
    try:
        nest.Create("gif_psc_exp", params={"lambda_0": -1.})
    except nest.NESTErrors.BadProperty as error:
        refused += 1
    n = nest.Create("iaf_psc_alpha", 4)
    m = nest.random.uniform(1., 2.) + i
    n.set(V_m=m)
ids = n.tolist()
v = n.get("V_m")
"""
    data = answer(two_ranks, source, ["refused", "ids", "v"])["data"]
    # NEST keeps a node whose parameters it refuses.
    assert (data["refused"], data["ids"]) == (3, [2, 3, 4, 5])
    assert all(3.0 <= value <= 4.0 for value in data["v"])


def test_rank_that_diverges_in_a_script_is_named_and_the_kernel_comes_back(start: Start) -> None:
    server = start(None, "-n", "2")
    source = "import nest\nprint('so far')\nh = nest.Create('aeif_cond_alpha', 2)\n"
    source += "h[0].I_e = 1e12\nnest.Simulate(100.)"
    old = server.get("/").json()["generation"]
    reply = server.post("/exec", {"source": source})
    assert reply.status_code == 500
    assert reply.json()["error"] == "NumericalInstability"
    assert reply.json()["ranks"] == [1]
    await_new_kernel(server, old)
    assert answer(server, "a = 1", "a") == {"data": 1}


def test_endless_script_is_ended_and_the_network_of_all_ranks_is_there(two_ranks: Server) -> None:
    nodes = two_ranks.call("Create", ["iaf_psc_alpha", 4])
    replies: list[Any] = []

    def ask() -> None:
        own = Server(two_ranks.runtime, two_ranks.port, two_ranks.token)
        source = "import nest\nn = nest.GetNodes()\nwhile True:\n    n.V_m = -60."
        replies.append(own.post("/exec", {"source": source}))
        own.session.close()

    asking = threading.Thread(target=ask)
    asking.start()
    assert poll_until(lambda: two_ranks.request("DELETE", "/exec").json()["ended"], DEADLINE_S)
    asking.join(DEADLINE_S)
    assert replies[0].json()["error"] == "ScriptEnded"
    values = two_ranks.call("GetStatus", [nodes, "V_m"])
    assert len(set(values)) == 1
    two_ranks.call("Simulate", [10.0])


def test_scripts_have_nothing_of_mpi_in_them(start: Start) -> None:
    server = start({"NEST_SERVER_DISABLE_RESTRICTION": "1"}, "-n", "2")
    source = "import os, sys\ne = sorted(os.environ)\nm = 'mpi4py' in sys.modules\n"
    source += (
        "maps = open('/proc/self/maps').read()\nlib = 'libmpi' in maps or 'nestkernel' in maps"
    )
    data = answer(server, source, ["e", "m", "lib"])["data"]
    assert (data["m"], data["lib"]) == (False, False)
    assert not [name for name in data["e"] if name.startswith(("OMPI", "PMI", "NEST"))]
