"""Clients that do as they should not: they hang up, stall, and send garbage."""

from __future__ import annotations

import contextlib
import re
import socket
import time

import zmq

from tests.acceptance.soak import mutations
from tests.acceptance.soak.accounts import Outcome
from tests.acceptance.soak.asking import Asking, close_by
from tests.acceptance.soak.sockets import Asking as AskingNestd
from tests.acceptance.soak.sockets import stream_to, subscribe_to
from tests.integration.test_jobs_under_stress import hang_up_on

_REQUEST = (
    b"POST /api/GetKernelStatus?keys=resolution HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nNESTServerAuth: %b\r\nContent-Length: 4\r\n\r\nnull"
)


def hang_up(a: Asking) -> None:
    """Ask for something and go."""
    entry = a.accounts.open("hangs up")
    hang_up_on(a.server, "iaf_psc_alpha")
    entry.close(Outcome.GIVEN_UP)


def stall(a: Asking) -> None:
    """Send the beginning of a request, and nothing more for a while."""
    entry = a.accounts.open("stalls")
    with contextlib.suppress(OSError), a.connect() as connection:
        connection.sendall(_REQUEST[: a.chance.randint(1, len(_REQUEST) - 10)])
        time.sleep(a.chance.uniform(0.1, 1.5))
    entry.close(Outcome.GIVEN_UP)


def send_garbage(a: Asking) -> None:
    """What is no HTTP, or nearly some."""
    entry = a.accounts.open("garbage, HTTP", refusable=True)
    if a.chance.random() < 0.5:
        sent = a.chance.randbytes(a.chance.randint(1, 5000))
    else:
        whole = bytearray(_REQUEST % (a.server.token or "").encode())
        for _ in range(a.chance.randint(1, 5)):
            whole[a.chance.randrange(len(whole))] = a.chance.randrange(256)
        sent = bytes(whole)
    received = b""
    try:
        with a.connect() as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65_536):
                received += data
    except TimeoutError:
        entry.close(Outcome.UNANSWERED, f"{sent!r:.300}")
        return
    except OSError:
        # It closes before it has read all; there may be an answer.
        pass
    head, _, content = received.partition(b"\r\n\r\n")
    try:
        status = int(head.split(maxsplit=2)[1])
    except (IndexError, ValueError):
        # What is no whole request is not answered when its sender closes.
        entry.close(Outcome.GIVEN_UP)
        return
    # A second answer may follow, where what is left of the request seems to be another one.
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if length is not None:
        content = content[: int(length[1])]
    close_by(entry, status, content, f"{sent!r:.300} to HTTP")


def send_garbage_to_nestd(a: Asking) -> None:
    """What is no message, or none for nestd, to its sockets."""
    entry = a.accounts.open("garbage, ROUTER")
    try:
        info = a.server.connection_info()
    except FileNotFoundError:
        entry.close(Outcome.GIVEN_UP)
        return
    seeds = [mutations.encoded(one) for one in mutations.harmless(info["generation"])]
    with AskingNestd(info["command_endpoint"], 1) as asking:
        for _ in range(10):
            message = mutations.random_frames(a.chance, a.chance.randint(1, 2000))
            if a.chance.random() < 0.5:
                message = mutations.mutated(a.chance, list(a.chance.choice(seeds)))
            asking.send(message)
        # A kernel that has died meanwhile never answers.
        if asking.await_answers(30.0):
            entry.close(Outcome.ANSWERED)
        else:
            entry.close(Outcome.LOST, f"{asking.answered} answers to {asking.sent} messages")
    entry = a.accounts.open("garbage, PUB")
    data = a.chance.randbytes(a.chance.randint(1, 5000))
    with contextlib.suppress(zmq.ZMQError):
        subscribe_to(info["events_endpoint"], [data, b"\x01" + data])
    endpoint = a.chance.choice(("command_endpoint", "events_endpoint"))
    stream_to(info[endpoint], data, a.chance.choice((None, "DEALER")))
    entry.close(Outcome.GIVEN_UP)
