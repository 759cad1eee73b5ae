"""The faults, provoked one after the other at servers of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import requests

import nest_remote
from protocol.process.polling import poll_until
from tests.integration.pending import (
    ENDLESS_MS,
    await_new_kernel,
    await_waiting,
    begin_endless_run,
    kill,
    pending,
    processes,
)
from tests.integration.servers import DEADLINE_S, Server, marked_processes
from tests.integration.test_jobs import await_state, result, submit

#: More than this many calls are refused where the queue is tried.
_QUEUE = 4
#: Few enough that a script comes to its limit at once.
_SCRIPT_MIB = 512


@dataclass(frozen=True)
class Seen:
    """What a caller saw of a fault."""

    #: Status and message of the answer, or how the connection ended.
    answer: str
    #: Time from the fault to the answer.
    answered_s: float
    #: The same to the first answer of the server to another call.
    serves_s: float


@dataclass(frozen=True)
class Trial:
    """A fault, and what is promised of it."""

    what: str
    provoke: Callable[[Server], Seen]
    #: All of these have to be in the answer.
    told: tuple[str, ...]
    ranks: tuple[int, ...] = (1, 2)
    env: dict[str, str] = field(default_factory=dict)


def _said(reply: requests.Response) -> str:
    facts = reply.json()
    retry = reply.headers.get("Retry-After")
    after = f" (Retry-After: {retry})" if retry else ""
    return f"{reply.status_code} {facts['error']}{after}: {facts['message']}"


def _serves(server: Server) -> bool:
    """Whether the kernel answers a caller."""
    headers = {"NESTServerAuth": server.token or ""}
    url = f"{server.url}/api/biological_time"
    try:
        return requests.get(url, headers=headers, timeout=DEADLINE_S).status_code == 200
    except requests.ConnectionError:
        return False


def _seen(server: Server, began_s: float, answer: str) -> Seen:
    """What was answered just now, and when the server serves again."""
    answered_s = time.monotonic() - began_s
    assert poll_until(lambda: _serves(server), DEADLINE_S, 0.01), server.log()
    return Seen(answer, answered_s, time.monotonic() - began_s)


def _asked(name: str, body: object) -> Callable[[Server], Seen]:
    """A call that is refused."""

    def provoke(server: Server) -> Seen:
        server.call("Create", ["iaf_psc_alpha", 4])
        began_s = time.monotonic()
        return _seen(server, began_s, _said(server.post(name, body)))

    return provoke


def _raised_alone(server: Server) -> Seen:
    """One rank raises inside a simulation, in which the others wait for it."""
    nodes = server.call("Create", ["aeif_cond_alpha", 1])
    server.call("SetStatus", {"nodes": nodes, "params": {"I_e": 1e12}})
    generation = server.connection_info()["generation"]
    began_s = time.monotonic()
    reply = server.post("/api/Simulate", [100.0])
    answered_s = time.monotonic() - began_s
    if reply.status_code == 500:
        # Until the old kernel has ended, it may be the one that answers.
        await_new_kernel(server, generation)
    answer = _said(reply)
    return Seen(answer, answered_s, _seen(server, began_s, answer).serves_s)


def _in_a_run(fault: Callable[[Server], None]) -> Callable[[Server], Seen]:
    """Return a trial in which ``fault`` happens to a kernel that simulates."""

    def provoke(server: Server) -> Seen:
        with pending(server) as send:
            run = begin_endless_run(server, send)
            began_s = time.monotonic()
            fault(server)
            return _seen(server, began_s, _said(run.result()))

    return provoke


def _kill_last_rank(server: Server) -> None:
    os.kill(server.connection_info()["processes"][-1]["pid"], signal.SIGKILL)


def _kill_launcher(server: Server) -> None:
    ranks = {one["pid"] for one in server.connection_info()["processes"]}
    (launcher,) = set(processes(server, "nestd.cli")) - ranks
    os.kill(launcher, signal.SIGKILL)


def _stop_and_go_on(server: Server) -> Seen:
    """The kernel's process is suspended in a call, and goes on; timed from when it does."""
    server.call("Create", ["iaf_psc_alpha"])
    pids = [one["pid"] for one in server.connection_info()["processes"]]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    with pending(server) as send:
        call = send("Simulate", [10.0])
        await_waiting(server, 1)
        began_s = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        reply = call.result()
        assert reply.status_code == 200, reply.text
        return _seen(server, began_s, "200, after it goes on")


def _gateway(server: Server) -> Seen:
    """The gateway is killed in a run; kernel, network and finished jobs have to be as they were."""
    finished = submit(server, "/api/Create", ["iaf_psc_alpha", 3])
    await_state(server, finished, "done")
    generation = server.connection_info()["generation"]
    with pending(server) as send:
        run = begin_endless_run(server, send)
        began_s = time.monotonic()
        kill(*processes(server, "gateway"))
        answer = _broken(run)
    answered_s = time.monotonic() - began_s
    server.session.close()
    headers = {"NESTServerAuth": server.token or ""}

    def answers() -> bool:
        try:
            return requests.get(server.url, headers=headers, timeout=DEADLINE_S).ok
        except requests.ConnectionError:
            return False

    assert poll_until(answers, DEADLINE_S, 0.01)
    serves_s = time.monotonic() - began_s
    # What nobody waits for any more goes on, until it is ended.
    assert result(server, finished).json() == [1, 2, 3]
    for job in server.get("/jobs").json():
        if job["state"] == "running":
            server.request("DELETE", f"/jobs/{job['id']}")
    assert poll_until(lambda: _serves(server), DEADLINE_S)
    assert server.connection_info()["generation"] == generation
    assert server.call("GetKernelStatus", ["network_size"]) == 4
    return Seen(f"{answer}; the finished job's result is there", answered_s, serves_s)


def _broken(run: Future[requests.Response]) -> str:
    try:
        return _said(run.result())
    except requests.ConnectionError:
        return "the connection breaks"


def _queue(server: Server) -> Seen:
    """One more caller than may wait; those who wait have to get their answers."""
    with pending(server) as send:
        run = begin_endless_run(server, send)
        others = [send("resolution") for _ in range(_QUEUE - 1)]
        await_waiting(server, _QUEUE)
        began_s = time.monotonic()
        answer = _said(server.post("/api/resolution"))
        answered_s = time.monotonic() - began_s
        (running,) = [job for job in server.get("/jobs").json() if job["what"] == "Simulate"]
        server.request("DELETE", f"/jobs/{running['id']}")
        run.result()
        assert [one.result().status_code for one in others] == [200] * len(others)
        return Seen(answer, answered_s, _seen(server, began_s, answer).serves_s)


def _script(source: str, end: Callable[[Server], None] | None = None) -> Callable[[Server], Seen]:
    """A script that is ended."""

    def provoke(server: Server) -> Seen:
        nodes = server.call("Create", ["iaf_psc_alpha", 2])
        with pending(server) as send:
            began_s = time.monotonic()
            run = send("../exec", {"source": source})
            if end is not None:

                def runs() -> bool:
                    jobs = server.get("/jobs").json()
                    return any(job["state"] == "running" for job in jobs)

                assert poll_until(runs, DEADLINE_S)
                began_s = time.monotonic()
                end(server)
            seen = _seen(server, began_s, _said(run.result()))
        assert server.call("GetNodes") == nodes
        return seen

    return provoke


def _end_script(server: Server) -> None:
    server.request("DELETE", "/exec")


def _kill_zygote(server: Server) -> None:
    # Its environment is not ours, but its arguments name the directory.
    found = marked_processes(str(server.runtime.directory))
    kill(min(pid for pid in found if b"nestd.scripts.process.fork_server" in _arguments(pid)))


def _arguments(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _stale(server: Server) -> Seen:
    """A reference of the Python client to nodes of a kernel that is gone."""
    nest_remote.connect(server.url, token=server.token, progress=False)
    try:
        nodes = nest_remote.Create("iaf_psc_alpha", 3)
        generation = server.connection_info()["generation"]
        began_s = time.monotonic()
        _kill_last_rank(server)
        await_new_kernel(server, generation)
        serves_s = time.monotonic() - began_s
        server.call("Create", ["iaf_psc_alpha", 3])
        began_s = time.monotonic()
        try:
            answer = f"{nodes.V_m}, of other nodes"
        except nest_remote.NESTErrors.KernelException as error:
            answer = f"{type(error).__name__}: {error}"
        return Seen(answer, time.monotonic() - began_s, serves_s)
    finally:
        nest_remote.disconnect()


TRIALS = (
    Trial("a model that there is not", _asked("/api/Create", ["nope"]), ("400", "UnknownModel")),
    Trial(
        "a value that one rank alone refuses",
        _asked("/api/SetStatus", {"nodes": [1], "params": {"C_m": -1.0}}),
        ("400", "BadProperty"),
        (2,),
    ),
    Trial("NEST raises in a run", _raised_alone, ("400", "NumericalInstability"), (1,)),
    Trial(
        "one rank raises in a run, the others wait inside NEST",
        _raised_alone,
        ("500", "NumericalInstability", "rank 1"),
        (2, 4),
    ),
    Trial(
        "a rank is killed in a run",
        _in_a_run(_kill_last_rank),
        ("503", "KernelLost", "SIGKILL"),
        (1, 2, 4),
    ),
    Trial(
        "mpirun is killed in a run",
        _in_a_run(_kill_launcher),
        ("503", "KernelLost", "of the launcher"),
        (2,),
    ),
    Trial("a reference from before a restart", _stale, ("is gone with its network",)),
    Trial("the kernel is suspended in a call", _stop_and_go_on, ("200",)),
    Trial("the gateway is killed in a run", _gateway, ("breaks", "result is there")),
    Trial(
        "one call more than may wait",
        _queue,
        ("503", "QueueFull", "Retry-After"),
        (1, 2),
        {"NEST_SERVER_QUEUE_LIMIT": str(_QUEUE)},
    ),
    Trial("an endless script is ended", _script("while True: pass", _end_script), ("400", "line")),
    Trial(
        "a script wants more memory than it may",
        _script("import numpy\nheld = [numpy.ones(10**7) for _ in range(100)]"),
        ("400", "emory"),
        (1, 2),
        {"NEST_SERVER_EXEC_MEMORY_MIB": str(_SCRIPT_MIB)},
    ),
    Trial(
        "the process that runs scripts is killed",
        _script(f"import nest\nnest.Simulate({ENDLESS_MS})", _kill_zygote),
        ("400",),
    ),
)
