"""GetKernelStatus of one key by 8 and by 64 clients at once, which `wrk` plays: each sends as
soon as it has its answer. The floor is an empty Flask route under the gateway's own HTTP
server. Then this server on several ranks; the series is of the time between two answers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.bench import Bench, NotInstalled, say
from benchmarks.rows import FLOOR, THIS, Target
from benchmarks.servers import TOKEN, Running
from protocol.process.polling import poll_until

TITLE = "Many clients"
#: How long what a load has left may take.
IDLE_DEADLINE_S = 30.0
#: Clients at once on several ranks.
_SIZES = (4, 16, 64)

_LUA = f"""
wrk.method = "POST"
wrk.body = '{{"keys": ["resolution"]}}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["NESTServerAuth"] = "{TOKEN}"
"""


def run(bench: Bench) -> None:
    """Requests per second."""
    program = shutil.which("wrk")
    if program is None:
        raise NotInstalled("there is no wrk here: apt-get install wrk")
    servers = bench.peers() | {THIS: bench.ours()}
    flask = bench.flask()
    duration_s = 1 if bench.quick else 4
    ranked_duration_s = 1 if bench.quick else 2
    with tempfile.TemporaryDirectory(prefix="nestd-b-") as directory:
        script = Path(directory) / "status.lua"
        script.write_text(_LUA)

        def load(server: Running, clients: int, duration_s: int = duration_s) -> float:
            options = ["-t1", f"-c{clients}", f"-d{duration_s}s", "--timeout", "30s"]
            path = "/"
            if server is not flask:
                options += ["-s", str(script)]
                path = "/api/GetKernelStatus"
                _await_idle(server)
            done = subprocess.run(
                [program, *options, f"http://127.0.0.1:{server.port}{path}"],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            if "Non-2xx" in done.stdout:
                raise RuntimeError(f"some requests failed: {done.stdout[-300:]}")
            found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
            if found is None:
                raise RuntimeError(f"wrk said {done.stdout[-300:]}")
            return float(found[1])

        for clients, target in ((8, Target("times", 6.0)), (64, None)):
            row = bench.row(
                f"GetKernelStatus(one key), {clients} clients",
                "requests/s",
                target,
                floor="an empty Flask route",
                to_show="8 clients (wrk), requests per second, against 3.10" if target else "",
            )
            measure = {
                name: (lambda s=s, n=clients: load(s, n))
                for name, s in [*servers.items(), (FLOOR, flask)]
            }
            bench.turns(row, measure, bench.rounds)
        for ranks in bench.ranks():
            with bench.ranked(ranks) as server:
                for clients in _SIZES:
                    what = f"GetKernelStatus(one key), {clients} clients, {ranks} rank(s)"
                    rows = [
                        bench.row(what, "requests/s"),
                        bench.row(
                            f"{what}: between answers",
                            "ms",
                            series="between answers to many clients, on ranks",
                            size=clients,
                            ranks=ranks,
                        ),
                    ]
                    say(what)
                    for _ in range(bench.few):

                        def both(server: Running = server, clients: int = clients) -> list[float]:
                            answered = load(server, clients, ranked_duration_s)
                            return [answered, 1e3 / answered]

                        bench.attempt(rows, THIS, both)
    if not bench.has_mpi():
        raise NotInstalled("there is no NEST with MPI here, so no ranks were measured")


def _await_idle(server: Running) -> None:
    """Wait until what an earlier load left unanswered is done.

    That still waits for the kernel, and no more than 64 requests may.
    """

    def answers() -> bool:
        with server.client() as client:
            return client.request("GET", "/api/GetKernelStatus?keys=resolution")[0] == 200

    # Who is answered was the last.
    if not poll_until(answers, IDLE_DEADLINE_S):
        raise RuntimeError(f"{server.name} is busy {IDLE_DEADLINE_S:g} s after the last load")
