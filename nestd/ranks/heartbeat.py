"""Heartbeats between ranks on several hosts, sent by a process beside each rank.

Ranks that wait for each other inside NEST and MPI notice a cut network after many minutes, if at
all, and no Python runs in them meanwhile. So a process beside each rank, which computes nothing,
sends the process beside rank 0 a heartbeat every second, and gets one back. When heartbeats stop,
or a rank has ended, the process beside rank 0 writes down which rank it was and ends rank 0, so
that callers know. A rank that gets no heartbeat of rank 0 any more is ended as well, as its results
would reach no caller.

:class:`RankHeartbeat` is the rank's end, :func:`main` the process.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import zmq

from nestd.network.binding import bind_linked
from protocol.errors import ConfigurationError, KernelLost, facts_of
from protocol.logging import lines
from protocol.process.identity import python_command
from protocol.process.tcp_keepalive import set_keepalive
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import write_private
from protocol.security.curve_keys import new_keys

log = logging.getLogger(__name__)

#: Pause between two heartbeats.
HEARTBEAT_S = 1.0
#: Heartbeats that may be missing.
MISSING = 10
#: Heartbeats that may be missing before the first, as other ranks may need long to start.
MISSING_AT_START = 120
#: How long a single rank may have ended: all end together when a job is stopped.
ENDED_S = 3.0

_HEARTBEAT, _ENDED = b"beat", b"ended"


@dataclass(frozen=True)
class HeartbeatSettings:
    """Settings of the process beside a rank."""

    rank: int
    hosts: list[str]
    directory: str
    generation: str
    #: Rank 0 binds it, the others connect to it.
    endpoint: str
    #: Public key of rank 0's process.
    key: str | None = None


class RankHeartbeat:
    """Process that sends heartbeats for this rank.

    Parameters
    ----------
    settings : of the process

    Raises
    ------
    ConfigurationError
        If the process does not start.
    """

    def __init__(self, settings: HeartbeatSettings) -> None:
        # The process ends when its stdin closes, so when this rank ends in whatever way.
        self._process = subprocess.Popen(
            python_command("nestd.ranks.heartbeat", str(os.getpid())),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(settings)).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise ConfigurationError(
                f"the heartbeat process of rank {settings.rank} ended at its start; "
                "the log says why"
            )
        #: Where the processes beside other ranks connect, and with which key.
        self.endpoint, self.key = json.loads(answer)

    def close(self) -> None:
        """Let the process end, as this rank ends on purpose."""
        if self._process.stdin is not None:
            self._process.stdin.close()


class Heartbeats:
    """Heartbeats of other ranks that are missing.

    Counted in pauses and not by a clock, which would go on while this process is suspended.

    Parameters
    ----------
    ranks : those whose heartbeats are expected
    """

    def __init__(self, ranks: Iterator[int]) -> None:
        self._missing = dict.fromkeys(ranks, MISSING - MISSING_AT_START)

    def on_heartbeat(self, rank: int) -> None:
        """Note a heartbeat of ``rank``."""
        if rank in self._missing:
            self._missing[rank] = 0

    def on_pause(self) -> int | None:
        """Note that a pause is over, and return the first rank that is lost, if one is."""
        for rank in self._missing:
            self._missing[rank] += 1
        return next((rank for rank, missing in self._missing.items() if missing > MISSING), None)


def main() -> None:
    """Send and expect heartbeats until the rank ends or another rank is lost."""
    parent = int(sys.argv[1])
    watched = HeartbeatSettings(**json.loads(_read_line()))
    lines.set_up("nestd", lines.log_settings(os.environ)).rank = watched.rank
    with zmq.Context() as context:
        if watched.rank == 0:
            _watch_all(context, watched, parent)
        else:
            _watch_master(context, watched, parent)


def _watch_all(
    context: zmq.Context[zmq.Socket[bytes]], watched: HeartbeatSettings, parent: int
) -> None:
    """Answer the heartbeats of all ranks, beside rank 0."""
    keys = new_keys()
    with context.socket(zmq.ROUTER) as socket:
        socket.linger = 0
        socket.curve_server = True
        socket.curve_secretkey = keys.secret.encode()
        endpoint = bind_linked(socket, watched.endpoint)
        _write_line([endpoint, keys.public])
        heartbeats = Heartbeats(iter(range(1, len(watched.hosts))))
        ended: tuple[int, int] | None = None
        for arrived in _arriving(socket):
            if arrived is None:
                lost = heartbeats.on_pause()
                if lost is not None:
                    host = watched.hosts[lost]
                    _give_up(watched, parent, lost, f"the network to rank {lost} on {host} is cut")
                    return
                if ended is not None:
                    rank, left = ended
                    if left <= 0:
                        host = watched.hosts[rank]
                        _give_up(watched, parent, rank, f"rank {rank} on {host} has ended")
                        return
                    ended = rank, left - 1
                continue
            sender, message = arrived
            rank = int(sender)
            heartbeats.on_heartbeat(rank)
            if message == _ENDED:
                ended = ended or (rank, int(ENDED_S / HEARTBEAT_S))
            else:
                socket.send_multipart([sender, _HEARTBEAT], zmq.NOBLOCK)


def _watch_master(
    context: zmq.Context[zmq.Socket[bytes]], watched: HeartbeatSettings, parent: int
) -> None:
    """Send heartbeats to rank 0, beside another rank."""
    assert watched.key is not None
    keys = new_keys()
    with context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.IDENTITY, str(watched.rank).encode())
        socket.curve_serverkey = watched.key.encode()
        socket.curve_publickey = keys.public.encode()
        socket.curve_secretkey = keys.secret.encode()
        set_keepalive(socket)
        socket.linger = int(HEARTBEAT_S * 1000)
        # A heartbeat that can't be sent now is of no use later.
        socket.set_hwm(MISSING)
        socket.connect(watched.endpoint)
        _write_line([watched.endpoint, watched.key])
        heartbeats = Heartbeats(iter([0]))
        for arrived in _arriving(socket):
            if arrived is not None:
                heartbeats.on_heartbeat(0)
                continue
            if heartbeats.on_pause() is not None:
                log.error("the network to rank 0 on %s is cut; this rank ends", watched.hosts[0])
                socket.linger = 0
                _kill(parent)
                return
            with contextlib.suppress(zmq.Again):
                socket.send(_HEARTBEAT, zmq.NOBLOCK)
        with contextlib.suppress(zmq.Again):
            socket.send(_ENDED, zmq.NOBLOCK)


def _arriving(socket: zmq.Socket[bytes]) -> Iterator[tuple[bytes, bytes] | None]:
    """Yield messages, and ``None`` each time that a heartbeat is due, until the rank ends."""
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(sys.stdin.fileno(), zmq.POLLIN)
    due_s = 0.0
    while True:
        # By the clock, as there may always be something that arrives; but once, however late.
        now_s = time.monotonic()
        if now_s >= due_s:
            due_s = now_s + HEARTBEAT_S
            yield None
        ready = dict(poller.poll(max(0, int((due_s - time.monotonic()) * 1000)) + 1))
        if sys.stdin.fileno() in ready:
            return
        if socket in ready:
            parts = socket.recv_multipart()
            yield parts[0], parts[-1]


def _give_up(watched: HeartbeatSettings, parent: int, rank: int, label: str) -> None:
    """Write down which rank was lost where the gateway reads it, and end rank 0."""
    error = KernelLost(
        f"{label}; ranks can't go on without each other, so the kernel ends and its network is "
        "lost",
        ranks=(rank,),
        retry_after_s=5,
    )
    log.error("%s", error)
    path = RuntimeDirectory(Path(watched.directory)).crash_report
    if not _has_crash_report(path, watched.generation):
        report = {"generation": watched.generation, "error": facts_of(error)}
        write_private(path, json.dumps(report).encode())
    _kill(parent)


def _has_crash_report(path: Path, generation: str) -> bool:
    """Return whether a rank has written itself why it ended."""
    try:
        return bool(json.loads(path.read_bytes())["generation"] == generation)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _kill(parent: int) -> None:
    # The rank may be inside MPI, where only SIGKILL ends it.
    if os.getppid() == parent:
        os.kill(parent, signal.SIGKILL)


def _write_line(value: list[str]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _read_line() -> str:
    """Return the first line of stdin, and read nothing of what may follow."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            sys.exit(0)
        line += byte
    return line.decode()


if __name__ == "__main__":
    main()
