"""What rank 0 can't reach is kept by its file broker, from the first job to the end of either."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from protocol.process.polling import poll_until
from protocol.runtime import connection_file
from protocol.runtime.paths import RuntimeDirectory
from tests.integration.pending import processes
from tests.integration.servers import DEADLINE_S, Runtime, Server, Start
from tests.integration.test_jobs import await_state, look, result, submit
from tests.integration.test_jobs_under_stress import FINAL

#: Of each Python process, notes which paths it opens or changes.
_NOTES = """
import os, sys
at = os.path.join({directory!r}, f"opened-{{os.getpid()}}")
note = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
events = {{"open", "os.listdir", "os.scandir", "os.rename", "os.link", "os.remove", "os.truncate"}}
def hook(event, arguments):
    if event in events:
        for path in arguments[:2]:
            if isinstance(path, (str, bytes, os.PathLike)):
                try:
                    os.write(note, os.fsencode(path) + b"\\n")
                except OSError:
                    pass
sys.addaudithook(hook)
"""


def files_of(server: Server) -> RuntimeDirectory:
    """Return the directory of a server."""
    return RuntimeDirectory(server.runtime.directory).server(server.port)


def is_out_of_reach(path: Path, files: RuntimeDirectory) -> bool:
    """Return whether a path is a server's, and none that a process with NEST needs."""
    needed = (files.kernel_directory, files.data)
    return path.is_relative_to(files.path) and not any(map(path.is_relative_to, needed))


def held(pid: int) -> set[Path]:
    """Return the files that a process has open or mapped."""
    opened = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        # One may have been closed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            opened.add(descriptor.readlink())
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return opened | {Path(line.split(maxsplit=5)[5]) for line in maps if line.count("/")}


def test_rank_0_opens_nothing_of_spool_token_keys_and_connection_file(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_NOTES.format(directory=str(tmp_path)))
    server = start({"PYTHONPATH": str(tmp_path)})
    files, pid = files_of(server), server.connection_info()["pid"]
    printing = submit(server, "/exec", {"source": "print('hello')"})
    arrays = submit(server, "/exec", {"source": "x = list(range(300000))", "return": "x"})
    sent = submit(server, "/api/Create", ["iaf_psc_alpha", 3, {"V_m": [float(-60)] * 3}])
    with_key = submit(server, "/api/Create", ["parrot_neuron"], **{"Idempotency-Key": "k-1"})
    failing = submit(server, "/api/Create", ["no_such_model"])
    running = submit(server, "/api/Simulate", [1000.0])
    seen: set[Path] = set()

    def ended() -> bool:
        seen.update(held(pid))
        return look(server, running)["state"] in FINAL

    assert poll_until(ended, DEADLINE_S)
    for job in (printing, arrays, sent, with_key, running):
        assert look(server, job)["state"] == "done", look(server, job)
    assert look(server, failing)["state"] == "failed"
    assert server.get(f"/jobs/{printing['id']}/output").text == "hello\n"
    assert len(result(server, arrays).json()["data"]) == 300_000
    opened = {Path(line) for line in (tmp_path / f"opened-{pid}").read_text().splitlines()}
    assert any(path.is_relative_to(files.kernel_directory) for path in opened)
    assert {path for path in opened | seen if is_out_of_reach(path, files)} == set()
    (broker,) = processes(server, "nestd.broker.process")
    noted = (tmp_path / f"opened-{broker}").read_text()
    assert str(files.jobs) in noted
    assert server.token
    for path in (files.token_file, files.keys):
        assert str(path) not in noted
    server.stop()


def test_what_a_job_prints_is_no_file_that_its_caller_has_made(server: Server) -> None:
    key, elf = "known to the caller", "\x7fELF\x02\x01\x01"
    script = {"source": f"print({elf!r})"}
    job = submit(server, "/exec", script, **{"Idempotency-Key": key})
    await_state(server, job, "done")
    assert server.get(f"/jobs/{job['id']}/output").text == elf + "\n"
    spool = files_of(server).jobs
    assert (spool / job["id"] / "output").read_bytes().find(elf.encode()) > 16
    assert not list(spool.glob(f"*{hashlib.sha256(key.encode()).hexdigest()[:8]}*"))
    # A gateway that is started anew finds the job by its key.
    generation = server.get("/").json()["generation"]
    for pid in processes(server, "gateway"):
        os.kill(pid, signal.SIGKILL)

    def again() -> dict[str, Any] | None:
        try:
            return submit(server, "/exec", script, **{"Idempotency-Key": key})
        except (requests.ConnectionError, AssertionError):
            return None

    found = poll_until(again, DEADLINE_S)
    assert found is not None
    assert (found["id"], found["state"]) == (job["id"], "done")
    assert server.get("/").json()["generation"] == generation


def test_jobs_say_that_the_file_broker_was_killed_and_the_network_lives(start: Start) -> None:
    server = start()
    server.call("Create", ["iaf_psc_alpha"])
    done = submit(server, "/api/Create", ["iaf_psc_alpha"])
    await_state(server, done, "done")
    slow = {"source": "for n in range(20_000_000):\n    m = n"}
    running = submit(server, "/exec", slow)
    await_state(server, running, "running")
    waiting = submit(server, "/api/Create", ["iaf_psc_alpha"])
    (broker,) = processes(server, "nestd.broker.process")
    os.kill(broker, signal.SIGKILL)
    said = f"the kernel's file broker (process {broker}), which keeps jobs, has ended with signal 9"
    for job, begun in ((running, "it was begun"), (waiting, "it was not begun")):
        ended = await_state(server, job, *FINAL)
        assert ended["state"] == "failed"
        assert ended["message"].startswith(begun)
        assert said in ended["message"]
        assert "DELETE /kernel starts a new kernel" in ended["message"]
        answers = [result(server, job) for _ in range(2)]
        assert {(answer.status_code, answer.text) for answer in answers} == {(500, answers[0].text)}
        assert said in answers[0].text
    refused = server.request(
        "POST", "/api/Create", json=["iaf_psc_alpha"], headers={"Prefer": "respond-async"}
    )
    assert refused.status_code == 503
    assert said in refused.json()["message"]
    # What was done stays, and so does the network, which calls can go on with.
    assert result(server, done).status_code == 200
    assert server.call("network_size") == 2
    generation = server.get("/").json()["generation"]
    assert server.request("DELETE", "/kernel").status_code == 200
    assert poll_until(lambda: _generation(server) not in (None, generation), DEADLINE_S)
    await_state(server, submit(server, "/api/Create", ["iaf_psc_alpha"]), "done")
    assert look(server, running)["state"] == "failed"
    server.stop()


def _generation(server: Server) -> str | None:
    reply = server.get("/")
    return reply.json().get("generation") if reply.status_code == 200 else None


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_kernel_alone_leaves_nothing_however_it_ends(runtime: Runtime, sig: signal.Signals) -> None:
    files = RuntimeDirectory(runtime.directory)
    command = [sys.executable, "-m", "nestd.cli"]
    environment = runtime.environment({"NEST_SERVER_ACCESS_TOKEN": "t0k3n-t0k3n"})
    with subprocess.Popen(command, env=environment) as process:
        try:
            assert poll_until(files.connection_file.exists, DEADLINE_S)
            info = connection_file.read(files.connection_file)
            assert info is not None
            assert info.pid == process.pid
            assert b"t0k3n" not in Path(f"/proc/{process.pid}/environ").read_bytes()
            assert files.status(info.generation).exists()
            assert files.kernel_directory.stat().st_mode & 0o777 == 0o700
        finally:
            process.send_signal(sig)
    # What NEST has written stays, and nothing else.
    assert poll_until(lambda: list(runtime.directory.iterdir()) == [files.data], DEADLINE_S)
    files.data.rmdir()
