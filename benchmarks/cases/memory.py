"""Memory that gateway and rank 0 take for an answer of 1e7 spikes: the peak of their resident
memory (`VmHWM` of Linux, set back before each request) above what they had before, by the
bytes of the answer's body. NEST's own record of the spikes is there before, so it is not in
it. On several ranks the answer is merged from their parts.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.cases.spikes import MSGPACK, request_ms
from benchmarks.networks import recorded
from benchmarks.rows import THIS, Target, short
from benchmarks.servers import Running

TITLE = "Memory of a large answer"


def run(bench: Bench) -> None:
    """One rank of the wheel, then three sizes on three numbers of ranks."""
    sizes = (100_000,) if bench.quick else (1_000_000, 3_000_000, 10_000_000)
    _measure(bench, bench.ours(), sizes[-1], None)
    bench.on_ranks(sizes, lambda server, ranks, size: _measure(bench, server, size, ranks))


def _measure(bench: Bench, server: Running, size: int, ranks: int | None) -> None:
    label = short(size)
    where = "" if ranks is None else f" of {ranks} rank(s)"
    with server.client() as client, recorded(client, size, ranks) as body:
        for form, accept in (("binary", MSGPACK), ("JSON", "")):
            processes = {"gateway": server.gateway_pid(), "rank 0": server.rank_pids()[0]}
            shown = [
                f"peak memory of a {label}-spike answer, {form}, {name}, against its bytes"
                for name in processes
            ]
            rows = [
                bench.row(
                    f"{label} spikes{where}, {form}: memory of {name}",
                    "times the answer",
                    Target("value", 3.0),
                    to_show="" if where or bench.quick else shown[index],
                    series=f"memory of {name} by spikes, {form}, on ranks" if where else "",
                    size=size,
                    ranks=ranks,
                )
                for index, name in enumerate(processes)
            ]

            def peaks(
                accept: str = accept, pids: tuple[int, ...] = tuple(processes.values())
            ) -> list[float]:
                before = [_memory(pid, "VmRSS") for pid in pids]
                for pid in pids:
                    Path(f"/proc/{pid}/clear_refs").write_text("5")
                _, answer = request_ms(server, "/api/GetStatus", body, 1, accept, warm_up=0)
                return [
                    (_memory(pid, "VmHWM") - was) / answer
                    for pid, was in zip(pids, before, strict=True)
                ]

            bench.attempt(rows, THIS, peaks)


def _memory(pid: int, name: str) -> int:
    """Bytes, from the status of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} of process {pid}")
