"""GetKernelStatus of one key by 8 and by 64 clients at once, which `wrk` plays: each sends as
soon as it has its answer. The floor is an empty Flask route under the gateway's own gunicorn
settings.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.bench import Bench, NotInstalled
from benchmarks.rows import FLOOR, THIS, Target
from benchmarks.servers import TOKEN, Running

TITLE = "Many clients"

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
    with tempfile.TemporaryDirectory(prefix="nestd-b-") as directory:
        script = Path(directory) / "status.lua"
        script.write_text(_LUA)

        def load(server: Running, clients: int) -> float:
            options = ["-t1", f"-c{clients}", f"-d{duration_s}s", "--timeout", "30s"]
            path = "/"
            if server is not flask:
                options += ["-s", str(script)]
                path = "/api/GetKernelStatus"
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
