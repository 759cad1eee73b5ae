"""Clients as they are installed and started, on the ports that they know."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from nest_client import NESTClient
from werkzeug.exceptions import BadRequest

from tests.contract import clients
from tests.contract.steps import OPEN as WITHOUT_TOKEN
from tests.contract.steps import Case, strict
from tests.integration.servers import OPEN, Runtime, Server

#: 3.10's and NEST Desktop's, and that of the documentation.
PORTS = (52425, 5000)


@pytest.fixture(scope="module")
def on_documented_ports() -> Iterator[Server]:
    """A server on both ports, at an address of this machine that no other program uses."""
    runtime = Runtime()
    host = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{2 + secrets.randbelow(250)}"
    done = runtime.run("start", "-d", "-h", host, env=OPEN)
    assert done.returncode == 0, done.stderr
    try:
        yield Server(runtime, PORTS[0], None, host)
    finally:
        assert runtime.run("stop").returncode == 0
        left = runtime.leftovers()
        runtime.remove()
    assert left == []


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name) for case in clients.CASES if case.on == WITHOUT_TOKEN]
)
def test_clients_without_token_are_served_on_both_ports(
    on_documented_ports: Server, case: Case, port: int
) -> None:
    server = replace(on_documented_ports, port=port)
    server.call("ResetKernel")
    case.run(server)
    server.session.close()


def test_server_starts_as_nrp_core_starts_it(start: Callable[..., Server]) -> None:
    env = {"NEST_SERVER_RESTRICTION_OFF": "1", "NEST_SERVER_DISABLE_AUTH": "1"}
    server = start(env, "-o", "-h", "127.0.0.1", "-P", "python3")
    for case in clients.NRP_CORE:
        server.call("ResetKernel")
        case.run(server)


# nest-client, from the package index.


@pytest.fixture
def nest(open_server: Server) -> Iterator[Any]:
    """The client, connected."""
    client = NESTClient(open_server.url)
    yield client
    client.session.close()


def test_nest_client_runs_its_example(nest: Any) -> None:
    nest.ResetKernel()
    generator = nest.Create("poisson_generator", params={"rate": 6500.0})
    neurons = nest.Create("iaf_psc_alpha", 100)
    recorder = nest.Create("spike_recorder")
    nest.Connect(generator, neurons, syn_spec={"weight": 10.0})
    nest.Connect(neurons[::10], recorder)
    nest.Simulate(1000.0)
    count = nest.GetStatus(recorder, "n_events")[0]
    events = nest.GetStatus(recorder, keys="events")[0]
    assert count > 0
    assert len(events["times"]) == len(events["senders"]) == count
    assert set(events["senders"]) <= set(neurons[::10])
    with pytest.raises(BadRequest, match="UnknownModelName"):
        nest.Create("nope")


def test_nest_client_runs_scripts(nest: Any, tmp_path: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text("import nest\nn = nest.Create('iaf_psc_alpha', 2)\nprint('made')\n")
    assert nest.from_file(script, "n") == {"data": [1, 2], "stdout": "made\n"}
    assert nest.exec_script("a, b = 1, 2", ["a", "b"]) == {"data": {"a": 1, "b": 2}}


def test_nest_client_sends_what_the_contract_has(nest: Any, open_server: Server) -> None:
    """The rows replay its bytes; here they are compared with those that it really sends."""
    sent: list[Any] = []
    send = nest.session.send

    def record(prepared: Any, **options: Any) -> Any:
        sent.append(prepared)
        return send(prepared, **options)

    nest.session.send = record
    nest.Create("poisson_generator", 1, {"rate": 6500.0})
    nest.Create("iaf_psc_alpha")
    nest.Connect([1], [2], syn_spec={"weight": 10.0})
    recorded = clients.client("Create", ["poisson_generator", 1, {"rate": 6500.0}], {}, None)
    assert json.loads(sent[0].body) == json.loads(recorded.body)
    recorded = clients.client("Connect", [[1], [2]], {"syn_spec": {"weight": 10.0}}, None)
    assert sent[2].body == recorded.body
    theirs = {name: value for name, value in sent[0].headers.items() if name != "Content-Length"}
    assert theirs.keys() == dict(recorded.headers).keys()
    assert theirs["Accept"] == "text/plain"


# NEST Desktop.


def test_nest_desktop_can_read_default_parameters_of_every_model_it_lists(server: Server) -> None:
    for model in server.call("node_models"):
        reply = server.post("/api/GetDefaults", {"model": model})
        assert reply.status_code == 200, model
        assert strict(reply.content)["model"] == model
