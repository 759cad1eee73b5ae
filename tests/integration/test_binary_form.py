"""Arrays in the binary form, in answers and in requests."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import zstandard

from protocol.wire import json_form
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import Expression, Value
from tests.integration.servers import Server

MSGPACK = "application/x-msgpack"

_DECODERS = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


def exact(server: Server, call: str, body: Value = None) -> Value:
    """The result of a call, both ways in the binary form."""
    headers = {"Content-Type": MSGPACK, "Accept": MSGPACK}
    reply = server.request("POST", f"/api/{call}", data=Packer().pack(body), headers=headers)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, MSGPACK), reply.text
    return Unpacker().unpack(reply.content)


def test_binary_form_has_arrays_with_their_types(server: Server) -> None:
    nodes = exact(server, "Create", ["iaf_psc_alpha", 3, {"I_e": 1000.0}])
    recorder = exact(server, "Create", ["spike_recorder"])
    assert (nodes.ids.dtype, nodes.ids.tolist()) == (np.dtype(np.int64), [1, 2, 3])
    exact(server, "Connect", [nodes, recorder])
    exact(server, "Simulate", [50.0])
    (events,) = exact(server, "GetStatus", [recorder, "events"])
    assert (events["times"].dtype, events["senders"].dtype) == (np.float64, np.int64)
    assert len(events["times"]) == server.call("GetStatus", [[4], "n_events"])[0] > 0
    assert server.call("GetStatus", [[4], "events"])[0]["times"] == events["times"].tolist()


@pytest.mark.parametrize(
    "ids",
    [
        np.array([1, 3], dtype=np.int64),
        np.array([1, 3], dtype=np.uint16),
        np.array([[1, 0], [3, 0]], dtype=np.int32)[:, 0],
        [1, 3],
        Expression("NodeCollection", [[1, 3]]),
    ],
    ids=repr,
)
def test_binary_requests_may_hold_arrays_and_calls(server: Server, ids: Value) -> None:
    server.call("Create", ["iaf_psc_alpha", 3])
    exact(server, "SetStatus", [ids, {"V_m": -55.5}])
    assert server.call("GetStatus", [[1, 2, 3], "V_m"]) == [-55.5, -70.0, -55.5]
    times = np.arange(1.0, 4.0)
    made = exact(server, "Create", {"model": "spike_generator", "params": {"spike_times": times}})
    (held,) = exact(server, "GetStatus", [made, "spike_times"])
    assert np.array_equal(held, times)


def test_a_large_answer_is_the_same_in_every_form_and_encoding(server: Server) -> None:
    times = np.arange(1.0, 300_001.0) / 10.0
    exact(server, "Create", {"model": "spike_generator", "params": {"spike_times": times}})
    asked = [[1], "spike_times"]
    (held,) = exact(server, "GetStatus", asked)
    assert len(held) == len(times)
    plain = server.post("/api/GetStatus", asked)
    # It is made while it is sent, so its length is not known before.
    assert plain.headers.get("Transfer-Encoding") == "chunked"
    assert json_form.dumps([held]) == plain.content
    for accept in ("application/json", MSGPACK):
        bodies = []
        for encoding in ("identity", "gzip, identity;q=0", "zstd, identity;q=0"):
            headers = {"Accept": accept, "Accept-Encoding": encoding}
            reply = server.post("/api/GetStatus", asked, headers=headers, stream=True)
            assert reply.headers.get("Content-Encoding", "identity") == encoding.split(",")[0]
            assert "Accept-Encoding" in reply.headers["Vary"]
            # As it came: whether the client's library knows zstd is not asked.
            body = reply.raw.read(decode_content=False)
            bodies.append(_DECODERS[encoding.split(",")[0]](body))
        assert bodies[0] == bodies[1] == bodies[2]
    # Callers on this machine name gzip without thinking; for them it is slower.
    usual = server.post("/api/GetStatus", asked, headers={"Accept-Encoding": "gzip, deflate, br"})
    assert "Content-Encoding" not in usual.headers
    assert usual.content == plain.content
