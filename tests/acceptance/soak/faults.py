"""Faults, one at a time, and what each may lead to."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from protocol.process.identity import identify
from protocol.process.polling import poll_until
from tests.acceptance.soak.accounts import Outcome
from tests.acceptance.soak.resources import role
from tests.integration.limits import limited, no_more_files
from tests.integration.pending import await_end, processes
from tests.integration.servers import DEADLINE_S, Server, marked_processes

#: Room in a file of a full disk: more than nestd needs to say how it is, less than large jobs need.
FULL_BYTES = 65_536
#: Starts that follow each other are up to 10 s apart.
_BACK_S = 2 * DEADLINE_S


def _ranks(server: Server) -> list[int]:
    return [one["pid"] for one in server.connection_info()["processes"]]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await_end(pid)


def _gateway(server: Server) -> list[int]:
    """Processes of the gateway that takes requests, parents before children.

    One that was replaced finishes what it has, which may take long.
    """

    def newest() -> list[int]:
        sessions: dict[int, list[int]] = defaultdict(list)
        try:
            for pid in processes(server, "gateway"):
                sessions[os.getsid(pid)].append(pid)
        except (ProcessLookupError, FileNotFoundError):
            # It has just ended.
            return []
        return sessions[max(sessions, key=_started)] if sessions else []

    found: list[int] = poll_until(newest, DEADLINE_S)
    return found


def _started(pid: int) -> int:
    found = identify(pid)
    return found.start_ticks if found is not None else 0


def _hold(chance: random.Random) -> None:
    # As long as the fault is to last.
    time.sleep(chance.uniform(0.5, 2.0))


def _kill_rank(server: Server, chance: random.Random) -> None:
    before = server.connection_info()["generation"]
    _kill(chance.choice(_ranks(server)))

    def another() -> bool:
        with contextlib.suppress(OSError, ValueError):
            return bool(server.connection_info()["generation"] != before)
        return False

    assert poll_until(another, _BACK_S), "no new kernel comes"


def _stop_rank(server: Server, chance: random.Random) -> None:
    pid = chance.choice(_ranks(server))
    os.kill(pid, signal.SIGSTOP)
    try:
        _hold(chance)
    finally:
        os.kill(pid, signal.SIGCONT)


def _kill_gateway(server: Server, chance: random.Random) -> None:
    before = _gateway(server)
    victim = chance.choice(before)
    _kill(victim)
    assert poll_until(lambda: set(_gateway(server)) - set(before), _BACK_S), "no new gateway comes"


def _replace_gateway(server: Server, chance: random.Random) -> None:
    done = server.runtime.run("restart", "--gateway", "-p", str(server.port))
    assert done.returncode == 0, done.stderr


def _kill_one_of(server: Server, module: str, parent: str) -> None:
    """Kill the process that runs a module, as a child of one that runs another."""
    marks = (server.runtime.mark, str(server.runtime.directory))
    found = [pid for pid in marked_processes(*marks) if role(pid) == module]
    for pid in found:
        if role(_parent(pid)) == parent:
            _kill(pid)


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _kill_script_runner(server: Server, chance: random.Random) -> None:
    # Those of scripts are children of it.
    _kill_one_of(server, "nestd.scripts.process.fork_server", "nestd.cli")


def _kill_log(server: Server, chance: random.Random) -> None:
    # A rank's own, where there are several, is not started again before the next kernel.
    _kill_one_of(server, "nestd.logs.writer_process", "nestd.server.background")


def _no_files(server: Server, chance: random.Random) -> None:
    with no_more_files(_gateway(server)):
        _hold(chance)


def _full_disk(server: Server, chance: random.Random) -> None:
    pids = [*_gateway(server), server.connection_info()["pid"]]
    with limited(pids, resource.RLIMIT_FSIZE, FULL_BYTES):
        _hold(chance)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong."""

    name: str
    #: Returns when it is over, the kernel or gateway that it takes included.
    do: Callable[[Server, random.Random], None]
    #: What it may lead to, beside answers.
    allows: frozenset[Outcome] = frozenset()


FAULTS = (
    # Of what was sent to its sockets by peers that are no gateways there is no answer.
    Fault("a rank is killed", _kill_rank, frozenset([Outcome.FAILED, Outcome.LOST])),
    Fault("a rank is stopped for a while", _stop_rank),
    Fault("the gateway is killed", _kill_gateway, frozenset([Outcome.LOST])),
    Fault("the gateway is replaced", _replace_gateway),
    Fault(
        "the process that runs scripts is killed", _kill_script_runner, frozenset([Outcome.REFUSED])
    ),
    Fault("the process that writes the log is killed", _kill_log),
    Fault(
        "the gateway gets no file descriptors", _no_files, frozenset([Outcome.FAILED, Outcome.LOST])
    ),
    Fault("no room for large jobs", _full_disk, frozenset([Outcome.FAILED])),
)


class Faults:
    """Those that have happened.

    Parameters
    ----------
    server : that they happen to
    chance : that chooses
    """

    def __init__(self, server: Server, chance: random.Random) -> None:
        self._server = server
        self._chance = chance
        self._left: list[Fault] = []
        #: Of the faults that were, the newest last: when they began and ended, and what they allow.
        self._windows: list[list[Any]] = []
        #: Seconds from each fault until the server was ready, by name.
        self.back_s: defaultdict[str, list[float]] = defaultdict(list)

    def allowed(self, since_s: float, until_s: float) -> frozenset[Outcome]:
        """What the faults between two times may lead to."""
        found: set[Outcome] = set()
        for began_s, ended_s, allows in reversed(self._windows):
            if ended_s is not None and ended_s < since_s:
                break
            if began_s <= until_s:
                found |= allows
        return frozenset(found)

    def run(self, over: threading.Event) -> None:
        """One after the other, in random order, until told."""
        while not over.wait(self._chance.uniform(0.5, 2.0)):
            if not self._left:
                self._left = self._chance.sample(FAULTS, len(FAULTS))
            self._happen(self._left.pop())

    def _happen(self, fault: Fault) -> None:
        began_s = time.monotonic()
        window: list[Any] = [began_s, None, fault.allows]
        self._windows.append(window)
        try:
            fault.do(self._server, self._chance)
            if not poll_until(self._is_ready, _BACK_S):
                raise AssertionError(f"not ready again after this: {fault.name}")
        finally:
            window[1] = time.monotonic()
        self.back_s[fault.name].append(window[1] - began_s)

    def _is_ready(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            headers = {"NESTServerAuth": self._server.token or ""}
            return requests.get(f"{self._server.url}/readyz", headers=headers, timeout=10.0).ok
        return False

    def found(self) -> Iterator[tuple[str, str]]:
        """Of each fault that was, its name and how long it took."""
        for fault in FAULTS:
            times = self.back_s.get(fault.name)
            if times:
                often = f"{len(times)} time(s)"
                median = statistics.median(times)
                yield fault.name, f"{often}; ready after {median:.1f} s, at most {max(times):.1f} s"
