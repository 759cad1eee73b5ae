"""What a caller, a gateway and a script's process send to end or fill others: errors for them."""

from __future__ import annotations

import struct
import time

import msgpack
import zmq

from protocol.wire import frames
from protocol.wire.messages import Action, Command, Failure, Operation, Result
from tests.integration.servers import DEADLINE_S, Server

MSGPACK = {"Content-Type": "application/x-msgpack"}
COUNT = 16 * 2**20

#: A script that writes to its socket to nestd by itself, as one that has escaped would.
ANNOUNCES = """
import os, struct, time
os.write(3, struct.pack("<IQ", 1, {length}))
time.sleep(60)
"""


def generation(server: Server) -> str:
    return str(server.get("/").json()["generation"])


def test_body_of_empty_lists_is_refused_at_once(server: Server) -> None:
    before = generation(server)
    for item in (b"\x90", b"\x80"):
        began_s = time.monotonic()
        body = b"\xdd" + struct.pack(">I", COUNT) + item * COUNT
        reply = server.post("/api/Create", data=body, headers=MSGPACK)
        assert reply.status_code == 413
        assert "more than 1048576" in reply.json()["message"]
        assert time.monotonic() < began_s + 15.0
    text = "[" + ",".join(["[]"] * 2_000_000) + "]"
    reply = server.post("/api/Create", data=text, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]) == (413, "RequestTooLarge")
    assert generation(server) == before


def test_million_numbers_are_a_list_like_others(server: Server) -> None:
    node = server.call("Create", ["spike_generator"])
    numbers = msgpack.packb([node, {"spike_times": [0.1 * n for n in range(1, 10**6 + 1)]}])
    assert server.post("/api/SetStatus", data=numbers, headers=MSGPACK).status_code == 200


def test_script_that_announces_what_it_does_not_have_gets_an_error(open_server: Server) -> None:
    before = generation(open_server)
    for length, said in ((8 * 2**30, "the limit is"), (2**63, "the limit is")):
        reply = open_server.post("/exec", {"source": ANNOUNCES.format(length=length)})
        assert reply.status_code == 400
        assert said in reply.json()["message"]
    assert open_server.post("/exec", {"source": "a = 1", "return": "a"}).json() == {"data": 1}
    assert generation(open_server) == before


def test_gateway_with_impossible_ids_gets_an_error_and_the_kernel_goes_on(server: Server) -> None:
    before = generation(server)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(server.connection_info()["command_endpoint"])
        call = Operation(Action.CALL_JSON, "Simulate", [1.0])
        for command in (
            Command("0" * 70_000, call),
            Command("1", Operation(Action.CALL_JSON, "x" * 70_000)),
            Command("1", call, delivery_id="0" * 70_000),
            Command("1", Operation(Action.CALL_JSON, "GetStatus", [[[]] * 2_000_000])),
        ):
            socket.send_multipart(frames.encode(command))
            assert socket.poll(int(DEADLINE_S * 1000))
            assert isinstance(frames.decode(socket.recv_multipart()), Failure)
        socket.send_multipart(frames.encode(Command("1", call)))
        assert socket.poll(int(DEADLINE_S * 1000))
        assert isinstance(frames.decode(socket.recv_multipart()), Result)
    assert generation(server) == before


def test_subscriber_with_a_long_subscription_is_disconnected(server: Server) -> None:
    info = server.connection_info()
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        with socket.get_monitor_socket(zmq.EVENT_DISCONNECTED) as monitor:
            socket.connect(info["events_endpoint"])
            socket.subscribe(b"x" * 100_000)
            assert monitor.poll(int(DEADLINE_S * 1000))
            socket.disable_monitor()
    assert server.call("GetNodes") == []
