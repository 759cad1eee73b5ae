"""Greed and messages: huge networks, bytes of a script's process and of a gateway, the spool."""

from __future__ import annotations

import http.client
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
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
from tests.system.attacks.targets import Target, attacked

MIB = 1 << 20
#: Memory of all processes of a server that is told to use at most 2048 MiB for its kernel.
MEMORY_MIB = 3300
#: Time in which what is refused is refused; it takes longer where other tests run.
REFUSED_S = 15.0


class MemoryWatch:
    """Ends the kernel of a server that takes more than it may, before the machine suffers."""

    def __init__(self, target: Target, limit_mib: int = MEMORY_MIB) -> None:
        self._target, self._limit_mib = target, limit_mib
        #: Most that was seen, in MiB.
        self.most_mib = 0

    @contextmanager
    def watching(self) -> Iterator[MemoryWatch]:
        over = Event()
        self._look()
        thread = Thread(target=self._watch, args=(over,))
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join(DEADLINE_S)

    def _watch(self, over: Event) -> None:
        while not over.wait(0.1):
            sizes = self._look()
            if sum(sizes.values()) > self._limit_mib:
                with suppress(ProcessLookupError):
                    os.kill(max(sizes, key=lambda pid: sizes[pid]), 9)

    def _look(self) -> dict[int, int]:
        sizes = {pid: own_memory_mib(pid) for pid in self._target.account.processes()}
        self.most_mib = max(self.most_mib, sum(sizes.values()))
        return sizes


def own_memory_mib(pid: int) -> int:
    """Return the memory that a process does not share with others."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(lines.get("RssAnon", "0 kB").split()[0]) >> 10


DEFAULT = {"weight": 1.0}
#: Calls that ask for more than a kernel may have: ``name, body``, of which the last is refused.
GREEDY: dict[str, list[tuple[str, Any]]] = {
    "neurons": [("Create", ["iaf_psc_alpha", 2**31])],
    "neurons, but fewer": [("Create", ["iaf_psc_alpha", 10**8])],
    "neurons of conductances": [("Create", ["hh_psc_alpha_gap", 3 * 10**7])],
    "neurons by more than there are numbers": [("Create", ["iaf_psc_alpha", 2**62])],
    "recorders": [("Create", ["multimeter", 5 * 10**7])],
    "generators": [("Create", ["poisson_generator", 10**8])],
    "channels of a correlation": [
        ("Create", ["correlospinmatrix_detector", 1, {"N_channels": 10**6}])
    ],
    "channels of a correlation as a default": [
        ("SetDefaults", ["correlospinmatrix_detector", {"N_channels": 10**6}]),
        ("Create", ["correlospinmatrix_detector"]),
    ],
    "channels of a correlation matrix": [
        ("Create", ["correlomatrix_detector", 1, {"N_channels": 10**6}])
    ],
    "length of a correlation": [
        ("Create", ["correlation_detector", 1, {"tau_max": 1e9, "delta_tau": 0.1}])
    ],
    "length of a correlation matrix": [
        ("Create", ["correlomatrix_detector", 1, {"tau_max": 1e9, "delta_tau": 0.1}])
    ],
    "length of a spin correlation": [
        ("Create", ["correlospinmatrix_detector", 1, {"tau_max": 1e9, "delta_tau": 0.1}])
    ],
    "connections": [("Create", ["parrot_neuron", 10**6]), ("Connect", [{"$n": 6}, {"$n": 6}])],
    "connections of plasticity": [
        ("Create", ["parrot_neuron", 10**4]),
        ("Connect", [{"$n": 4}, {"$n": 4}, "all_to_all", {"synapse_model": "stdp_synapse"}]),
    ],
    "delays": [
        ("Create", ["iaf_psc_alpha", 100]),
        ("Connect", [[1], [2], "one_to_one", {"delay": 1e9, "weight": 1.0}]),
        ("Simulate", [1.0]),
    ],
    "positions of a grid": [
        (
            "Create",
            {
                "model": "iaf_psc_alpha",
                "positions": {"$call": "spatial.grid", "args": [[20000, 20000]]},
            },
        )
    ],
    "threads": [("SetKernelStatus", [{"local_num_threads": 10**6}])],
    "virtual processes": [("SetKernelStatus", [{"total_num_virtual_procs": 10**6}])],
    "buffers": [("SetKernelStatus", [{"buffer_size_target_data": 2**40}])],
    "buffers of spikes": [
        ("SetKernelStatus", [{"spike_buffer_grow_extra": 1e12, "buffer_size_spike_data": 2**40}])
    ],
    "models of synapses": [("SetKernelStatus", [{"max_num_syn_models": 2**40}])],
    "receptors": [
        ("Create", ["iaf_psc_exp_multisynapse", 1000, {"tau_syn": [2.0] * 100_000}]),
    ],
    "compartments": [
        ("Create", ["gif_pop_psc_exp", 10, {"len_kernel": 2**31 - 1}]),
        ("Simulate", [1.0]),
    ],
    "history of a generator": [
        ("Create", ["gamma_sup_generator", 1000, {"gamma_shape": 10**6}]),
        ("Simulate", [1.0]),
    ],
    "rates of dead times": [
        ("Create", ["ppd_sup_generator", 100, {"dead_time": 1e9, "n_proc": 1}]),
        ("Simulate", [1.0]),
    ],
}


def filled(body: Any) -> Any:
    """Return arguments with lists of so many nodes."""
    if isinstance(body, list):
        return [filled(entry) for entry in body]
    if isinstance(body, dict) and set(body) == {"$n"}:
        return list(range(1, 10 ** body["$n"] + 1))
    return body


@pytest.mark.parametrize("name", GREEDY)
def test_greed_is_refused_and_the_network_stays(target: Target, name: str) -> None:
    target.ready()
    target.server.call("Create", ["iaf_psc_alpha", 3])
    generation = target.generation()
    *before, last = GREEDY[name]
    with MemoryWatch(target).watching() as memory:
        for call, body in before:
            target.server.post(f"/api/{call}", filled(body))
        size = target.server.call("network_size")
        began = time.monotonic()
        reply = target.server.post(f"/api/{last[0]}", filled(last[1]))
        took_s = time.monotonic() - began
    assert target.silence(generation) == [], (reply.text[:300], memory.most_mib)
    assert reply.status_code in (200, 400, 413), reply.text
    assert memory.most_mib < MEMORY_MIB
    if reply.status_code == 400:
        # PyNEST makes nodes before it sets their parameters.
        made = last[1][1] if last[0] == "Create" and len(last[1]) == 3 else 0
        assert target.server.call("network_size") in (size, size + made)
        assert took_s < REFUSED_S


def test_greed_of_finding_m1(target: Target) -> None:
    target.ready()
    target.server.call("Create", ["iaf_psc_alpha", 3])
    generation = target.generation()
    with MemoryWatch(target).watching() as memory:
        began = time.monotonic()
        reply = target.server.post("/api/Create", ["iaf_psc_alpha", 2**31])
    assert reply.status_code == 400, reply.text
    assert "MemoryError" in reply.text
    assert time.monotonic() - began < 5.0
    assert memory.most_mib < MEMORY_MIB
    assert target.generation() == generation
    assert target.server.call("network_size") == 3


# Bodies that are small and become much.


def packed_lists(count: int) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + b"\x90" * count


EXACT = "application/x-msgpack"
JSON = "application/json"
#: Type of the body, and the body.
BODIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "16 million empty lists": (EXACT, lambda: packed_lists(16 << 20)),
    "16 million empty maps": (EXACT, lambda: packed_lists(16 << 20).replace(b"\x90", b"\x80")),
    "16 million nothings": (EXACT, lambda: packed_lists(16 << 20).replace(b"\x90", b"\xc0")),
    "lists in lists": (EXACT, lambda: b"\x91" * 10**6 + b"\x90"),
    "map of many keys": (
        EXACT,
        lambda: msgpack.packb({"params": {str(n): [] for n in range(10**6)}}),
    ),
    "list that announces four billion": (EXACT, lambda: b"\xdd\xff\xff\xff\xff\x90"),
    "map that announces four billion": (EXACT, lambda: b"\xdf\xff\xff\xff\xff\xa1a\x90"),
    "bytes that announce four billion": (EXACT, lambda: b"\xc6\xff\xff\xff\xff\x90"),
    "extension that announces four billion": (EXACT, lambda: b"\xc9\xff\xff\xff\xff\x01\x90"),
    "JSON of 8 million lists": (JSON, lambda: b"[" + b"[]," * (5 << 20) + b"[]]"),
    "JSON of maps": (JSON, lambda: b"[" + b"{}," * (5 << 20) + b"{}]"),
    "JSON of lists in lists": (JSON, lambda: b"[" * 10**6 + b"]" * 10**6),
    "JSON of maps in maps": (JSON, lambda: b'{"a":' * 10**6 + b"1" + b"}" * 10**6),
    "number of a million digits": (JSON, lambda: b"[" + b"9" * 10**6 + b"]"),
    "form of a million fields": (
        "application/x-www-form-urlencoded",
        lambda: b"&".join(b"a%d=1" % n for n in range(10**6)),
    ),
}


#: Where they go: those that are the worst also to the others' addresses.
ADDRESSES = [
    *((name, "/api/SetKernelStatus") for name in BODIES),
    ("16 million empty lists", "/operation"),
    ("16 million empty maps", "/batch"),
    ("lists in lists", "/operation"),
    ("lists in lists", "/release"),
    ("JSON of 8 million lists", "/batch"),
    ("JSON of lists in lists", "/exec"),
]


@pytest.mark.parametrize(("name", "path"), ADDRESSES)
def test_bodies_become_no_more_than_they_are(target: Target, name: str, path: str) -> None:
    kind, make = BODIES[name]
    body = make()
    target.ready()
    generation = target.generation()
    with MemoryWatch(target).watching() as memory:
        before_mib, began = memory.most_mib, time.monotonic()
        headers = {"Content-Type": kind}
        reply = target.server.request("POST", path, data=body, headers=headers)
        took_s = time.monotonic() - began
    assert reply.status_code in (400, 404, 413, 415), reply.text[:300]
    assert target.silence(generation) == []
    assert took_s < REFUSED_S
    assert memory.most_mib - before_mib < 500


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
        before_mib, began = memory.most_mib, time.monotonic()
        reply = target.script(HEAD + MESSAGES[name])
        said.append(reply.text[:10_000])
        took_s = time.monotonic() - began
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
        time.sleep(0.15)
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
        connection.putheader("Content-Type", JSON)
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
