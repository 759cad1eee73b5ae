"""Front of an MPI job: process beside rank 0 that has all of the server but the kernel.

``nest-server-mpi`` starts one process for each rank, and no supervisor. What has the token must not
run NEST, so rank 0 starts this process, which makes the server's files, starts the gateway, and
clears up when rank 0 has ended, in whatever way. Rank 0 itself becomes ``nestd`` then, in whose
memory no token has been (docs/decisions/0022).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict, replace
from types import FrameType
from typing import IO, Any

from nestd.logs.redirect import output_to
from nestd.server.banner import print_banner
from nestd.server.http_probe import ask
from nestd.server.instance import make_instance
from nestd.server.listeners import open_listeners
from nestd.server.settings import Flags, ServerSettings, build
from nestd.server.supervisor.components import GATEWAY_GRACE_S, gateway_child
from protocol.errors import NestdError, facts_of
from protocol.logging import lines
from protocol.process.identity import ProcessIdentity, hide_memory, identify, python_command
from protocol.process.polling import poll_until
from protocol.process.ready_pipe import ENDING

#: How long the gateway may take to answer once the kernel is there.
_GATEWAY_DEADLINE_S = 30.0


def front_command(flags: Flags, rank_0: int, notes: list[str], reporting: int) -> list[str]:
    """Return the command that starts the front; stdin has to stay open while rank 0 runs.

    Parameters
    ----------
    flags : of the command line
    rank_0 : process id of rank 0
    notes : for the user
    reporting : file descriptor to which one line is written: the instance's files, or an error
    """
    task = json.dumps({"flags": asdict(flags), "rank_0": rank_0, "notes": notes})
    return python_command("nestd.server.launch.mpi_front", str(reporting), task)


def _serve(
    settings: ServerSettings, rank_0: ProcessIdentity, notes: list[str], report: IO[bytes]
) -> None:
    """Run the gateway until rank 0 has ended."""
    listeners, more = open_listeners(settings.host, settings.ports)
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        instance = make_instance(settings, listeners, rank_0)
        stack.callback(instance.remove)
        secret_file = instance.token_file if instance.authentication else None
        console = stack.enter_context(output_to(settings.log_file, settings.log, 0, secret_file))
        gateway = gateway_child(instance, settings, listeners, None, signal.SIGTERM)
        # The gateway outlives the kernel by the moment that answers to its callers take.
        stack.callback(gateway.stop, GATEWAY_GRACE_S)
        # Before all else that ends then: Slurm kills what is left of a job.
        stack.callback(instance.remove)

        def remove(signum: int, frame: FrameType | None) -> None:
            """Remove the files: a launcher has sent the signal to rank 0, too."""
            instance.remove()

        signal.signal(signal.SIGTERM, remove)
        gateway.start()
        report.write(json.dumps({"connection_file": str(instance.connection_file)}).encode())
        report.close()
        # A byte says that the kernel is ready or ends, the end of the pipe that rank 0 has ended.
        while byte := os.read(sys.stdin.fileno(), 1):
            if byte == ENDING:
                instance.remove()
                continue
            poll_until(lambda: ask(instance, "/healthz", timeout_s=2.0), _GATEWAY_DEADLINE_S)
            with contextlib.redirect_stdout(console):
                print_banner(instance, [*notes, *more])


def main() -> None:
    """Be the front of the MPI job that the arguments tell of, see :func:`front_command`."""
    hide_memory()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        # Launchers send them to all processes of a job; this one ends with rank 0.
        signal.signal(sig, signal.SIG_IGN)
    task: dict[str, Any] = json.loads(sys.argv[2])
    rank_0 = identify(task["rank_0"])
    with os.fdopen(int(sys.argv[1]), "wb") as report:
        try:
            settings = build(Flags(**task["flags"]), os.environ)
            lines.set_up("nestd", settings.log).rank = 0
            if rank_0 is not None:
                settings = replace(settings, daemon=False, console_output=True)
                _serve(settings, rank_0, task["notes"], report)
        except NestdError as error:
            if report.closed:
                raise
            report.write(json.dumps({"error": facts_of(error)}).encode())


if __name__ == "__main__":
    main()
