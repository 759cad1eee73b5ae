"""Command ``nest-server-mpi``: kernel and gateway as one MPI job, without a supervisor.

``mpirun -np N nest-server-mpi`` or ``srun -n N nest-server-mpi`` starts one process per rank. Rank
0 starts a process beside it, which has the gateway and the token, and becomes ``nestd``; when the
job ends, so does the server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import NoReturn

import click

from nestd.confinement.kernel import import_numpy
from nestd.logs.redirect import output_to
from nestd.network.binding import binding_from
from nestd.ranks import large_pages, mpi, secrets
from nestd.scripts.settings import from_environment as scripts_from
from nestd.server.cli_options import EXIT_PORT_TAKEN
from nestd.server.launch.mpi_front import front_command
from nestd.server.settings import Flags, ServerSettings, build
from nestd.settings import EXIT_CONFIGURATION, NestdSettings, lease_from
from protocol.errors import ConfigurationError, NestdError, PortTaken, error_from_facts
from protocol.logging import lines
from protocol.process.identity import python_command
from protocol.process.ready_pipe import ENDING_VARIABLE, READY_VARIABLE
from protocol.runtime.paths import RuntimeDirectory


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", metavar="HOST", help="Listen on HOST.  [default: 127.0.0.1]")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(1, 65_535),
    help="Listen on PORT only.  [default: 52425 and 5000, those that are free]",
)
@click.option("--desktop", is_flag=True, help="Serve NEST Desktop, too.")
@click.option(
    "--log-format",
    type=click.Choice(lines.FORMATS),
    help="Form of the lines of the log.  [default: text, which is key=value]",
)
@click.option(
    "--bind",
    metavar="tcp://INTERFACE:PORT",
    help="Let gateways of other hosts connect too; see nestd --help.",
)
def main(
    host: str | None, port: int | None, desktop: bool, log_format: str | None, bind: str | None
) -> None:
    """Run NEST Server as an MPI job: mpirun -np N nest-server-mpi.

    The variables NEST_SERVER_* are honoured; options win over them. The job ends with Ctrl-C,
    with nest-server stop, or when a rank dies. After SIGUSR1, which mpirun and srun pass on, it
    takes nothing new and gives what runs NEST_SERVER_DRAIN seconds before.
    """
    try:
        mpi.check_launcher()
        flags = Flags(host=host, port=port, desktop=desktop, log_format=log_format)
        flags = replace(flags, ranks=mpi.launched_ranks())
        wanted = build(flags, os.environ)
        lines.set_up("nestd", wanted.log).rank = mpi.launched_rank()
        notes = []
        if wanted.daemon:
            notes.append("NEST_SERVER_DAEMON is ignored; the launcher decides where a job runs.")
        binding_from(bind)
        if mpi.launched_rank() == 0:
            _become_nestd(wanted, _start_front(flags, notes), bind)
        import_numpy()
        from nestd import startup

        # Rank 0 sends the other paths.
        files = RuntimeDirectory.of_user()
        with output_to(wanted.log_file, wanted.log, mpi.launched_rank()):
            kernel = NestdSettings(
                files.connection_file,
                files.data,
                wanted.queue_limit,
                scripts_from(os.environ),
                wanted.drain_s,
                lease_s=lease_from(os.environ),
                paths_follow=True,
            )
            startup.run(kernel)
    except PortTaken as error:
        _fail(error, EXIT_PORT_TAKEN)
    except NestdError as error:
        _fail(error, EXIT_CONFIGURATION)


def _start_front(flags: Flags, notes: list[str]) -> str:
    """Start the process that has all but the kernel; return the path of the connection file.

    Raises
    ------
    NestdError
        Why the server can't start.
    """
    report, reporting = os.pipe()
    alive, own = os.pipe()
    with os.fdopen(report, "rb") as reports:
        subprocess.Popen(
            front_command(flags, os.getpid(), notes, reporting),
            stdin=alive,
            pass_fds=(reporting,),
            start_new_session=True,
        )
        os.close(reporting)
        os.close(alive)
        # What this process becomes keeps the pipe, whose end says that it has ended, and says over
        # another descriptor of it that the kernel is ready.
        ready = os.dup(own)
        for descriptor in (own, ready):
            os.set_inheritable(descriptor, True)
        os.environ[READY_VARIABLE], os.environ[ENDING_VARIABLE] = str(ready), str(own)
        said = json.loads(reports.read() or b"{}")
    if "error" in said:
        raise error_from_facts(said["error"])
    if not said:
        raise ConfigurationError("the process beside rank 0 has ended at its start")
    path: str = said["connection_file"]
    return path


def _become_nestd(settings: ServerSettings, path: str, bind: str | None) -> NoReturn:
    """Become ``nestd``, without anything that this process has had in its memory."""
    command = python_command(
        "nestd.cli",
        *("--connection-file", path),
        *("--queue-limit", str(settings.queue_limit)),
        *("--log-format", settings.log.format),
    )
    if bind is not None:
        command += ["--bind", bind]
    if settings.log_file is not None:
        command += ["--log-file", str(settings.log_file)]
    os.execve(sys.executable, command, secrets.without(os.environ))  # noqa: S606


def _fail(error: NestdError, code: int) -> None:
    print(f"nest-server-mpi: {error}", file=sys.stderr, flush=True)
    sys.exit(code)


def program() -> None:
    """Run the command ``nest-server-mpi``, with large pages where the system has them."""
    if mpi.launched_rank() > 0:
        secrets.begin_without()
    large_pages.begin()
    main()


if __name__ == "__main__":
    program()
