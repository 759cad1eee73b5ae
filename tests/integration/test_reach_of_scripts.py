"""What the system leaves a script that has got past Python's guards, and what is off without it."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nestd.confinement import landlock
from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server, start_server
from tests.sections import read_rows

ATTEMPTS = [
    row for rows in read_rows(Path(__file__).with_name("reach.txt")).values() for row in rows
]
PATCHED = str(Path(__file__).with_name("patched"))

#: Makes the attempts; each is expected to raise OSError.
SCRIPT = """
libc = ctypes.CDLL(None, use_errno=True)
ppid, arm = os.getppid(), os.uname().machine == 'aarch64'
buffer = ctypes.create_string_buffer(64)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), 'refused')
def call(numbers, *arguments):
    taken = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    check(libc.syscall(ctypes.c_long(numbers[arm]), *taken))
outcomes = {}
for title, attempt in attempts.items():
    try:
        exec(attempt)
        outcomes[title] = 'done'
    except OSError as error:
        outcomes[title] = error.errno
    except Exception as error:
        outcomes[title] = repr(error)
"""


@contextmanager
def serving(without: str, **env: str) -> Iterator[Server]:
    """A server whose scripts' processes lack some measures."""
    runtime = Runtime()
    patch = {"PYTHONPATH": PATCHED, "PYTHONWITHOUT": without}
    server = start_server(runtime, {"NEST_SERVER_ENABLE_EXEC_CALL": "1", **patch, **env})
    try:
        generation = server.get("/").json()["generation"]
        yield server
        assert server.call("GetKernelStatus", {"keys": "resolution"}) == 0.1
        assert server.get("/").json()["generation"] == generation
    finally:
        server.stop()
        left = runtime.leftovers()
        runtime.remove()
    assert left == []


def outcomes(server: Server, titles: list[str]) -> dict[str, Any]:
    """Make attempts in a script; return what became of each."""
    token = server.runtime.directory / f"server-{server.port}" / "token"
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        name = f"\0nestd-test-reach-{os.getpid()}"
        abstract.bind(name)
        abstract.listen()
        known = {
            "token": str(token),
            "port": listening.getsockname()[1],
            "name": name,
            "attempts": {title: attempt for title, _, attempt in ATTEMPTS if title in titles},
        }
        source = "".join(f"{key} = {value!r}\n" for key, value in known.items()) + SCRIPT
        reply = server.post("/exec", {"source": source, "return": "outcomes"})
    assert reply.status_code == 200, reply.text
    assert token.read_text() == server.token
    assert {path.name for path in token.parent.iterdir() if path.name.startswith("token")} == {
        "token"
    }
    found: dict[str, Any] = reply.json()["data"]
    return found


def test_script_with_full_python_reaches_nothing() -> None:
    with serving("wall") as server:
        found = outcomes(server, [title for title, _, _ in ATTEMPTS])
    assert {title: outcome for title, outcome in found.items() if outcome != 1} == {}
    assert len(found) == len(ATTEMPTS) >= 60


@pytest.mark.skipif(landlock.is_available() < 6, reason="this system's Landlock knows less")
def test_script_with_full_python_reaches_no_file_without_the_filter() -> None:
    titles = [title for title, by_landlock, _ in ATTEMPTS if by_landlock]
    with serving("wall,seccomp") as server:
        found = outcomes(server, titles)
    # EPERM, EACCES; and EXDEV, for what moves a file to where it would have more rights.
    assert {title: outcome for title, outcome in found.items() if outcome not in (1, 13, 18)} == {}
    assert len(found) == len(titles) >= 25


def test_scripts_are_off_where_the_system_cannot_confine_them() -> None:
    with serving("pyseccomp") as server:
        reply = server.post("/exec", {"source": "x = 1", "return": "x"})
        assert reply.status_code == 403
        message = reply.json()["message"]
        assert "the Python package pyseccomp is not installed" in message
        assert "NEST_SERVER_DISABLE_RESTRICTION=1" in message
        job = server.post(
            "/exec", {"source": "x = 1"}, headers={"Prefer": "respond-async"}
        ).headers["Location"]
        poll_until(lambda: server.get(f"{job}/result").status_code != 202, DEADLINE_S)
        assert server.get(f"{job}/result").status_code == 403
        assert server.get("/").json()["scripts"].startswith("off: the Python package pyseccomp")
        assert "SCRIPTS ARE OFF" in server.log()
        assert server.call("Create", {"model": "iaf_psc_alpha"})


def test_scripts_without_restriction_need_no_filter_and_reach_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("5")
    with serving("pyseccomp", NEST_SERVER_DISABLE_RESTRICTION="1") as server:
        own = server.runtime.directory / f"server-{server.port}"
        (own / "jobs").mkdir(exist_ok=True)
        source = f"""
import os, subprocess, tempfile
from pathlib import Path
result = [open({str(tmp_path / "input")!r}).read(), len(open('/etc/passwd').read()) > 0]
open({str(tmp_path / "output")!r}, 'w').write('6')
os.symlink('input', {str(tmp_path / "link")!r})
with tempfile.TemporaryFile() as file:
    result.append(file.write(b'ab'))
result.append(subprocess.run(['echo', 'c'], capture_output=True, text=True).stdout)
refused = []
own = {str(own)!r}
for attempt in (
    lambda: open(own + '/token'),
    lambda: open(own + '/connection.json'),
    lambda: open(own + '/token', 'w'),
    lambda: open(own + '/jobs/new', 'w'),
    lambda: os.unlink(own + '/token'),
    lambda: open(f'/proc/{{os.getppid()}}/mem', 'rb'),
):
    try:
        attempt()
        refused.append('done')
    except PermissionError as error:
        refused.append(error.errno)
"""
        reply = server.post("/exec", {"source": source, "return": ["result", "refused"]})
        assert reply.status_code == 200, reply.text
        data = reply.json()["data"]
    assert data["result"] == ["5", True, 2, "c\n"]
    assert (tmp_path / "output").read_text() == "6"
    if landlock.is_available():
        assert {*data["refused"]} <= {1, 13}, json.dumps(data)


def test_attempts_are_distinct() -> None:
    assert len({title for title, _, _ in ATTEMPTS}) == len(ATTEMPTS)
    assert sys.platform == "linux"
