"""What known clients send over the wire, and what they read of the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.integration.servers import DEADLINE_S, Runtime, Server, start_server

DESKTOP = "http://localhost:54286"


@pytest.fixture(scope="module")
def unprotected() -> Iterator[Server]:
    """A server without authentication, as clients that know no token need it."""
    runtime = Runtime()
    server = start_server(runtime, {"NEST_SERVER_DISABLE_AUTH": "1"})
    try:
        yield server
    finally:
        server.stop()
        left = runtime.leftovers()
        runtime.remove()
    assert left == []


def strict(text: str) -> Any:
    """``text`` as the strictest of JSON parsers reads it: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


# NEST Desktop.


def as_desktop(server: Server, method: str, path: str, body: Any = None) -> requests.Response:
    """A request of NEST Desktop: what its axios in a browser adds."""
    headers = {
        "Accept": "application/json, text/plain, */*",
        "Origin": DESKTOP,
        "Referer": DESKTOP + "/",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Site": "same-site",
        "NESTServerAuth": server.token or "",
    }
    reply = requests.request(
        method, server.url + path, json=body, headers=headers, timeout=DEADLINE_S
    )
    assert reply.headers["Access-Control-Allow-Origin"] == DESKTOP
    return reply


def test_nest_desktop_recognises_the_server(server: Server) -> None:
    reply = as_desktop(server, "GET", "/")
    assert reply.status_code == 200
    assert "nest" in reply.json()


def test_nest_desktop_reads_two_bare_lists_of_models(server: Server) -> None:
    reply = as_desktop(
        server, "POST", "/api/GetKernelStatus", {"keys": ["node_models", "synapse_models"]}
    )
    assert reply.status_code == 200
    nodes, synapses = reply.json()
    assert "iaf_psc_alpha" in nodes
    assert "static_synapse" in synapses


def test_nest_desktop_resets_with_get(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    reply = as_desktop(server, "GET", "/api/ResetKernel")
    assert (reply.status_code, reply.json()) == (200, None)
    assert server.call("GetNodes") == []


def test_nest_desktop_reads_the_message_when_a_module_is_missing(server: Server) -> None:
    reply = as_desktop(server, "POST", "/api/Install", {"module_name": "nestmlmodule"})
    assert reply.status_code == 400
    assert "Install" in reply.json()["message"]


def test_nest_desktop_reads_default_parameters_of_every_model_it_lists(server: Server) -> None:
    for model in server.call("node_models"):
        reply = as_desktop(server, "POST", "/api/GetDefaults", {"model": model})
        assert reply.status_code == 200, model
        assert strict(reply.text)["model"] == model


@pytest.mark.parametrize("path", ["/", "/api/GetKernelStatus", "/api/ResetKernel", "/api/Install"])
def test_preflight_of_nest_desktop_is_granted(server: Server, path: str) -> None:
    headers = {
        "Origin": DESKTOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,nestserverauth",
    }
    reply = requests.options(server.url + path, headers=headers, timeout=DEADLINE_S)
    assert reply.status_code == 200
    assert reply.headers["Access-Control-Allow-Origin"] == DESKTOP
    assert reply.headers["Access-Control-Allow-Headers"] == "content-type,nestserverauth"
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]


# nest-client and tvb-multiscale.


class NestClient:
    """What nest-client does: every call is an object, results are read at 200, text at 400."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __getattr__(self, call: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            body = kwargs | ({"args": list(args)} if args else {})
            headers = {"Content-type": "application/json", "Accept": "text/plain"}
            reply = requests.post(
                f"{self.url}/api/{call}", json=body, headers=headers, timeout=DEADLINE_S
            )
            if reply.status_code == 200:
                return reply.json()
            assert reply.status_code == 400
            raise ValueError(reply.text)

        return method


def test_nest_client_runs_its_example_without_a_token(unprotected: Server) -> None:
    nest = NestClient(unprotected.url)
    nest.ResetKernel()
    generator = nest.Create("poisson_generator", params={"rate": 6500.0})
    neurons = nest.Create("iaf_psc_alpha", 100)
    recorder = nest.Create("spike_recorder")
    nest.Connect(generator, neurons, syn_spec={"weight": 10.0})
    nest.Connect(neurons[::10], recorder)
    nest.Simulate(100.0)
    count = nest.GetStatus(recorder, "n_events")[0]
    events = nest.GetStatus(recorder, keys="events")[0]
    assert count > 0
    assert len(events["times"]) == len(events["senders"]) == count
    assert set(events["senders"]) <= set(neurons[::10])
    with pytest.raises(ValueError, match="UnknownModelName"):
        nest.Create("nope")


# nrp-core.


def as_nrp_core(server: Server, call: str, body: str = "") -> Any:
    """Text as nrp-core sends it, with its content types; anything but 200 is a failure there."""
    kind = "application/json" if body else "text/plain"
    reply = requests.post(
        f"{server.url}/api/{call}",
        data=body,
        headers={"Content-Type": kind, "Content-Length": str(len(body))},
        timeout=DEADLINE_S,
    )
    assert reply.status_code == 200, reply.text
    return strict(reply.text)


def test_nrp_core_steps_reads_and_sets(unprotected: Server) -> None:
    assert as_nrp_core(unprotected, "ResetKernel") is None
    assert as_nrp_core(unprotected, "GetKernelStatus", '["resolution"]') == 0.1
    assert as_nrp_core(unprotected, "Create", '["iaf_psc_alpha", 2]') == [1, 2]
    assert as_nrp_core(unprotected, "Create", '["spike_recorder"]') == [3]
    assert as_nrp_core(unprotected, "Connect", "[[1, 2], [3]]") is None
    currents = '{"args": [[1,2]], "params": {"I_e": 1000.0}}'
    assert as_nrp_core(unprotected, "SetStatus", currents) is None
    assert as_nrp_core(unprotected, "Simulate", "[20.000000]") is None
    assert as_nrp_core(unprotected, "biological_time") == 20.0
    status = as_nrp_core(unprotected, "GetStatus", '{"args": [[1,2,3]]}')
    assert [node["model"] for node in status] == ["iaf_psc_alpha"] * 2 + ["spike_recorder"]
    assert [node["I_e"] for node in status[:2]] == [1000.0, 1000.0]
    events = status[2]["events"]
    assert len(events["times"]) == status[2]["n_events"] == 6
    assert sorted(events["senders"]) == [1, 1, 1, 2, 2, 2]


# nest-jsclient and the JavaScript of the documentation.


def test_javascript_may_send_response_headers_as_request_headers(unprotected: Server) -> None:
    headers = {
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "OPTIONS,POST,GET",
        "Content-Type": "application/json;charset=UTF-8",
        "Origin": "http://localhost:8000",
    }
    names = ",".join(name.lower() for name in headers if name != "Origin")
    preflight = requests.options(
        unprotected.url + "/api/Create",
        headers={
            "Origin": headers["Origin"],
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": names,
        },
        timeout=DEADLINE_S,
    )
    assert preflight.headers["Access-Control-Allow-Headers"] == names
    unprotected.call("ResetKernel")
    reply = requests.post(
        unprotected.url + "/api/Create",
        data='{"model":"iaf_psc_alpha","n":2}',
        headers=headers,
        timeout=DEADLINE_S,
    )
    assert (reply.status_code, reply.text) == (200, "[1,2]")
    assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:8000"


# The documentation's bash.

#: Call, text after ``curl -d``, printed answer.
BASH = [
    ("ResetKernel", "", "null"),
    ("Create", '{"model": "iaf_psc_alpha", "n": 2}', "[1,2]"),
    ("Create", '{"model": "poisson_generator", "params": {"rate": 6500.0}}', "[3]"),
    ("Create", '{"model": "spike_recorder"}', "[4]"),
    ("Connect", '{"pre": [3], "post": [1,2], "syn_spec": {"weight": 10.0}}', "null"),
    ("Connect", '{"pre": [1,2], "post": [4]}', "null"),
    ("Simulate", '{"t": 1000.0}', "null"),
]


@pytest.mark.parametrize("header", ["NESTServerAuth", "Authorization"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_documented_bash_prints_one_positive_number(server: Server, header: str, kind: str) -> None:
    token = {header: f"Bearer {server.token}" if header == "Authorization" else server.token}

    def curl(call: str, data: str) -> str:
        reply = requests.post(
            f"{server.url}/api/{call}",
            data=data,
            headers={"Content-Type": kind, "User-Agent": "curl/7.88.1", "Accept": "*/*"} | token,
            timeout=DEADLINE_S,
        )
        assert reply.status_code == 200, reply.text
        return reply.text

    for call, data, answer in BASH:
        assert curl(call, data) == answer
    (count,) = strict(curl("GetStatus", '{"nodes": [4], "keys": "n_events"}'))
    assert count > 0
