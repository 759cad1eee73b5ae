"""Jobs that outlive the client and the gateway they came from, and results that outlive a rank."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from protocol.process.polling import poll_until
from tests.acceptance.long_runs.findings import Finding
from tests.acceptance.long_runs.networks import Network, ending, simulate, speed
from tests.acceptance.long_runs.placed import Setting
from tests.integration.pending import ENDLESS_MS, await_new_kernel, kill, processes
from tests.integration.servers import DEADLINE_S, Server
from tests.integration.test_jobs import await_state, look, result, submit

FINAL = ("done", "failed", "cancelled")
#: A client that asks for a simulation, says its name, and waits to be killed.
_CLIENT = """
import json, sys, time, urllib.request
url, token, t_ms = sys.argv[1:]
request = urllib.request.Request(
    url + "/api/Simulate", f"[{t_ms}]".encode(),
    {"NESTServerAuth": token, "Prefer": "respond-async", "Content-Type": "application/json"},
)
print(json.load(urllib.request.urlopen(request))["id"], flush=True)
time.sleep(3600)
"""


def run(setting: Setting, ranks: int) -> Iterator[Finding]:
    """Findings of this part."""
    setting.say(f"outliving: client and gateway, {ranks} rank(s)")
    with setting.server(ranks) as server:
        yield _client_and_gateway(server, ranks, 2.0 if setting.short else 15.0)
    setting.say(f"outliving: a rank, {ranks} rank(s)")
    with setting.server(ranks) as server:
        yield _rank(server, ranks)


def _client_and_gateway(server: Server, ranks: int, run_s: float) -> Finding:
    network = Network()
    network.build(server, ranks)
    a_second_ms = speed(server)
    before_ms = server.call("biological_time")
    t_ms = float(round(run_s * a_second_ms))
    arguments = [server.url, server.token or "", str(t_ms)]
    with subprocess.Popen(
        [sys.executable, "-c", _CLIENT, *arguments], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        job = {"id": client.stdout.readline().strip()}
        await_state(server, job, "running")
        reading = submit(server, "/api/GetStatus", [[network.recorder], "events"])
        client.kill()
    kill(*processes(server, "gateway"))
    server.session.close()
    assert poll_until(lambda: _answers(server), DEADLINE_S)
    running = look(server, job)["state"]
    ended = [ending(server, one)["state"] for one in (job, reading)]
    found = result(server, reading).json()[0]
    at_ms = server.call("biological_time")
    network.build(server, ranks)
    server.call("Simulate", [before_ms])
    simulate(server, t_ms)
    same = found == network.spikes(server)
    said = (
        f"{running} when the gateway was back, then {' and '.join(ended)}; "
        f"{len(found['times'])} spikes, {'all' if same else 'NOT all'} of an undisturbed run"
    )
    holds = ended == ["done", "done"] and same and abs(at_ms - before_ms - t_ms) < 1e-6
    return Finding("outliving", "client and gateway are killed", ranks, said, holds)


def _rank(server: Server, ranks: int) -> Finding:
    network = Network(neurons=100)
    network.build(server, ranks)
    server.call("Simulate", [1000.0])
    done = submit(server, "/api/GetStatus", [[network.recorder], "events"])
    await_state(server, done, "done")
    before = result(server, done).content
    generation = server.get("/").json()["generation"]
    running = submit(server, "/api/Simulate", [ENDLESS_MS])
    queued = submit(server, "/api/Create", ["iaf_psc_alpha"])
    await_state(server, running, "running")
    os.kill(server.connection_info()["processes"][ranks - 1]["pid"], signal.SIGKILL)
    ended = [await_state(server, one, *FINAL) for one in (running, queued)]
    await_new_kernel(server, generation)
    kept = result(server, done).content == before
    says = "SIGKILL" in ended[0]["message"]
    if ranks > 1:
        says = says and f"rank {ranks - 1}" in ended[0]["message"]
    states = [one["state"] for one in ended]
    said = (
        f"running and queued job: {' and '.join(states)}, “{ended[0]['message']}”; "
        f"the finished one's {len(before)} bytes are {'there' if kept else 'NOT there'}"
    )
    holds = states == ["failed", "failed"] and kept and says
    return Finding("outliving", f"rank {ranks - 1} is killed", ranks, said, holds)


def _answers(server: Server) -> bool:
    try:
        return bool(server.get("/jobs").ok)
    except OSError:
        return False
