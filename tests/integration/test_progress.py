"""Who waits for a simulation sees how far it is, and can end it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from protocol.process.polling import poll_until
from tests.integration.pending import ENDLESS_MS
from tests.integration.servers import DEADLINE_S, Server
from tests.integration.terminals import program

CLIENT = """
from NESTServerClient import NESTServerClient
nsc = NESTServerClient("localhost", PORT)
nsc.Create("iaf_psc_alpha", params={"I_e": 400.0})
"""
LOOK_ALIKE = """
import nest_remote as nsc
nsc.connect("http://localhost:PORT")
nsc.Create("iaf_psc_alpha", params={"I_e": 400.0})
"""
INTERRUPTED = f"""
try:
    CALL
except KeyboardInterrupt as error:
    print("interrupted", error)
at_ms = nsc.GetKernelStatus("biological_time")
assert 0.0 < at_ms < {ENDLESS_MS}, at_ms
nsc.Simulate(100.0)
print("went on", round(nsc.GetKernelStatus("biological_time") - at_ms, 3))
"""


def went_on(call: str) -> str:
    """What :data:`INTERRUPTED` prints of ``call``."""
    said = f"{call} was interrupted; what the server had done of it until then stays"
    return f"interrupted {said}\nwent on 100.0\n"


#: What is drawn: the call, the bar, its part, biological time, real-time factor, end.
BAR = re.compile(
    r"Simulate \|.*\| \d+%, [\d.e+]+ of [\d.e+]+ ms, real-time factor [\d.e+-]+, ends \d\S+"
)


def running(server: Server) -> dict[str, Any]:
    """The job that runs, when one does and simulates."""

    def look() -> dict[str, Any] | None:
        found = [job for job in server.get("/jobs").json() if job["state"] == "running"]
        return found[0] if found and "progress" in found[0] else None

    found = poll_until(look, DEADLINE_S)
    assert found, "nothing simulates"
    return found


def nothing_runs(server: Server) -> bool:
    """Whether all jobs have ended, or soon do."""

    def look() -> bool:
        jobs = server.get("/jobs").json()
        return not [job for job in jobs if job["state"] in ("queued", "running")]

    return poll_until(look, DEADLINE_S) is not None


@pytest.mark.parametrize("begin", [CLIENT, LOOK_ALIKE], ids=["client", "look-alike"])
def test_terminal_shows_how_far_a_long_simulation_is(server: Server, begin: str) -> None:
    source = begin + f"nsc.Simulate(10.0)\nprint('short')\nnsc.Simulate({ENDLESS_MS})"
    with program(server, source) as user:
        user.await_text("short")
        assert user.said[1] == ""
        user.await_text(", ends ")
        assert BAR.search(user.said[1]), user.said
        job = running(server)
        assert job["progress"]["done_ms"] < job["progress"]["biological_time_ms"]
        # Of this simulation, as the percentage is, and not of the network's whole life.
        assert f"of {ENDLESS_MS:.10g} ms" in user.said[1]
        user.interrupt()
        assert user.end() != 0
    assert nothing_runs(server)


def test_bar_of_a_simulation_that_ends_is_full(server: Server) -> None:
    # Long enough to be seen: the first look is after a second.
    source = CLIENT + "nsc.Create('iaf_psc_alpha', 2000)\n" + "nsc.Simulate(20000.0)\nprint('end')"
    with program(server, source) as user:
        assert user.end() == 0, user.said
        last = user.said[1].rstrip().rpartition("\r")[2]
    assert "100%, 20000 of 20000 ms, real-time factor" in last, user.said
    assert "ends" not in last


@pytest.mark.parametrize(
    ("terminal", "env", "argument"),
    [
        (False, {}, ""),
        (False, {}, ", progress=True"),
        (True, {"NEST_SERVER_PROGRESS": "0"}, ""),
        (True, {}, ", progress=False"),
    ],
    ids=["no terminal", "no terminal but asked for", "variable", "argument"],
)
def test_nothing_is_shown_where_it_is_not_wanted(
    server: Server, terminal: bool, env: dict[str, str], argument: str
) -> None:
    source = CLIENT.replace("PORT)", f"PORT{argument})") + INTERRUPTED.replace(
        "CALL", f"nsc.Simulate({ENDLESS_MS})"
    )
    with program(server, source, terminal, env) as user:
        job = running(server)
        assert poll_until(lambda: running(server)["wall_s"] > 2.0, DEADLINE_S), job
        user.interrupt()
        assert user.end() == 0, user.said
        assert user.said == (went_on("Simulate"), "")


def test_argument_wins_over_the_variable(server: Server) -> None:
    source = CLIENT.replace("PORT)", "PORT, progress=True)") + f"nsc.Simulate({ENDLESS_MS})"
    with program(server, source, env={"NEST_SERVER_PROGRESS": "off"}) as user:
        user.await_text(", ends ")
        user.interrupt()
        user.end()
    assert nothing_runs(server)


def test_script_shows_its_simulation(server: Server) -> None:
    call = f"nsc.exec_script('n = nest.Create(\"parrot_neuron\")\\nnest.Simulate({ENDLESS_MS})')"
    with program(server, CLIENT + INTERRUPTED.replace("CALL", call)) as user:
        user.await_text(", ends ")
        assert BAR.search(user.said[1]), user.said
        user.interrupt()
        assert user.end() == 0, user.said
        assert user.said[0] == went_on("script")


def test_what_waits_for_others_says_so(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    first = server.post("/api/Simulate", [ENDLESS_MS], headers={"Prefer": "respond-async"}).json()
    running(server)
    with program(server, CLIENT.partition("nsc.Create")[0] + "nsc.Simulate(10.0)") as user:
        user.await_text("waits, 1 before it")
        server.request("DELETE", f"/jobs/{first['id']}")
        assert user.end() == 0, user.said


@pytest.mark.parametrize("begin", [CLIENT, LOOK_ALIKE], ids=["client", "look-alike"])
@pytest.mark.parametrize("call", ["Simulate", "Run"])
def test_interrupted_call_is_cancelled_and_the_session_goes_on(
    server: Server, begin: str, call: str
) -> None:
    prepare = "nsc.Prepare()\n" if call == "Run" else ""
    source = begin + prepare + INTERRUPTED.replace("CALL", f"nsc.{call}({ENDLESS_MS})")
    if call == "Run":
        source = source.replace("nsc.Simulate(100.0)", "nsc.Run(100.0)")
    with program(server, source, terminal=False) as user:
        running(server)
        user.interrupt()
        assert user.end() == 0, user.said
        # It has ended when the error is raised: nothing was to be waited for.
        assert user.said == (went_on(call), "")


def test_interrupted_call_that_waits_is_never_executed(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    first = server.post("/api/Simulate", [ENDLESS_MS], headers={"Prefer": "respond-async"}).json()
    running(server)
    with program(server, CLIENT, terminal=False) as user:

        def waits() -> bool:
            jobs = server.get("/jobs").json()
            return any(job["what"] == "Create" and job["waited_for"] for job in jobs)

        assert poll_until(waits, DEADLINE_S)
        user.interrupt()
        assert user.end() != 0
        assert "KeyboardInterrupt" in user.said[1]
        assert not waits()
    server.request("DELETE", f"/jobs/{first['id']}")
    assert server.call("network_size") == 1


@contextmanager
def stopped_kernel(server: Server) -> Iterator[None]:
    """Nothing ends meanwhile, whoever asks for it."""
    pid = server.connection_info()["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("terminal", [True, False])
def test_second_interrupt_leaves_at_once(server: Server, terminal: bool) -> None:
    telling = """
from nest_remote.http.connection import HttpConnection as Connection
send = Connection.send
def told(connection, method, *rest, **options):
    print(method)
    return send(connection, method, *rest, **options)
Connection.send = told
"""
    source = CLIENT + telling + f"nsc.Simulate({ENDLESS_MS})"
    with program(server, source, terminal) as user:
        job = running(server)
        with stopped_kernel(server):
            user.interrupt()
            user.await_text("DELETE")
            user.interrupt()
            assert user.end() != 0
            assert "KeyboardInterrupt" in user.said[1]
            # It is there still: nobody has waited for its end.
            assert server.get(f"/jobs/{job['id']}").json()["state"] == "running"
    assert nothing_runs(server)


def test_interrupt_waits_not_for_ever_and_says_what_goes_on(server: Server) -> None:
    source = CLIENT + (
        "from nest_remote.calls import blocking\n"
        "blocking.END_S = 0.5\n"
        f"try:\n    nsc.Simulate({ENDLESS_MS})\n"
        "except KeyboardInterrupt as error:\n    print(error)\n"
    )
    with program(server, source, terminal=False) as user:
        running(server)
        with stopped_kernel(server):
            user.interrupt()
            assert user.end() == 0, user.said
            assert "Simulate can't be interrupted at the moment" in user.said[0]
    assert nothing_runs(server)


def test_status_of_the_server_says_what_runs_and_how_far(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    port = str(server.port)
    assert "runs" not in server.runtime.run("status", "-p", port).stdout
    headers = {"Prefer": "respond-async"}
    job = server.post("/api/Simulate", [ENDLESS_MS], headers=headers).json()
    server.post("/api/Create", ["parrot_neuron"], headers=headers)
    running(server)
    told = server.runtime.run("status", "-p", port).stdout
    assert re.search(rf"^  runs     Simulate since [\d:]+, job {job['id']}$", told, re.M), told
    assert re.search(
        r"^  is at    \d+%, [\d.e+]+ of 100000000 ms, real-time factor [\d.e+-]+, ends \d.*$",
        told,
        re.M,
    ), told
    assert "  waiting  1 more\n" in told
    (status,) = json.loads(server.runtime.run("status", "--json", "-p", port).stdout)
    assert (status["running"]["id"], status["queued"], status["waiting"]) == (job["id"], 1, 1)
    assert status["running"]["progress"]["total_ms"] == ENDLESS_MS
    server.request("DELETE", f"/jobs/{job['id']}")
    assert nothing_runs(server)
