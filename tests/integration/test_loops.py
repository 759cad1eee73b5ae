"""Closed loops give what the same calls give one by one, over HTTP and without the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from NESTServerClient import NESTServerClient, NESTServerError
from protocol.errors import ArgumentError
from protocol.wire.messages import Action, Operation
from tests.integration.servers import Server


@pytest.fixture(params=["http", "direct"])
def client(
    server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NESTServerClient]:
    """A client of the shared server, with an empty network."""
    if request.param == "direct":
        monkeypatch.setenv("NESTD_RUNTIME_DIR", str(server.runtime.directory))
    made = NESTServerClient("127.0.0.1", server.port, server.token)
    assert (made._transport.direct is not None) == (request.param == "direct")
    yield made
    made.close()


def build(nsc: NESTServerClient) -> dict[str, Any]:
    """A network with inputs and recorders."""
    nsc.ResetKernel()
    found = {
        "generators": nsc.Create("poisson_generator", 2),
        "neurons": nsc.Create("iaf_psc_alpha", 4),
        "spikes": nsc.Create("spike_recorder"),
        "voltages": nsc.Create("multimeter", 1, {"record_from": ["V_m"], "interval": 0.5}),
    }
    nsc.Connect(found["generators"], found["neurons"], None, {"weight": 500.0})
    nsc.Connect(found["neurons"], found["spikes"])
    nsc.Connect(found["voltages"], found["neurons"])
    return found


def test_steps_are_the_calls_that_they_stand_for(client: NESTServerClient) -> None:
    net = build(client)
    client.Prepare()
    loop = client.loop(
        [(net["generators"], "rate"), (net["neurons"], "I_e")],
        2.0,
        [net["spikes"], (net["neurons"], "V_m"), net["voltages"]],
    )
    steps = [loop([[1000.0 * (k % 3), 500.0], 100.0 * k]) for k in range(20)]
    client.Cleanup()
    everything = client.GetStatus(net["spikes"], "events")[0]
    assert loop.steps == 20

    net = build(client)
    client.Prepare()
    for k, (_, voltages, recorded) in enumerate(steps):
        client.SetStatus(net["generators"], [{"rate": 1000.0 * (k % 3)}, {"rate": 500.0}])
        client.SetStatus(net["neurons"], {"I_e": 100.0 * k})
        client.Run(2.0)
        assert tuple(client.GetStatus(net["neurons"], "V_m")) == tuple(voltages)
        # What a multimeter asks for arrives a delay later.
        assert len(recorded["times"]) == (8 if k == 0 else 16)
    client.Cleanup()
    again = client.GetStatus(net["spikes"], "events")[0]
    for column in ("times", "senders"):
        joined = np.concatenate([step[0][column] for step in steps])
        assert np.array_equal(joined, everything[column])
        assert np.array_equal(joined, again[column])
    assert len(again["times"]) > 5


def test_events_before_a_loop_are_not_new_and_a_single_step_has_its_own(
    client: NESTServerClient,
) -> None:
    net = build(client)
    client.SetStatus(net["neurons"], {"I_e": 1000.0})
    client.Prepare()
    client.Run(50.0)
    (events,) = client.step([(net["neurons"], "I_e", 2000.0)], 50.0, [net["spikes"]])
    assert len(events["times"]) > 0
    assert events["times"].min() > 50.0
    loop = client.loop([], 0.0, [int(net["spikes"][0])])
    assert len(loop()[0]["times"]) == 0
    client.Cleanup()


def test_steps_that_take_longer_than_they_may_are_counted(client: NESTServerClient) -> None:
    net = build(client)
    client.Prepare()
    hurried = client.loop([], 1.0, [net["spikes"]], deadline_ms=0.0)
    patient = client.loop([], 1.0, [net["spikes"]], deadline_ms=1e6)
    for _ in range(3):
        hurried()
        patient()
    assert (hurried.late, hurried.steps, patient.late) == (3, 3, 0)
    client.Cleanup()


def test_what_is_wrong_with_a_step_is_said_and_the_loop_goes_on(client: NESTServerClient) -> None:
    net = build(client)
    for wrong in ([net["neurons"]], [(net["neurons"], "V_m", 1.0)], [None]):
        with pytest.raises(TypeError, match="an output is"):
            client.loop([], 1.0, wrong)
    with pytest.raises(TypeError, match="an input is"):
        client.loop([net["neurons"]], 1.0, [])
    with pytest.raises(NESTServerError):
        client.loop([], 1.0, [net["neurons"][0]])
    client.Prepare()
    loop = client.loop([(net["neurons"], "I_e")], 1.0, [net["spikes"]])
    with pytest.raises(ValueError, match="0 values for 1 inputs"):
        loop()
    with pytest.raises(NESTServerError) as raised:
        loop(["much"])
    assert raised.value.index == 0
    assert len(loop([10.0])) == 1
    client.Cleanup()


@pytest.mark.parametrize("args", [[], ["x", []], [3, [[1, -1]]], [3, [[1], [1], [1]]], [3, None]])
def test_reading_of_what_is_none_is_refused(client: NESTServerClient, args: list[Any]) -> None:
    build(client)
    with pytest.raises(ArgumentError, match="a reading has the id of a recorder"):
        client._transport.execute(
            Operation(Action.READ_NEW_EVENTS, args=args), lambda item: item, lambda item: item
        )
