"""What readers of events cost a simulation."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nestd.master.live_spikes import WATCHED_S
from protocol.process.polling import poll_until
from tests.acceptance.long_runs.findings import Finding
from tests.acceptance.long_runs.networks import Network, speed
from tests.acceptance.long_runs.placed import Setting
from tests.integration.servers import DEADLINE_S, Server
from tests.integration.test_jobs import submit

_RUN_S = 4.0
_ROUNDS = 25
#: What they may cost, as a part of the time.
_PART = 0.02


def run(setting: Setting, ranks: int) -> Iterator[Finding]:
    """Findings of this part."""
    rounds = setting.rounds or (3 if setting.short else _ROUNDS)
    setting.say(f"readers: {rounds} rounds on {ranks} rank(s)")
    network = Network(recorded=1000)
    alone: list[tuple[float, float]] = []
    read: list[tuple[float, float]] = []
    with setting.server(ranks) as server:
        network.build(server, ranks)
        t_ms = float(round(_RUN_S * speed(server)))
        for number in range(rounds):
            _clear(server, network)
            alone.append(_simulate(server, t_ms))
            _clear(server, network)
            with _readers(server, network.recorder):
                read.append(_simulate(server, t_ms))
            _await_no_reader(server)
            setting.say(
                f"round {number + 1}: {alone[-1][0]:.2f} s alone, {read[-1][0]:.2f} s with readers"
            )
    wall = _compared([one[0] for one in alone], [one[0] for one in read])
    used = _compared([one[1] for one in alone], [one[1] for one in read])
    found = f"{rounds} rounds; by the clock {wall[1]}; processor time of the ranks {used[1]}"
    yield Finding("readers", "three readers", ranks, found, wall[0] <= 1.0 + _PART)


def _compared(alone: list[float], read: list[float]) -> tuple[float, str]:
    """The ratio of the medians, and what is said of it with its spread."""
    ratio = statistics.median(read) / statistics.median(alone)
    each = sorted(other / one for one, other in zip(alone, read, strict=True))
    quarter = len(each) // 4
    return ratio, (
        f"{statistics.median(alone):.2f} s alone ({min(alone):.2f}..{max(alone):.2f}), "
        f"{statistics.median(read):.2f} s with them ({min(read):.2f}..{max(read):.2f}): "
        f"{ratio - 1:+.1%}, of single rounds half within "
        f"{each[quarter] - 1:+.1%}..{each[-1 - quarter] - 1:+.1%}"
    )


def _simulate(server: Server, t_ms: float) -> tuple[float, float]:
    """Time that it takes in s, by the clock and of processors for the ranks."""
    pids = [one["pid"] for one in server.connection_info()["processes"]]
    used_s, began_s = _used_s(pids), time.monotonic()
    server.call("Simulate", [t_ms])
    return time.monotonic() - began_s, _used_s(pids) - used_s


def _used_s(pids: list[int]) -> float:
    """Processor time that these have used, in s (proc(5))."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _readers(server: Server, recorder: int) -> Iterator[None]:
    """One of all events, one of a recorder's too, and one that has stopped reading."""
    queries = (f"?recorder={recorder}", "", "")
    programs = [
        subprocess.Popen(
            [
                *("curl", "-s", "-N", "-o", os.devnull, f"{server.url}/events{query}"),
                *("-H", f"NESTServerAuth: {server.token}"),
            ]
        )
        for query in queries
    ]
    try:
        assert poll_until(lambda: _reading(server) == len(queries), DEADLINE_S)
        programs[-1].send_signal(signal.SIGSTOP)
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _await_no_reader(server: Server) -> None:
    """Return when nobody reads, and no recorder is taken to be watched any more."""

    def look() -> bool:
        # Of who has gone the gateway learns when it has something to write.
        submit(server, "/api/biological_time")
        return _reading(server) == 0

    assert poll_until(look, DEADLINE_S, 0.2)
    time.sleep(WATCHED_S + 0.5)


def _clear(server: Server, network: Network) -> None:
    server.call("SetStatus", [[network.recorder], {"n_events": 0}])


def _reading(server: Server) -> int:
    """How many readers of events the gateway has."""
    for line in server.get("/metrics").text.splitlines():
        if line.startswith("nestd_event_readers "):
            return round(float(line.split()[1]))
    return 0
