"""``scripts/bench --ranks``: this server on several ranks beside plain PyNEST under mpirun."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from benchmarks import balanced, cases
from benchmarks.client import Client
from benchmarks.servers import Running, running, this_server
from nestd.server.launcher import launcher_command
from protocol import connection_file, frames
from protocol.messages import Action, Command, Operation, Result

RANKS = 2
SPIKES = 1_000_000
_PARROTS = 1000


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def _plain(size: int, time_ms: float) -> dict[str, float]:
    """The balanced network as a plain PyNEST script."""
    command = [*launcher_command(RANKS), sys.executable, "-m", "benchmarks.balanced"]
    done = subprocess.run(
        [*command, str(size), str(time_ms)], capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("MEASURED "))
    measured: dict[str, float] = json.loads(line.removeprefix("MEASURED "))
    return measured


def _served(server: Running, size: int, time_ms: float) -> dict[str, float]:
    """The same over HTTP."""
    with server.client() as client:
        client.call("ResetKernel")
        return balanced.measure(client.call, size, time_ms, RANKS)


def simulation(rounds: int, seconds: float, size: int) -> list[str]:
    """Rows: wall time of building and simulating, here and there."""
    with running(this_server(RANKS)) as server:
        short = _served(server, size, 100.0)
        time_ms = round(100.0 * seconds / short["simulate"])
        _say(f"{size} neurons for {time_ms} ms, {rounds} rounds of about {2 * seconds:.0f} s")
        here, there = [], []
        for _ in range(rounds):
            here.append(_served(server, size, time_ms))
            there.append(_plain(size, time_ms))
    spikes = {found["spikes"] for found in here + there}
    if len(spikes) != 1:
        raise SystemExit(f"the numbers of spikes differ: {sorted(spikes)}")
    rows = []
    for what, target, of in (
        ("simulating", "≤ 1.02", lambda found: found["simulate"]),
        ("building and simulating", "≤ 1.05", lambda found: found["build"] + found["simulate"]),
    ):
        ours, plain = [of(found) for found in here], [of(found) for found in there]
        rows.append(_row(f"{what}, {spikes.copy().pop():.0f} spikes", "s", ours, plain, target))
    return rows


def _row(what: str, unit: str, ours: list[float], other: list[float], target: str) -> str:
    """A line of the table."""
    ratio = statistics.median(ours) / statistics.median(other)
    return f"| {what} | {unit} | {_cell(ours)} | {_cell(other)} | {ratio:.3f} | {target} |"


def _cell(values: list[float]) -> str:
    return f"{statistics.median(values):.4g} ({min(values):.4g}..{max(values):.4g})"


def _record_spikes(client: Client) -> int:
    """Have a recorder record ``SPIKES`` spikes of neurons on all ranks; its node id."""
    client.call("ResetKernel")
    client.call("SetKernelStatus", params={"total_num_virtual_procs": RANKS})
    times = [1.0 + step for step in range(SPIKES // _PARROTS)]
    trains = client.call("Create", model="spike_generator", params={"spike_times": times})
    parrots = client.call("Create", model="parrot_neuron", n=_PARROTS)
    recorder: list[int] = client.call("Create", model="spike_recorder")
    # Delays that differ bring the spikes of one step out of order, as in any real network.
    for part in range(5):
        spec = {"delay": 1.0 + 0.2 * part}
        client.call("Connect", pre=trains, post=parrots[part::5], syn_spec=spec)
    client.call("Connect", pre=parrots, post=recorder)
    client.call("Simulate", t=times[-1] + 10.0)
    return recorder[0]


def spikes(rounds: int) -> list[str]:
    """Row: a million spikes of two ranks on nestd's socket, against a stable argsort of them."""
    _say("a million spikes from two ranks")
    with running(this_server(RANKS)) as server:
        with server.client() as client:
            recorder = _record_spikes(client)
        path = next(server.directory.rglob("connection.json"))
        info = connection_file.read(path)
        assert info is not None
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        socket = context.socket(zmq.DEALER)
        socket.connect(info.command_endpoint)

        def ask(unmerged: bool) -> Any:
            operation = Operation(Action.CALL, "GetStatus", [[recorder], "events"])
            command = Command("1", operation, unmerged=unmerged)
            socket.send_multipart(frames.encode(command))
            parts = socket.recv_multipart(copy=False)
            answer = frames.decode([part.buffer for part in parts])
            assert isinstance(answer, Result)
            return answer.value

        shares = [one["value"]["columns"]["events"][0] for one in ask(unmerged=True)]
        times = np.concatenate([share["times"] for share in shares])
        merged = ask(unmerged=False)[0]["times"]
        assert len(times) == len(merged) == SPIKES
        ours, sorts = [], []
        for _ in range(rounds):
            began = time.perf_counter()
            ask(unmerged=False)
            asked = time.perf_counter()
            np.argsort(times, kind="stable")
            ours.append((asked - began) * 1e3)
            sorts.append((time.perf_counter() - asked) * 1e3)
        socket.close()
        context.term()
    return [_row("1e6 spikes, merged and in order", "ms", ours, sorts, "≤ 2")]


def waiting(times: int, idle_s: float) -> list[str]:
    """Rows about small calls: in a row, after idleness, and what idleness costs."""
    rows = []
    p50: dict[int, list[float]] = {}
    for ranks in (1, 2, 4):
        _say(f"small calls on {ranks} ranks")
        with running(this_server(ranks)) as server:
            p50[ranks] = [statistics.median(cases.status_ms(server, times)) for _ in range(5)]
            if ranks < 4:
                continue
            path = next(server.directory.rglob("connection.json"))
            info = connection_file.read(path)
            assert info is not None
            used = [_ticks(process.pid) for process in info.processes]
            # What is measured is what idle processes use in this time: nothing to poll for.
            time.sleep(10.0)
            burnt = [_ticks(p.pid) - u for p, u in zip(info.processes, used, strict=True)]
            per_second = os.sysconf("SC_CLK_TCK")
            share = sum(burnt) / per_second / 10.0
            rows.append(f"| 4 idle ranks for 10 s | core | {share:.4f} | | | ≤ 0.02 |")
            # The first call after a pause is measured, so the pause is part of it.
            time.sleep(idle_s)
            with server.client() as client:
                began = time.perf_counter()
                client.call("GetKernelStatus", keys=["resolution"])
                first_ms = (time.perf_counter() - began) * 1e3
            rows.append(f"| first call after {idle_s:.0f} s | ms | {first_ms:.1f} | | | ≤ 20 |")
    for ranks, ours in p50.items():
        rows.append(_row(f"small call on {ranks} rank(s), against one", "ms", ours, p50[1], ""))
    return rows


def _ticks(pid: int) -> int:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def measure(rounds: int, quick: bool) -> list[str]:
    """All rows of the table."""
    cases_: list[Callable[[], list[str]]] = [
        lambda: spikes(5 if quick else 15),
        lambda: waiting(100 if quick else 400, 10.0 if quick else 60.0),
        lambda: simulation(1 if quick else rounds, 3.0 if quick else 20.0, 5000),
    ]
    return [row for case in cases_ for row in case()]


def render(rows: list[str]) -> str:
    """The rows as Markdown."""
    head = ["| what | unit | this | compared with | ratio | target |", "|---|---|---|---|---|---|"]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}; median of the rounds"
    return "\n".join([machine, "(lowest..highest).", "", *head, *rows])
