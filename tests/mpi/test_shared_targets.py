"""Connections to volume transmitters, of which every rank has a copy, are as on one process."""

from __future__ import annotations

import pytest

from tests.integration.servers import Server

#: As plain PyNEST answers on one thread.
SCRIPT = """
import nest
d, v = nest.Create("parrot_neuron", 3), nest.Create("volume_transmitter", 2)
p = nest.Create("parrot_neuron", 1)
nest.Connect(d, v)
c = nest.GetConnections()
counts = [len(c), len(nest.GetConnections(d[0], v[0])), len(nest.GetConnections(target=v[1]))]
rows = c.get(["source", "target"])
# No rank may wait for another here, which has none of these connections.
nest.Connect(d, p)
c[0].set(weight=3.0)
weights = list(nest.GetConnections(target=v).get("weight"))
nest.Disconnect(d[0], v[0])
counts += [len(nest.GetConnections(d[0], v[0])), len(nest.GetConnections(target=v))]
nest.Disconnect(d[1:], v, conn_spec="all_to_all")
nest.GetConnections(d[0], v[1]).disconnect()
counts += [len(nest.GetConnections(target=v)), len(nest.GetConnections())]
try:
    nest.Disconnect(d[0], v[0])
except nest.NESTErrors.InexistentConnection as error:
    counts += [str(error)]
nest.Simulate(10.0)
"""
EXPECTED = {
    "counts": [
        6,
        1,
        3,
        0,
        5,
        0,
        3,
        "Deletion of connection is not possible because it does not exist.",
    ],
    "rows": {"source": [1, 1, 2, 2, 3, 3], "target": [4, 5, 4, 5, 4, 5]},
    "weights": [3.0, 1.0, 1.0, 1.0, 1.0, 1.0],
}


@pytest.mark.parametrize("ranks", ["one_rank", "two_ranks", "four_ranks"])
def test_connection_to_a_volume_transmitter_is_one(
    ranks: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(ranks)
    reply = server.post("/exec", {"source": SCRIPT, "return": list(EXPECTED)})
    assert (reply.status_code, reply.json().get("data")) == (200, EXPECTED), reply.text


def test_caller_without_references_disconnects_on_all_ranks(two_ranks: Server) -> None:
    dopamine, transmitter = (
        two_ranks.call("Create", [model, n])
        for model, n in (("parrot_neuron", 2), ("volume_transmitter", 1))
    )
    two_ranks.call("Connect", [dopamine, transmitter])
    listing = two_ranks.call("GetConnections")
    assert listing["source"] == dopamine
    two_ranks.call("Disconnect", {"conns": {key: value[:1] for key, value in listing.items()}})
    assert two_ranks.call("GetConnections")["source"] == dopamine[1:]
