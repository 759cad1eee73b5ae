"""What rank 0 does for each other rank, measured with stand-ins for up to 1000 of them, which
answer without computing: sending an operation, receiving and decoding the answers, and
merging a million spikes that come in so many parts. Processor time of rank 0, without the
ranks' own.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from benchmarks.bench import Bench, say
from benchmarks.rows import THIS
from nestd.partial.answers import from_wire, to_wire
from nestd.partial.merging import merge
from nestd.partial.nodes import NodeRecords
from nestd.partial.status import KernelFields
from protocol.wire import frames
from protocol.wire.messages import Action, Execute, Executed, Operation

TITLE = "Rank 0 and up to 1000 ranks"
_SPIKES = 1_000_000


def run(bench: Bench) -> None:
    """Messages to 9, 99 and 999 other ranks; merging of 10, 100 and 1000 parts."""
    for ranks in (10, 100, 1000):
        say(f"messages of {ranks} ranks")
        small = bench.row(
            f"a small call, rank 0's part for {ranks} ranks",
            "ms",
            series="rank 0's part of a small call",
            size=1,
            ranks=ranks,
        )
        for _ in range(bench.rounds):
            bench.attempt([small], THIS, lambda ranks=ranks: [_exchanged_ms(ranks)])
        merging = bench.row(
            f"merging 1e6 spikes of {ranks} ranks",
            "ms",
            series="merging 1e6 spikes",
            size=_SPIKES,
            ranks=ranks,
        )
        for _ in range(bench.few):
            bench.attempt([merging], THIS, lambda ranks=ranks: [_merged_ms(ranks)])


def _exchanged_ms(ranks: int, times: int = 20) -> float:
    """Median milliseconds of rank 0."""
    context: zmq.Context[Any] = zmq.Context()
    context.set(zmq.MAX_SOCKETS, ranks + 16)
    with tempfile.TemporaryDirectory(prefix="nestd-b-") as directory:
        router = context.socket(zmq.ROUTER)
        router.set_hwm(0)
        router.bind(f"ipc://{Path(directory) / 'ranks'}")
        others = []
        try:
            for rank in range(1, ranks):
                one = context.socket(zmq.DEALER)
                one.setsockopt(zmq.IDENTITY, b"rank-%d" % rank)
                one.connect(f"ipc://{Path(directory) / 'ranks'}")
                one.send(b"here")
                others.append(one)
            for _ in others:
                router.recv_multipart()
            return float(np.median([_one_exchange(router, others) for _ in range(times)]))
        finally:
            for socket in (router, *others):
                socket.close(0)
            context.term()


def _one_exchange(router: Any, others: list[Any]) -> float:
    operation = Operation(Action.CALL_JSON, "GetKernelStatus", [["resolution"]])
    answer = KernelFields({"resolution": 0.1}, ["resolution"])
    began = time.thread_time()
    encoded = frames.encode(Execute(1, operation, False))
    for rank in range(1, len(others) + 1):
        router.send_multipart([b"rank-%d" % rank, *encoded], copy=False)
    sent = time.thread_time()
    for rank, one in enumerate(others, 1):
        one.recv_multipart()
        one.send_multipart(frames.encode(Executed(1, rank, to_wire(answer))))
    answers = [Executed(1, 0, answer)]
    received_s = 0.0
    for _ in others:
        # Until it is there others work, not rank 0.
        router.poll()
        arrived = time.thread_time()
        _, *parts = router.recv_multipart(copy=False)
        found = frames.decode([part.buffer for part in parts])
        assert isinstance(found, Executed)
        answers.append(replace(found, value=from_wire(found.value)))
        received_s += time.thread_time() - arrived
    collected = time.thread_time()
    merge(operation, answers)
    return (sent - began + received_s + time.thread_time() - collected) * 1e3


def _merged_ms(ranks: int) -> float:
    generator = np.random.default_rng(1)
    answers = []
    for rank in range(ranks):
        count = _SPIKES // ranks
        times = np.sort(generator.integers(10, 100_000, count)) / 10.0
        senders = generator.integers(0, 1000, count) * ranks + rank + 1
        columns = {"events": [{"senders": senders, "times": times}]}
        answers.append(Executed(1, rank, NodeRecords(np.ones(1, bool), columns, "events", "")))
    operation = Operation(Action.CALL_JSON, "GetStatus", [[1], "events"])
    began = time.thread_time()
    merge(operation, answers)
    return (time.thread_time() - began) * 1e3
