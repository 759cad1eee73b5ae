"""The documentation's first calls, over real HTTP, against real NEST."""

from __future__ import annotations

from NESTServerClient import NESTServerClient
from tests.integration.servers import Server


def test_documented_sequence_of_calls_counts_spikes(server: Server) -> None:
    server.call("Create", {"model": "iaf_psc_alpha", "n": 2})
    server.call("Create", {"model": "poisson_generator", "params": {"rate": 6500.0}})
    server.call("Create", {"model": "spike_recorder"})
    server.call("Connect", {"pre": [3], "post": [1, 2], "syn_spec": {"weight": 10.0}})
    server.call("Connect", {"pre": [1, 2], "post": [4]})
    server.call("Simulate", {"t": 1000.0})
    events = server.call("GetStatus", {"nodes": [4], "keys": "n_events"})
    assert len(events) == 1
    assert events[0] > 0


def test_documented_client_session_with_1000_neurons(server: Server) -> None:
    nsc = NESTServerClient("127.0.0.1", server.port, server.token)
    pg = nsc.Create("poisson_generator", params={"rate": 6500.0})
    neurons = nsc.Create("iaf_psc_alpha", 1000)
    sr = nsc.Create("spike_recorder")
    nsc.Connect(pg, neurons, syn_spec={"weight": 10.0})
    nsc.Connect(neurons[::10], sr)
    nsc.Simulate(100.0)
    assert nsc.GetStatus(sr, "n_events")[0] > 0
    nsc.close()
