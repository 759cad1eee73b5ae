"""Arguments that are larger than what a server takes in one request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests

import nest_remote
from nest_remote import NESTServerError
from NESTServerClient import NESTServerClient
from tests.integration.servers import DEADLINE_S, OPEN, Server


def test_the_error_names_the_argument_and_the_setting(start: Callable[..., Server]) -> None:
    server = start({"NEST_SERVER_BODY_LIMIT_MIB": "1", "NEST_SERVER_PARTS_MIB": "1"})
    nest_remote.connect(server.url, token=server.token)
    nsc = NESTServerClient("127.0.0.1", server.port, server.token)
    nodes = nsc.Create("iaf_psc_alpha", 400)
    other = nest_remote.NodeCollection(nodes.tolist())
    weights = np.ones((400, 400))
    asked: dict[str, Callable[[], Any]] = {
        "argument 4['weight'], a float64 array of shape (400, 400), takes 1 MiB": lambda: (
            nest_remote.Connect(other, other, "all_to_all", {"weight": weights})
        ),
        "of which syn_spec['weight'], a float64 array": lambda: nsc.Connect(
            nodes, nodes, "all_to_all", syn_spec={"weight": weights}
        ),
        "of which argument 2['spike_times'], a list, takes 2 MiB": lambda: nsc.SetDefaults(
            "spike_generator", {"spike_times": [1.0] * 200_000}
        ),
        "batch: its arguments take 1 MiB": lambda: nsc.batch(
            [
                ("GetKernelStatus",),
                ("SetDefaults", ["spike_generator", {"spike_times": weights[0:350].ravel()}]),
            ]
        ),
        "SetDefaults: its arguments take": lambda: nsc.submit(
            "SetDefaults", "spike_generator", {"spike_times": weights.ravel()}
        ),
    }
    for words, ask in asked.items():
        with pytest.raises(NESTServerError) as caught:
            ask()
        assert all(part in str(caught.value) for part in words.split(".*")), str(caught.value)
        assert "NEST_SERVER_PARTS_MIB" in str(caught.value)
        assert (caught.value.status, caught.value.error_name) == (413, "RequestTooLarge")
    nsc.close()
    nest_remote.disconnect()


SMALL = {"NEST_SERVER_BODY_LIMIT_MIB": "1", "NEST_SERVER_PARTS_MIB": "16"}


@pytest.fixture(params=[{}, OPEN], ids=["token", "open"])
def server(request: pytest.FixtureRequest, start: Callable[..., Server]) -> Server:
    """A server with a small limit for one request."""
    found: Server = start(request.param | SMALL)
    return found


def test_arguments_over_the_limit_go_in_parts(server: Server) -> None:
    nest_remote.connect(server.url, token=server.token)
    nsc = NESTServerClient("127.0.0.1", server.port, server.token)
    random = np.random.default_rng(1)
    nodes = nest_remote.Create("iaf_psc_alpha", 400)
    weights = random.normal(size=(400, 400))
    times = np.arange(1.0, 300_001.0)
    try:
        nest_remote.Connect(nodes, nodes, "all_to_all", {"weight": weights})
        found = nest_remote.GetConnections()
        given = np.zeros((400, 400))
        columns = found.get(["source", "target", "weight"])
        given[np.array(columns["target"]) - 1, np.array(columns["source"]) - 1] = columns["weight"]
        # As PyNEST has it: a row for each target.
        assert np.array_equal(given, weights)
        nsc.SetDefaults("spike_generator", {"spike_times": times.tolist()})
        assert np.array_equal(nsc.GetDefaults("spike_generator", "spike_times"), times)
        job = nest_remote.submit("SetDefaults", "spike_generator", {"spike_times": times + 1})
        job.result()
        assert nest_remote.GetDefaults("spike_generator", "spike_times")[-1] == times[-1] + 1
        answers = nsc.batch(
            [
                ("GetKernelStatus", ["network_size"]),
                ("Create", ["spike_generator", 2]),
                ("SetStatus", [[401], {"spike_times": (times + 2).tolist()}]),
            ]
        )
        assert answers[0] == 400
        script = f"x = {times.tolist()!r}"
        assert nsc.exec_script(script, "x")["data"][-1] == times[-1]
    finally:
        nsc.close()
        nest_remote.disconnect()


def test_unfinished_bodies_go_with_their_client(server: Server) -> None:
    header = {"NESTServerAuth": server.token or "x"}

    def part(client: str, size: int) -> requests.Response:
        address = f"{server.url}/clients/{client}/parts/b?size={size}&at=0"
        return requests.put(address, b"x" * 1000, headers=header, timeout=DEADLINE_S)

    assert part("gone", 15 << 20).status_code == 200
    refused = part("here", 15 << 20)
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert server.request("DELETE", "/clients/gone").status_code == 200
    assert part("here", 15 << 20).status_code == 200
    reply = requests.post(
        f"{server.url}/operation",
        b"",
        headers=header | {"X-Client-ID": "here", "X-Body-Parts": "b"},
        timeout=DEADLINE_S,
    )
    assert (reply.status_code, "not all here" in reply.text) == (400, True), reply.text
