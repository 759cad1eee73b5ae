"""How servers on several ranks stop: what runs has its time, and no rank outlives the end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.integration.pending import await_end, await_refusal, pending, processes, running_script
from tests.integration.servers import DEADLINE_S, OPEN, Runtime, Start, free_port
from tests.mpi.jobs import Launch, answering


def test_launcher_passes_on_that_what_runs_may_end(
    launch: Launch, runtime: Runtime, tmp_path: Path
) -> None:
    port, release = free_port(), tmp_path / "release"
    job = launch(2, port, OPEN)
    server = answering(job, runtime, port, token=None)
    with pending(server) as send, running_script(server, send, release) as run:
        job.send_signal(signal.SIGUSR1)
        late = await_refusal(server)
        assert not run.done()
        release.touch()
        answer = run.result(DEADLINE_S)
    assert (late.status_code, late.json()["error"]) == (503, "KernelUnavailable")
    assert answer.status_code == 200, answer.text
    server.session.close()
    said, _ = job.communicate(timeout=DEADLINE_S)
    assert "nothing new is taken, script goes on for at most 30 s" in said
    assert "Traceback" not in said
    assert runtime.leftovers() == []


def test_supervisor_lets_what_runs_on_ranks_end(start: Start, tmp_path: Path) -> None:
    server = start({**OPEN, "NEST_SERVER_DRAIN": "off"}, "-n", "2")
    release = tmp_path / "release"
    (pid,) = processes(server, "nestd.server.background")
    with pending(server) as send, running_script(server, send, release) as run:
        os.kill(pid, signal.SIGTERM)
        assert await_refusal(server).status_code == 503
        assert not run.done()
        release.touch()
        assert run.result(DEADLINE_S).status_code == 200
    await_end(pid)
    assert "nestd was stopped at the stage drain" in server.log()
    # Nor has the launcher found anything wrong with that.
    assert "finalize" not in server.log()
    server.session.close()
