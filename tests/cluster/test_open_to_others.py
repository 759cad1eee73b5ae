"""What a server that was started without options shows to other hosts and other users: nothing."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from protocol.process.polling import poll_until
from tests.cluster import scan
from tests.cluster.exposed import (
    held_files,
    is_behind_a_closed_door,
    reachable,
    with_bits_for_others,
)
from tests.cluster.hosts import DEADLINE_S, Host, Hosts, run
from tests.cluster.sockets import Address, listening
from tests.integration.servers import Runtime, marked_processes

#: Where a server is that was told no port.
PORT = 52425

#: What is asked of it: calls, a script, a job.
USE = """
import sys, time
import requests

url, headers = "http://127.0.0.1:52425", {"NESTServerAuth": sys.argv[1]}


def post(path, body, **more):
    reply = requests.post(url + path, json=body, headers=headers | more, timeout=60)
    assert reply.ok, reply.text
    return reply


post("/api/Create", ["iaf_psc_alpha", 4])
post("/api/Simulate", [10.0])
post("/exec", {"source": "import nest\\nprint(nest.Create('spike_recorder'))"})
job = post("/api/Simulate", [10.0], Prefer="respond-async")
assert job.status_code == 202
place = url + "/jobs/" + job.json()["id"]
while requests.get(place, headers=headers, timeout=60).json()["state"] != "done":
    time.sleep(0.05)
"""


@dataclass
class Placed:
    """A server on a host of its own."""

    runtime: Runtime
    host: Host
    #: Where its processes put temporary files.
    temporary: Path
    #: When the test began, by the clock of files.
    since_s: float = field(default_factory=time.time)

    @property
    def shared_memory(self) -> Path:
        """The host's, in which nobody else has any."""
        return Path("/proc", str(self.host.process.pid), "root", "dev", "shm")

    def command(self, *arguments: str) -> None:
        """Run ``nest-server`` there, under the umask of somebody who hides nothing."""
        self.there("-m", "nestd.server.cli", *arguments)

    def use(self) -> None:
        """Have it do a little of everything."""
        token = (self.runtime.directory / f"server-{PORT}" / "token").read_text()
        self.there("-c", USE, token)

    def there(self, *arguments: str) -> None:
        """Run Python there, with ``arguments``."""
        command = [*self.host.command, self.runtime.python, *arguments]
        env = self.runtime.environment({"TMPDIR": str(self.temporary)})
        # To a file: a pipe would stay open for as long as a server in the background.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                command,
                env=env,
                umask=0,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=2 * DEADLINE_S,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, output.read()

    def pids(self) -> list[int]:
        """All of its processes."""
        return marked_processes(self.runtime.mark, str(self.runtime.directory))

    def listening(self) -> set[Address]:
        """Where any of them listens."""
        return listening(self.pids())


@pytest.fixture
def placed(hosts: Hosts, runtime: Runtime) -> Iterator[Placed]:
    """A host and what is needed to start a server there."""
    host = hosts["node0"]
    run(*host.command, "mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")
    with tempfile.TemporaryDirectory(prefix="nestd-t-") as temporary:
        # As /tmp is.
        Path(temporary).chmod(0o1777)
        made = Placed(runtime, host, Path(temporary))
        try:
            yield made
        finally:
            if made.pids():
                made.command("stop")
            run(*host.command, "umount", "/dev/shm")


def open_ports(placed: Placed, hosts: Hosts) -> list[int]:
    """Ports that another host finds open, but for one that is held open to see that it looks."""
    script = "import socket, time; s = socket.create_server(('', 0)); print(s.getsockname()[1])"
    control = subprocess.Popen(
        [*placed.host.command, sys.executable, "-u", "-c", f"{script}; time.sleep(600)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert control.stdout is not None
        held_open = int(control.stdout.readline())
        command = [*hosts["desk"].command, sys.executable, scan.__file__, placed.host.address]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        control.kill()
        control.communicate()
    found = [int(port) for port in done.stdout.split()]
    assert held_open in found
    return [port for port in found if port != held_open]


def check_sockets(placed: Placed) -> None:
    """All sockets are on the loopback, that of the gateway among them."""
    found = placed.listening()
    assert (ipaddress.ip_address("127.0.0.1"), PORT) in found
    assert [one for one in found if not one[0].is_loopback] == []


def check_files(placed: Placed) -> None:
    """Nobody else gets at any file."""
    assert with_bits_for_others(placed.runtime.directory) == []
    assert reachable(placed.temporary) == []
    assert reachable(placed.shared_memory) == []
    # Also of those whose names do not come from a variable.
    for root in (Path("/tmp"), Path("/var/tmp")):
        for path in held_files(placed.pids(), root, placed.since_s):
            assert is_behind_a_closed_door(path, root), path


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["default", "ranks"])
def test_default_start_is_closed_for_other_hosts_and_users(
    placed: Placed, hosts: Hosts, options: tuple[str, ...]
) -> None:
    # Of the host itself, such as its sshd.
    before = open_ports(placed, hosts)
    placed.command("start", "-d", *options)
    check_sockets(placed)
    placed.use()
    check_sockets(placed)
    check_files(placed)
    assert open_ports(placed, hosts) == before
    placed.command("restart")
    placed.use()
    check_sockets(placed)
    check_files(placed)
    assert open_ports(placed, hosts) == before
    placed.command("stop")
    assert poll_until(lambda: not placed.pids(), DEADLINE_S)
    # What Open MPI leaves after a job is its directory, if anything.
    assert reachable(placed.temporary) == []
    assert list(placed.shared_memory.iterdir()) == []
