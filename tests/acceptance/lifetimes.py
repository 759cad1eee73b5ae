"""Memory of a kernel after very many short clients, scripts and loops; ``scripts/lifetimes``.

Each client is a process of its own that makes objects and large collections of connections. Two of
three end, by a good-bye or by their end; the third is killed. The network stays: whatever the
kernel has more in the end than in the beginning, it owes to clients and scripts that are gone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import nest_remote
from protocol.process.polling import poll_until
from tests.integration.servers import OPEN, Server, serving

#: Lease of a client on this server: short, as the end waits for it.
LEASE_S = 5
#: More than so much is an error.
ALLOWED_MIB = 5.0
#: Neurons of the network, all connected to all.
_NEURONS = 150

_SCRIPT = """
import nest
parts = [nest.GetConnections()[::2] for _ in range(3)]
kept = [nest.random.uniform() * index for index in range(300)]
"""


def memory_mib(server: Server) -> float:
    """Return the resident memory of all ranks of the server's kernel."""
    pages = 0
    for process in server.connection_info()["processes"]:
        pages += int(Path(f"/proc/{process['pid']}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _work(number: int) -> None:
    nest_remote.GetConnections()
    kept = [nest_remote.random.uniform() * index for index in range(20)]
    nest_remote.NodeCollection([1, 3 + number % 50, 100])
    del kept


def client(url: str, number: int) -> None:
    """Run one short client, and return when its process has ended."""
    pid = os.fork()
    if pid == 0:
        _be_client(url, number)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL), status


def _be_client(url: str, number: int) -> NoReturn:
    code = 1
    try:
        nest_remote.connect(url)
        held = nest_remote.GetConnections(), nest_remote.NodeCollection([1, 2])
        _work(number)
        if number % 3 == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        nest_remote.disconnect()
        code = 0 if held else 1
    finally:
        os._exit(code)


def run(
    server: Server, clients: int, rounds: int, scripts: int, say: Callable[[str], object]
) -> tuple[float, float]:
    """Run all that makes objects, and return the memory before and after, in MiB.

    Parameters
    ----------
    server : with a lease of :data:`LEASE_S`
    clients : number of processes, one after the other
    rounds : of a loop over GetConnections in one client
    scripts : number of scripts
    say : takes a line about each stage
    """
    server.call("ResetKernel")
    neurons = server.call("Create", ["iaf_psc_alpha", _NEURONS])
    server.call("Connect", [neurons, neurons])

    def pass_through(clients: int, rounds: int, scripts: int) -> None:
        for number in range(clients):
            client(server.url, number)
            if number % 1000 == 999:
                say(f"{number + 1} clients: {memory_mib(server):.1f} MiB")
        say(f"{clients} clients: {memory_mib(server):.1f} MiB")
        nest_remote.connect(server.url)
        for _ in range(rounds):
            connections = nest_remote.GetConnections()
            assert len(connections) == _NEURONS**2
        del connections
        nest_remote.disconnect()
        say(f"{rounds} rounds: {memory_mib(server):.1f} MiB")
        for _ in range(scripts):
            reply = server.post("/exec", {"source": _SCRIPT})
            assert reply.status_code == 200, reply.text
        say(f"{scripts} scripts: {memory_mib(server):.1f} MiB")

    # Memory that a kernel needs once, whoever comes.
    pass_through(6, 4, 4)
    poll_until(lambda: False, 3 * LEASE_S)
    before_mib = memory_mib(server)
    say(f"before: {before_mib:.1f} MiB")
    pass_through(clients, rounds, scripts)
    # The last clients that were killed.
    poll_until(lambda: memory_mib(server) - before_mib <= ALLOWED_MIB / 2, 6 * LEASE_S)
    after_mib = memory_mib(server)
    say(f"after: {after_mib:.1f} MiB")
    return before_mib, after_mib


def main() -> int:
    """Run the suite with a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--scripts", type=int, default=1000)
    wanted = parser.parse_args()
    # A run that is ended stops its server, too.
    signal.signal(signal.SIGTERM, _end)
    with contextlib.contextmanager(serving)(OPEN | {"NEST_SERVER_LEASE": str(LEASE_S)}) as server:
        before, after = run(server, wanted.clients, wanted.rounds, wanted.scripts, _say)
    grown = after - before
    _say(f"grown by {grown:.1f} MiB, {ALLOWED_MIB:g} are allowed")
    return int(grown > ALLOWED_MIB)


def _end(*_: object) -> NoReturn:
    # A second signal must not keep the server from being stopped.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
