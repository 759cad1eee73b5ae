"""Messages from inside: of a script's process, of a gateway, and names that they bring along."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgpack
import pytest
import zmq

from protocol.process.polling import poll_until
from protocol.version import WIRE_VERSION
from protocol.wire import frames, messages
from protocol.wire.messages import (
    Action,
    Batch,
    Cancel,
    Command,
    EndScript,
    Execute,
    Operation,
    Result,
    Script,
    Submit,
    Watch,
)
from tests.integration.servers import DEADLINE_S
from tests.system.attacks.bypass import without
from tests.system.attacks.memory import MIB, REFUSED_S, MemoryWatch, packed_lists, processor_s
from tests.system.attacks.targets import Target, attacked

# Messages of a script's process, in which a script has taken over Python.

HEAD = "import os, struct\ndef send(*parts):\n    for part in parts: os.write(3, part)\n"
MESSAGES: dict[str, str] = {
    "head that announces 8 GiB": "send(struct.pack('<IQ', 1, 8 * 2**30))",
    "head that announces 8 GiB in two": (
        "send(struct.pack('<IQQ', 2, 6, 8 * 2**30 - 6), b'NESTD\\5')"
    ),
    "head that announces more than there is": "send(struct.pack('<IQ', 1, 2**64 - 1))",
    "lengths whose sum is small again": "send(struct.pack('<IQQ', 2, 2**64 - 1, 1))",
    "head of no frames": "send(struct.pack('<I', 0))",
    "head of four billion frames": "send(struct.pack('<I', 2**32 - 1))",
    "head of 65536 empty frames": "send(struct.pack('<I65536Q', 65536, *[0] * 65536))",
    "head of 65536 frames that are large": (
        "send(struct.pack('<I65536Q', 65536, *[131000] * 65536))"
    ),
    "half a head": "send(b'\\1\\0')",
    "half a message": "send(struct.pack('<IQQ', 2, 6, 100), b'NESTD\\5', b'x')",
    "text": "send(b'GET / HTTP/1.1\\r\\n\\r\\n' * 1000)",
    "16 million empty lists": (
        "n = 16 << 20\nbody = b'\\xdd' + struct.pack('>I', n) + b'\\x90' * n\n"
        "send(struct.pack('<IQQ', 2, 6, len(body)), b'NESTD\\5')\n"
        "v = memoryview(body)\nwhile v: v = v[os.write(3, v):]"
    ),
    "lists in lists": (
        "body = b'\\x91' * 10**6\nsend(struct.pack('<IQQ', 2, 6, len(body)), b'NESTD\\5')\n"
        "v = memoryview(body)\nwhile v: v = v[os.write(3, v):]"
    ),
    "message of another version": "send(struct.pack('<IQQ', 2, 6, 1), b'NESTD\\x7f', b'\\x90')",
    "answer before the end": (
        "from protocol.wire import frames\nfrom protocol.wire.messages import *\n"
        "from protocol.wire.streams import head_of\n"
        "f = frames.encode(Result('', '', {'data': 'x' * 10**6}))\nsend(head_of(f), *f)"
    ),
    "command of ranks": (
        "from protocol.wire import frames\nfrom protocol.wire.messages import *\n"
        "from protocol.wire.streams import head_of\n"
        "for action in Action:\n"
        "    f = frames.encode(Command('', Operation(action, 'Create', [{}, -1, 'x'])))\n"
        "    send(head_of(f), *f)"
    ),
    "command with a name of 10 MB": (
        "from protocol.wire import frames\nfrom protocol.wire.messages import *\n"
        "from protocol.wire.streams import head_of\n"
        "f = frames.encode(Command('x' * 70_000, Operation(Action.CALL_JSON, 'x' * 10**7)))\n"
        "v = memoryview(b''.join([head_of(f), *map(bytes, f)]))\n"
        "while v: v = v[os.write(3, v):]"
    ),
    "thousand commands at once": (
        "from protocol.wire import frames\nfrom protocol.wire.messages import *\n"
        "from protocol.wire.streams import head_of\n"
        "f = Operation(Action.CALL_JSON, 'GetKernelStatus', ['resolution'])\n"
        "f = frames.encode(Command('', f))\n"
        "for _ in range(1000): send(head_of(f), *f)"
    ),
    "line that is no number": "import mmap\nprint('x' * 10**6)\nos._exit(70)",
    "endless output": "while True: os.write(1, b'x' * 65536)",
}


@pytest.fixture(scope="module")
def no_language_wall() -> Iterator[Target]:
    """A server whose restricted scripts are full Python, behind the other walls."""
    with without("language", env={"NEST_SERVER_EXEC_TIME_LIMIT_S": "3"}) as target:
        yield target


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_of_a_script_end_the_script_alone(no_language_wall: Target, name: str) -> None:
    target = no_language_wall
    with target.unharmed() as said, MemoryWatch(target).watching() as memory:
        before_mib, began = memory.most_mib, processor_s(target)
        reply = target.script(HEAD + MESSAGES[name])
        said.append(reply.text[:10_000])
        took_s = processor_s(target) - began
    assert reply.status_code in (200, 400, 413, 500, 503), reply.text[:300]
    assert took_s < REFUSED_S
    assert memory.most_mib - before_mib < 1000


# Messages of a gateway, whose keys or files somebody has got.


def encoded(message: Any) -> list[bytes]:
    return [bytes(part) for part in frames.encode(message)]


PREAMBLE = b"NESTD" + bytes([WIRE_VERSION])
READ = Operation(Action.CALL_JSON, "GetKernelStatus", ["resolution"])
LONG = "x" * 70_000
#: Frames of what is sent.
SENT: dict[str, Callable[[], list[bytes]]] = {
    "id of 70 000 characters": lambda: encoded(Command(LONG, READ)),
    "id of 10 MB": lambda: encoded(Command("x" * 10**7, READ)),
    "id of other letters": lambda: encoded(Command("\u20ac" * 1000 + "\0\n", READ)),
    "id of a batch": lambda: encoded(Batch(LONG, [READ])),
    "id of a script": lambda: encoded(Script(LONG, "x = 1", "x")),
    "id of what is cancelled": lambda: encoded(Cancel("c", LONG, LONG)),
    "reason of a cancel": lambda: encoded(Cancel("c", "x", "y" * 10**7)),
    "name of a job that leads up": lambda: encoded(Submit("../../../../etc/passwd")),
    "name of a job of 70 000 characters": lambda: encoded(Submit(LONG)),
    "recorders that are none": lambda: encoded(Watch("w", [2**62, -1] * 100_000, True)),
    "end of a script that is none": lambda: encoded(EndScript(LONG)),
    "delivery of a long name": lambda: encoded(Command("d", READ, delivery_id=LONG)),
    "call with a long name": lambda: encoded(
        Command("n", Operation(Action.CALL_JSON, "x" * 10**7))
    ),
    "event": lambda: encoded(messages.Event("log", {"text": LONG})),
    "result": lambda: encoded(Result("r", "g", [1] * 1000)),
    "message between ranks": lambda: encoded(Execute(1, READ, True)),
    "actions between ranks": lambda: encoded(
        Batch("b", [Operation(action, "Create", [1]) for action in Action])
    ),
    "no frames": lambda: [b""],
    "other bytes": lambda: [b"GET / HTTP/1.1"],
    "other version": lambda: [b"NESTD\xff", b"\x90"],
    "no header": lambda: [PREAMBLE],
    "header that is cut": lambda: [PREAMBLE, encoded(Command("x", READ))[1][:-3]],
    "header of another type": lambda: [PREAMBLE, b"\xc0"],
    "16 million empty lists": lambda: [PREAMBLE, packed_lists(16 << 20)],
    "lists in lists": lambda: [PREAMBLE, b"\x91" * 10**6],
    "list that announces four billion": lambda: [PREAMBLE, b"\xdd\xff\xff\xff\xff"],
    "60 000 frames": lambda: [*encoded(Command("x", READ)), *[b""] * 60_000],
    "70 000 frames": lambda: [*encoded(Command("x", READ)), *[b"x"] * 70_000],
    "fields of other types": lambda: [PREAMBLE, msgpack.packb(["command", {}, [], 1, None, -1])],
}


@pytest.mark.parametrize("name", SENT)
def test_messages_of_a_gateway_are_errors_and_no_ends(target: Target, name: str) -> None:
    with target.unharmed(), MemoryWatch(target).watching() as memory:
        before_mib = memory.most_mib
        context = zmq.Context()
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        try:
            dealer.connect(target.server.connection_info()["command_endpoint"])
            dealer.send_multipart(SENT[name](), copy=True)
            dealer.poll(1000)
        finally:
            dealer.close()
            context.term()
    assert memory.most_mib - before_mib < 500


# The spool.


def test_spool_counts_what_waits() -> None:
    """M6: jobs that wait take the room, too; what does not fit is refused."""
    env = {"NEST_SERVER_JOBS_MIB": "64", "NEST_SERVER_EXEC_TIME_LIMIT_S": "60"}
    with attacked(env | {"NEST_SERVER_ENABLE_EXEC_CALL": "1"}) as target:
        headers = {"Prefer": "respond-async"}
        busy = target.server.post("/exec", {"source": "while True: pass"}, headers=headers).json()
        body = {"source": "#" + "x" * (20 * MIB)}
        replies = [target.server.post("/exec", body, headers=headers) for _ in range(8)]
        taken = sum(
            path.stat().st_size for path in (target.directory / "jobs").rglob("*") if path.is_file()
        )
        for reply in replies:
            if reply.status_code == 202:
                target.server.request("DELETE", f"/jobs/{reply.json()['id']}")
        target.server.request("DELETE", f"/jobs/{busy['id']}")
        codes = [reply.status_code for reply in replies]
        assert taken <= 66 * MIB, (taken >> 20, codes)
        assert codes[0] == 202
        assert set(codes[3:]) <= {413, 429, 503, 507}
        assert all("NEST_SERVER_JOBS_MIB" in r.text or "spool" in r.text for r in replies[4:])
        address = f"/jobs/{busy['id']}"
        ended = ("cancelled", "failed", "done")
        assert poll_until(lambda: target.server.get(address).json()["state"] in ended, DEADLINE_S)
        # There is room again.
        assert poll_until(
            lambda: target.server.post("/exec", body, headers=headers).status_code == 202, 30.0
        )


@pytest.mark.parametrize(
    ("key", "status"), [("x" * 70_000, (400, 431)), ("../../../x", (202,)), ("\u20ac", (202, 400))]
)
def test_names_of_jobs_are_bounded(target: Target, key: str, status: tuple[int, ...]) -> None:
    with target.unharmed():
        connection = http.client.HTTPConnection("127.0.0.1", target.server.port, timeout=30.0)
        connection.putrequest("POST", "/api/GetKernelStatus")
        connection.putheader("NESTServerAuth", target.server.token or "")
        connection.putheader("Idempotency-Key", key.encode())
        connection.putheader("Prefer", "respond-async")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "12")
        connection.endheaders(b'"resolution"')
        assert connection.getresponse().status in status
        connection.close()


@pytest.mark.parametrize("name", ["x" * 70_000, "..", "a/b", "A" * 10, "\x01" * 20])
def test_names_of_requests_are_bounded(target: Target, name: str) -> None:
    with target.unharmed():
        connection = http.client.HTTPConnection("127.0.0.1", target.server.port, timeout=30.0)
        with suppress(ValueError, OSError):
            connection.putrequest("GET", "/api/resolution")
            connection.putheader("NESTServerAuth", target.server.token or "")
            connection.putheader("X-Job-ID", name)
            connection.endheaders()
            assert connection.getresponse().status in (400, 431)
        connection.close()
