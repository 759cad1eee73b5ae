"""Watches the network between ranks on several hosts: a process for each rank.

Ranks that wait for each other inside NEST and MPI notice a cut network after many minutes, if at
all, and no Python runs in them meanwhile. So a process beside each rank, which computes nothing,
tells the one beside rank 0 every second that it is there, and is told so. When that stops, or a
rank has ended, the one beside rank 0 writes down which rank it was and ends rank 0: its callers
then know. A rank that hears nothing of rank 0 any more is ended as well, as it would compute for
nobody.

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

#: Between two signs.
BEAT_S = 1.0
#: Signs that may be missing.
MISSING = 10
#: The same before the first, as the others may need long to start.
MISSING_AT_START = 120
#: How long a rank that has ended may be the only one: all end together when a job is stopped.
ENDED_S = 3.0

_BEAT, _ENDED = b"beat", b"ended"


@dataclass(frozen=True)
class HeartbeatSettings:
    """What the process is told at its start."""

    rank: int
    hosts: list[str]
    directory: str
    generation: str
    #: Rank 0 binds it, the others connect to it.
    endpoint: str
    #: Public key of rank 0's process.
    key: str | None = None


class RankHeartbeat:
    """The process beside this rank.

    Parameters
    ----------
    watched : what it is told

    Raises
    ------
    ConfigurationError
        If it does not start.
    """

    def __init__(self, watched: HeartbeatSettings) -> None:
        # It ends when its stdin closes, which it does when this rank ends in whatever way.
        self._process = subprocess.Popen(
            python_command("nestd.ranks.heartbeat", str(os.getpid())),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(watched)).encode() + b"\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise ConfigurationError("the network between ranks can't be watched; the log says why")
        #: Where the others' processes connect, with which key.
        self.endpoint, self.key = json.loads(said)

    def close(self) -> None:
        """Let it end: this rank does so on purpose."""
        if self._process.stdin is not None:
            self._process.stdin.close()


class Heartbeats:
    """Signs of the others, counted in waits and not by a clock, which would go on while this
    process is suspended.

    Parameters
    ----------
    ranks : of whom signs are expected
    """

    def __init__(self, ranks: Iterator[int]) -> None:
        self._missing = dict.fromkeys(ranks, MISSING - MISSING_AT_START)

    def hear(self, rank: int) -> None:
        """A sign of it."""
        if rank in self._missing:
            self._missing[rank] = 0

    def wait(self) -> int | None:
        """Time has passed; the first rank of which too many signs are missing, if there is one."""
        for rank in self._missing:
            self._missing[rank] += 1
        return next((rank for rank, missing in self._missing.items() if missing > MISSING), None)


def main() -> None:
    """Watch until the rank ends, or another is lost."""
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
    """Beside rank 0."""
    keys = new_keys()
    with context.socket(zmq.ROUTER) as socket:
        socket.linger = 0
        socket.curve_server = True
        socket.curve_secretkey = keys.secret.encode()
        endpoint = bind_linked(socket, watched.endpoint)
        _say([endpoint, keys.public])
        beats = Heartbeats(iter(range(1, len(watched.hosts))))
        ended: tuple[int, int] | None = None
        for arrived in _arriving(socket):
            if arrived is None:
                lost = beats.wait()
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
            sender, said = arrived
            rank = int(sender)
            beats.hear(rank)
            if said == _ENDED:
                ended = ended or (rank, int(ENDED_S / BEAT_S))
            else:
                socket.send_multipart([sender, _BEAT], zmq.NOBLOCK)


def _watch_master(
    context: zmq.Context[zmq.Socket[bytes]], watched: HeartbeatSettings, parent: int
) -> None:
    """Beside another rank."""
    assert watched.key is not None
    keys = new_keys()
    with context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.IDENTITY, str(watched.rank).encode())
        socket.curve_serverkey = watched.key.encode()
        socket.curve_publickey = keys.public.encode()
        socket.curve_secretkey = keys.secret.encode()
        set_keepalive(socket)
        socket.linger = int(BEAT_S * 1000)
        # What can't be sent now is of no use later.
        socket.set_hwm(MISSING)
        socket.connect(watched.endpoint)
        _say([watched.endpoint, watched.key])
        beats = Heartbeats(iter([0]))
        for arrived in _arriving(socket):
            if arrived is not None:
                beats.hear(0)
                continue
            if beats.wait() is not None:
                log.error("the network to rank 0 on %s is cut; this rank ends", watched.hosts[0])
                socket.linger = 0
                _kill(parent)
                return
            with contextlib.suppress(zmq.Again):
                socket.send(_BEAT, zmq.NOBLOCK)
        with contextlib.suppress(zmq.Again):
            socket.send(_ENDED, zmq.NOBLOCK)


def _arriving(socket: zmq.Socket[bytes]) -> Iterator[tuple[bytes, bytes] | None]:
    """What arrives, and ``None`` each time that another beat is due; until the rank ends."""
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(sys.stdin.fileno(), zmq.POLLIN)
    due_s = 0.0
    while True:
        # By the clock, as there may always be something that arrives; but once, however late.
        now_s = time.monotonic()
        if now_s >= due_s:
            due_s = now_s + BEAT_S
            yield None
        ready = dict(poller.poll(max(0, int((due_s - time.monotonic()) * 1000)) + 1))
        if sys.stdin.fileno() in ready:
            return
        if socket in ready:
            parts = socket.recv_multipart()
            yield parts[0], parts[-1]


def _give_up(watched: HeartbeatSettings, parent: int, rank: int, label: str) -> None:
    """Say what happened where it will be found, and end rank 0."""
    error = KernelLost(
        f"{label}; ranks can't go on without each other, so the kernel ends and its network is "
        "lost",
        ranks=(rank,),
        retry_after_s=5,
    )
    log.error("%s", error)
    path = RuntimeDirectory(Path(watched.directory)).crash_report
    if not _has_words(path, watched.generation):
        said = {"generation": watched.generation, "error": facts_of(error)}
        write_private(path, json.dumps(said).encode())
    _kill(parent)


def _has_words(path: Path, generation: str) -> bool:
    """Whether a rank has said itself why it ended."""
    try:
        return bool(json.loads(path.read_bytes())["generation"] == generation)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _kill(parent: int) -> None:
    # It may be inside MPI, where it hears nothing else.
    if os.getppid() == parent:
        os.kill(parent, signal.SIGKILL)


def _say(value: list[str]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _read_line() -> str:
    """The first line of stdin, and nothing of what may follow."""
    found = bytearray()
    while not found.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            sys.exit(0)
        found += byte
    return found.decode()


if __name__ == "__main__":
    main()
