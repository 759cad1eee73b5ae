"""Calls that wait for their answers while a test does something to the server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from protocol.process.identity import identify
from protocol.process.polling import poll_until
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.status_file import read_status
from tests.integration.servers import DEADLINE_S, Server, marked_processes

#: Biological time in ms that takes minutes to simulate, even for a single neuron.
ENDLESS_MS = 1e8

#: Simulates until a file is there; for servers without restriction.
SCRIPT = """
import os
n = 0
while not os.path.exists({path!r}):
    nest.Simulate(10.0)
    n += 1
"""

Send = Callable[..., "Future[requests.Response]"]


def post(server: Server, name: str, body: Any = None) -> requests.Response:
    """``POST /api/<name>`` on a connection of its own."""
    headers = {"NESTServerAuth": server.token} if server.token else {}
    return requests.post(f"{server.url}/api/{name}", json=body, headers=headers, timeout=DEADLINE_S)


@contextmanager
def pending(server: Server) -> Iterator[Send]:
    """Gives ``send(name, body)``, which posts a call and returns at once, with its future."""
    with ThreadPoolExecutor(32) as threads:
        yield lambda name, body=None: threads.submit(post, server, name, body)


def await_waiting(server: Server, number: int) -> None:
    """Return when ``number`` calls are under way."""

    def look() -> bool:
        reply = requests.get(
            server.url, headers={"NESTServerAuth": server.token or ""}, timeout=DEADLINE_S
        )
        state: dict[str, Any] = reply.json()
        return state["state"] == "busy" and state["waiting"] >= number

    assert poll_until(look, DEADLINE_S), f"{number} calls never were under way"


def await_taken(server: Server, number: int) -> None:
    """Return when the kernel has ``number`` commands; the gateway counts what it will send, too."""
    files = RuntimeDirectory(server.runtime.directory / f"server-{server.port}")
    path = files.status(server.connection_info()["generation"])

    def look() -> bool:
        status = read_status(path)
        return bool(status.id) + len(status.queue) >= number

    assert poll_until(look, DEADLINE_S), f"the kernel never had {number} commands"


def begin_endless_run(server: Server, send: Send) -> Future[requests.Response]:
    """Have NEST compute for longer than any test."""
    server.call("Create", ["iaf_psc_alpha"])
    run = send("Simulate", [ENDLESS_MS])
    await_waiting(server, 1)
    # The call is with NEST, not on its way there, when nestd uses the processor.
    pid = server.connection_info()["pid"]
    used = processor_ticks(pid)
    assert poll_until(lambda: processor_ticks(pid) > used + 5, DEADLINE_S)
    return run


def processor_ticks(pid: int) -> int:
    """Processor time that ``pid`` has used so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def await_new_kernel(server: Server, old_generation: str) -> str:
    """The generation of the kernel that follows ``old_generation``, as a client learns of it."""

    def look() -> str | None:
        reply = post(server, "biological_time")
        generation = reply.headers.get("NEST-Kernel-Generation")
        return generation if reply.status_code == 200 and generation != old_generation else None

    found = poll_until(look, DEADLINE_S)
    assert found, server.log()
    return found


def await_end(pid: int) -> None:
    """Return when no process has ``pid`` any more."""

    def ended() -> bool:
        found = identify(pid)
        return found is None or not found.is_running()

    assert poll_until(ended, DEADLINE_S), f"process {pid} does not end"


def processes(server: Server, module: str) -> list[int]:
    """The server's processes that run ``module``, parents before children."""
    words = f"-m\0{module}\0".encode()
    found = []
    for pid in sorted(marked_processes(server.runtime.mark)):
        # It may have ended meanwhile.
        with suppress(OSError):
            if words in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def supervisor(server: Server) -> int:
    """Return the process id of the supervisor."""
    (pid,) = processes(server, "nestd.server.background")
    return pid


def kill(*pids: int) -> None:
    """SIGKILL for all, as one."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        await_end(pid)


@contextmanager
def running_script(server: Server, send: Send, path: Path) -> Iterator[Future[requests.Response]]:
    """A script that simulates until the test makes ``path``, which happens here at the latest."""
    source = SCRIPT.format(path=str(path))
    run = send("../exec", {"source": source, "return": "n"})

    def runs() -> bool:
        jobs = server.get("/jobs").json()
        return any(job["state"] == "running" and job["what"] == "script" for job in jobs)

    try:
        assert poll_until(runs, DEADLINE_S)
        yield run
    finally:
        path.touch()


def await_refusal(server: Server) -> requests.Response:
    """The answer to a call that comes too late."""

    # A call that is still taken would wait for what runs.
    assert poll_until(lambda: server.get("/readyz").status_code == 503, DEADLINE_S)
    return post(server, "resolution")
