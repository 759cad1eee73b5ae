"""Warnings of NEST and PyNEST reach whoever has called."""

from __future__ import annotations

import json
import time
import warnings
from typing import Any

import pytest
import requests

from nest_remote import NESTWarning
from NESTServerClient import NESTServerClient
from tests.integration.servers import DEADLINE_S, Server
from tests.integration.warned import PROGRAMS, check

_HEADER = "NEST-Warnings"
_SETUP: list[tuple[str, Any]] = [
    ("Create", ["iaf_psc_alpha", 2]),
    ("Connect", [[1], [2], "all_to_all", {"delay": 2.0}]),
]
_SCRIPT = """
import nest
a = nest.Create("iaf_psc_alpha", 2)
nest.Connect(a, a, syn_spec={"delay": 2.0})
nest.Simulate(3.0)
"""


def _post(server: Server, path: str, body: Any, **headers: str) -> requests.Response:
    return requests.post(
        f"{server.url}{path}",
        json=body,
        headers={"NESTServerAuth": server.token, **headers},
        timeout=DEADLINE_S,
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_warnings_are_plain_pynests(server: Server, name: str) -> None:
    check(server, name)


def test_filters_of_python_hold(nsc: NESTServerClient) -> None:
    for call, args in _SETUP:
        nsc.batch([(call, args)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NESTWarning, match="not an integer multiple"):
            nsc.Simulate(3.0)
        with pytest.warns(NESTWarning) as found:
            warnings.simplefilter("always")
            nsc.batch([("Run", [0.0]), ("Simulate", [3.0])][1:])
            nsc.submit("Simulate", 3.0).result()
    assert [item.filename for item in found] == [__file__] * 2


@pytest.mark.parametrize("accept", ["application/json", "application/msgpack"])
def test_header_tells_warnings(server: Server, accept: str) -> None:
    for call, args in _SETUP:
        assert _HEADER not in _post(server, f"/api/{call}", args, Accept=accept).headers
    reply = _post(server, "/api/Simulate", [3.0], Accept=accept, Origin="http://localhost")
    (told,) = json.loads(reply.headers[_HEADER])
    assert told["category"] == "NESTWarning" and "integer multiple" in told["text"]
    assert _HEADER in reply.headers.get("Access-Control-Expose-Headers", _HEADER)
    # A later call has none of it.
    assert _HEADER not in _post(server, "/api/Simulate", [4.0], Accept=accept).headers


def test_script_prints_and_tells_warnings(server: Server) -> None:
    reply = _post(server, "/exec", {"source": _SCRIPT})
    assert reply.status_code == 200, reply.text
    (told,) = json.loads(reply.headers[_HEADER])
    printed = reply.json()["stdout"]
    assert told["text"] in printed and ":5: NESTWarning" in printed
    failed = _post(server, "/exec", {"source": _SCRIPT + "1 / 0\n"})
    assert failed.status_code == 400 and _HEADER in failed.headers


def test_deprecated_call_of_a_script_is_told_and_not_printed(server: Server) -> None:
    source = "print(nest.GetStatus(nest.Create('iaf_psc_alpha'), 'V_m'))"
    reply = _post(server, "/exec", {"source": source})
    assert reply.json()["stdout"] == "(-70.0,)\n", reply.text
    (told,) = json.loads(reply.headers[_HEADER])
    assert told["category"] == "UserWarning" and "GetStatus" in told["text"]


def test_warning_of_a_script_is_printed(open_server: Server) -> None:
    source = 'import warnings\nwarnings.warn("mine")\n'
    reply = _post(open_server, "/exec", {"source": source})
    assert ":2: UserWarning: mine" in reply.json()["stdout"]
    assert _HEADER not in reply.headers


def test_job_keeps_warnings(server: Server) -> None:
    id = _post(server, "/exec", {"source": _SCRIPT}, Prefer="respond-async").json()["id"]
    give_up_s = time.monotonic() + DEADLINE_S
    while True:
        kept = server.get(f"/jobs/{id}/result")
        if kept.status_code != 202:
            break
        assert time.monotonic() < give_up_s
    assert len(json.loads(kept.headers[_HEADER])) == 1


def test_batch_says_which_call_was_warned(server: Server) -> None:
    calls = [*[[name, args] for name, args in _SETUP], ["Simulate", [3.0]]]
    reply = _post(server, "/batch", [{"call": n, "args": a} for n, a in calls])
    assert reply.status_code == 200, reply.text
    assert [told["index"] for told in json.loads(reply.headers[_HEADER])] == [2]
