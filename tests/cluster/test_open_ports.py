"""What others on the network, and other users, see of a server that was started without options."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.polling import poll_until
from tests.cluster.hosts import DEADLINE_S, Host, Hosts
from tests.integration.servers import Runtime, marked_processes

#: Says which ports of a host take connections.
_SCAN = """
import socket, sys
for port in range(1, 65536):
    with socket.socket() as probe:
        probe.settimeout(2.0)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
"""
#: Says what a call of the server answers, on its own host.
_ASK = """
import json, sys, urllib.request
headers = {"NESTServerAuth": sys.argv[2], "Content-Type": "application/json"}
body = sys.argv[4].encode()
request = urllib.request.Request(sys.argv[1] + sys.argv[3], body, headers)
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""


def on(host: Host, *command: str, env: dict[str, str] | None = None) -> str:
    """What a command prints there, which has to succeed."""
    done = subprocess.run(
        [*host.command, *command], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(params=[1, 2], ids=["one rank", "two ranks"])
def ranks(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def started(hosts: Hosts, runtime: Runtime, ranks: int) -> Iterator[Host]:
    """The host of a server with the default port; it has made a network and run a script."""
    host, env = hosts["node0"], runtime.environment()
    server = [runtime.python, "-m", "nestd.server.cli"]
    on(host, *server, "start", "-d", *(["-n", str(ranks)] if ranks > 1 else []), env=env)
    try:
        token = (runtime.directory / "server-52425" / "token").read_text()
        for path, body in (
            ("/api/Create", '{"model": "spike_recorder", "params": {"record_to": "memory"}}'),
            ("/exec", '{"source": "import nest\\nprint(nest.biological_time)"}'),
            ("/api/Simulate?async=1", '{"t": 1.0}'),
        ):
            on(host, sys.executable, "-c", _ASK, "http://127.0.0.1:52425", token, path, body)
        yield host
    finally:
        on(host, *server, "stop", env=env)


def listening(host: Host, pids: list[int]) -> set[int]:
    """TCP ports on which these processes of a host listen."""
    found = set()
    for line in on(host, "ss", "-Htlnp").splitlines():
        if any(f"pid={pid}," in line for pid in pids):
            found.add(int(line.split()[3].rpartition(":")[2]))
    return found


def test_nothing_answers_on_the_network(
    hosts: Hosts, started: Host, runtime: Runtime, ranks: int
) -> None:
    scan = (sys.executable, "-c", _SCAN, started.address)
    opened = {int(port) for port in on(hosts["desk"], *scan).split()}
    pids = marked_processes(runtime.mark, str(runtime.directory))
    # Open MPI's launcher is there, and listens, but on the loopback.
    launchers = [pid for pid in pids if b"mpirun" in _program(pid)]
    assert len(launchers) == ranks - 1
    own = listening(started, pids)
    assert bool(listening(started, launchers)) == (ranks > 1)
    assert 52425 in own
    assert not opened & own


def _program(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]


def test_every_file_is_private(started: Host, runtime: Runtime) -> None:
    job = runtime.directory / "server-52425" / "jobs"
    assert poll_until(lambda: job.exists() and any(job.iterdir()), DEADLINE_S)
    found = [runtime.directory, *runtime.directory.rglob("*")]
    began_s = (runtime.directory / "server-52425" / "token").stat().st_mtime - 1.0
    # Outside of it, in shared memory and for temporary files, is what ranks share.
    for pid in marked_processes(runtime.mark):
        maps = Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
        names = {line.split(maxsplit=5)[5] for line in maps if len(line.split(maxsplit=5)) == 6}
        found += [Path(name) for name in names if name.startswith(("/dev/shm/", "/tmp/"))]
    made = [path for path in found if path.exists() and path.lstat().st_mtime >= began_s]
    seen = [str(path) for path in made if _others_reach(path)]
    assert len(made) > 5
    assert seen == []


def _others_reach(path: Path) -> bool:
    """Whether somebody else may do anything with a file: also the way to it has to be open."""
    own = path.lstat()
    if not own.st_mode & 0o077 or stat.S_ISLNK(own.st_mode):
        return False
    return all(parent.stat().st_mode & 0o011 for parent in path.parents)
