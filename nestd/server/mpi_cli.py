"""Command ``nest-server-mpi``: kernel and gateway as one MPI job, without a supervisor.

``mpirun -np N nest-server-mpi`` or ``srun -n N nest-server-mpi`` starts one process per rank. Rank
0 also starts the gateway; when the job ends, so does the server.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import replace

import click

from nestd import startup
from nestd.logs.redirect import output_to
from nestd.network.binding import Binding, binding_from
from nestd.ranks import large_pages, mpi, secrets
from nestd.scripts.settings import from_environment as scripts_from
from nestd.server.banner import print_banner
from nestd.server.cli_options import EXIT_PORT_TAKEN
from nestd.server.http_probe import ask
from nestd.server.instance import make_instance
from nestd.server.listeners import open_listeners
from nestd.server.settings import Flags, ServerSettings, build
from nestd.server.supervisor.child_process import Child
from nestd.server.supervisor.components import GATEWAY_GRACE_S, gateway_child
from nestd.settings import EXIT_CONFIGURATION, NestdSettings, native_from
from protocol.errors import NestdError, PortTaken
from protocol.logging import lines
from protocol.process.polling import poll_until
from protocol.runtime.paths import RuntimeDirectory

#: How long the gateway may take to answer once the kernel is there.
GATEWAY_DEADLINE_S = 30.0


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
        wanted = build(flags, os.environ)
        lines.set_up("nestd", wanted.log).rank = mpi.launched_rank()
        settings = replace(wanted, daemon=False, console_output=True, ranks=mpi.launched_ranks())
        notes = []
        if wanted.daemon:
            notes.append("NEST_SERVER_DAEMON is ignored; the launcher decides where a job runs.")
        os.environ.pop("NEST_SERVER_ACCESS_TOKEN", None)
        binding = binding_from(bind)
        if mpi.launched_rank() == 0:
            _serve(settings, binding, notes)
        else:
            # Rank 0 sends the other paths.
            path = RuntimeDirectory.of_user().connection_file
            with output_to(settings.log_file, settings.log, mpi.launched_rank()):
                scripts = scripts_from(os.environ)
                startup.run(NestdSettings(path, settings.queue_limit, scripts, settings.drain_s))
    except PortTaken as error:
        _fail(error, EXIT_PORT_TAKEN)
    except NestdError as error:
        _fail(error, EXIT_CONFIGURATION)


def _serve(settings: ServerSettings, binding: Binding | None, notes: list[str]) -> None:
    """Run the gateway as a child and the kernel in this process, on rank 0."""
    listeners, more = open_listeners(settings.host, settings.ports)
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        instance = make_instance(settings, listeners)
        secret_file = instance.token_file if instance.authentication else None
        console = stack.enter_context(
            output_to(settings.log_file, settings.log, mpi.launched_rank(), secret_file)
        )
        # The gateway outlives the kernel by the moment that answers to its callers take.
        gateway = gateway_child(instance, settings, listeners, None, signal.SIGTERM)
        stack.callback(_stop, gateway)
        stack.callback(instance.remove)
        # Before MPI is there, under which processes don't fork well.
        gateway.start()

        def ready() -> None:
            # Before all else that ends then: launchers give a rank a second from TERM to KILL.
            stack.callback(instance.remove)
            poll_until(lambda: ask(instance, "/healthz", timeout_s=2.0), GATEWAY_DEADLINE_S)
            with contextlib.redirect_stdout(console):
                print_banner(instance, [*notes, *more], shows_token=False)

        kernel = NestdSettings(
            instance.connection_file,
            settings.queue_limit,
            scripts_from(os.environ),
            settings.drain_s,
            binding,
            native_from(os.environ),
        )
        startup.run(kernel, ready, stack)


def _stop(gateway: Child) -> None:
    gateway.stop(GATEWAY_GRACE_S)


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
