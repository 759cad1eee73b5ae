"""What ``nest-server-mpi`` does as an MPI job of its own, and that such a job ends as a whole."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
import requests

from protocol.process.polling import poll_until
from tests.integration.pending import begin_endless_run, pending
from tests.integration.servers import DEADLINE_S, Runtime, free_port, marked_processes
from tests.mpi.jobs import TOKEN, Launch, answering


@pytest.mark.parametrize("ranks", [1, 2])
def test_job_answers_and_ends_with_everything_it_started(
    launch: Launch, runtime: Runtime, ranks: int
) -> None:
    port = free_port()
    job = launch(ranks, port)
    server = answering(job, runtime, port)
    assert server.call("Create", ["iaf_psc_alpha", 4]) == [1, 2, 3, 4]
    server.call("Simulate", [10.0])
    assert server.call("GetStatus", [[1, 2, 3, 4], "C_m"]) == [250.0] * 4
    assert server.get("/").json()["ranks"] == ranks
    # No process that runs NEST has the token, though the launcher gives it to all of them.
    for rank in server.connection_info()["processes"]:
        for name in ("environ", "cmdline"):
            assert TOKEN.encode() not in Path(f"/proc/{rank['pid']}/{name}").read_bytes()
    server.session.close()

    job.terminate()
    said, _ = job.communicate(timeout=DEADLINE_S)
    assert f"NEST Server is now running at http://127.0.0.1:{port}." in said
    assert runtime.leftovers() == []
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=DEADLINE_S)


@pytest.mark.parametrize("ranks", [1, 2])
def test_job_listens_and_logs_where_its_variables_say(
    launch: Launch, runtime: Runtime, tmp_path: Path, ranks: int
) -> None:
    port, log_file = free_port(), tmp_path / "elsewhere.log"
    env = {
        "NEST_SERVER_HOST": "127.0.0.2",
        "NEST_SERVER_PORT": str(port),
        "NEST_SERVER_DAEMON": "yes",
        "NEST_SERVER_LOGFILE": str(log_file),
        "NEST_SERVER_ACCESS_TOKEN": TOKEN,
    }
    job = launch(ranks, None, env)
    server = answering(job, runtime, port, host="127.0.0.2")
    assert server.post("/api/Run", [1.0]).status_code == 400
    server.session.close()
    job.terminate()
    said, _ = job.communicate(timeout=DEADLINE_S)
    assert f"NEST Server is now running at http://127.0.0.2:{port}." in said
    assert f"Log           {log_file}" in said
    assert "NEST_SERVER_DAEMON is ignored" in said
    refused = "Run called without calling Prepare"
    assert refused not in said
    # Each rank says so.
    logged = log_file.read_text()
    assert logged.count(f'msg="{refused}') == ranks, logged
    assert TOKEN not in logged
    assert "Traceback" not in logged, logged
    assert runtime.leftovers() == []


@pytest.mark.parametrize("ranks", [1, 2])
def test_job_whose_port_is_taken_says_so_and_ends(
    launch: Launch, runtime: Runtime, ranks: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        job = launch(ranks, port)
        said, _ = job.communicate(timeout=DEADLINE_S)
    assert job.returncode == 4, said
    (sentence,) = [line for line in said.splitlines() if line.startswith("nest-server-mpi: ")]
    assert f"Port {port} on 127.0.0.1 is taken" in sentence
    assert "Traceback" not in said
    assert runtime.leftovers() == []


@pytest.mark.parametrize(
    ("whom", "sig"),
    [
        ("rank 0", signal.SIGKILL),
        ("rank 1", signal.SIGKILL),
        ("launcher", signal.SIGTERM),
        ("launcher", signal.SIGKILL),
    ],
)
def test_job_ends_as_a_whole_in_a_run_and_the_next_takes_its_place(
    launch: Launch, runtime: Runtime, whom: str, sig: signal.Signals
) -> None:
    port = free_port()
    job = launch(2, port)
    server = answering(job, runtime, port)
    ranks = [process["pid"] for process in server.connection_info()["processes"]]
    pids = {"rank 0": ranks[0], "rank 1": ranks[1], "launcher": job.pid}
    with pending(server) as send:
        run = begin_endless_run(server, send)
        os.kill(pids[whom], sig)
        job.communicate(timeout=DEADLINE_S)
        assert poll_until(lambda: not marked_processes(runtime.mark), DEADLINE_S)
        lost = run.exception()
    if lost is None:
        assert run.result().status_code == 503
        assert "its network" in run.result().json()["message"]
        assert "new kernel" not in run.result().text
    else:
        assert isinstance(lost, requests.ConnectionError)
    assert job.returncode != 0
    server.session.close()

    # Nobody was left to clear away its files; the next job on its port does.
    again = launch(2, port)
    server = answering(again, runtime, port)
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]
    server.session.close()
    again.terminate()
    again.communicate(timeout=DEADLINE_S)
    assert runtime.leftovers() == []
