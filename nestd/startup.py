"""Start of one rank of nestd, and all that rank 0 needs: sockets, connection file, loop.

``nestd/ranks/startup.py`` has what several ranks exchange at the start.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import zmq

from nestd.broker.client import BrokerClient
from nestd.confinement import memory
from nestd.confinement.kernel import Confinement, confine, prepare_mpi
from nestd.confinement.rules import is_job_known
from nestd.confinement.spawner import Spawner
from nestd.confinement.system_calls import forbid_system_calls
from nestd.master.loop import Master, Stopped
from nestd.master.reply_cache import ReplyCache
from nestd.network.binding import bind_beside, bind_guarded, open_router
from nestd.network.event_publisher import EventPublisher
from nestd.network.zap_proxy import ZAP_AUTHENTICATOR, ZapProxy, zap_program
from nestd.ranks import mpi
from nestd.ranks.startup import run_worker, start_kernel, start_master, this_process
from nestd.ranks.transport import (
    EXIT_DIVERGED,
    OneRank,
    Ranks,
    write_crash_report,
)
from nestd.scripts.process.fork_client import FORK_SERVER, fork_server_program
from nestd.scripts.runner import ScriptRunner
from nestd.settings import NestdSettings
from protocol.errors import ConfigurationError, Diverged
from protocol.logging.forwarding import LogForwarder
from protocol.process.identity import die_with_parent
from protocol.runtime.connection_file import ConnectionInfo, RankProcess
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import write_private
from protocol.runtime.rank_activity import (
    RankActivityWriter,
    make_rank_activity,
)
from protocol.runtime.status_file import StatusWriter
from protocol.security.curve_keys import new_keys
from protocol.wire import frames
from protocol.wire.messages import Action, Operation, Result
from protocol.wire.streams import head_of
from protocol.wire.values import Value

if TYPE_CHECKING:
    from nestd.kernel.kernel import Kernel

log = logging.getLogger(__name__)

#: Events that a subscriber may be behind before it misses some.
_EVENTS_AHEAD = 10_000
#: Longest message that a gateway may send to the socket of events.
_SUBSCRIPTION_BYTES = 1024


def run(
    settings: NestdSettings,
    on_ready: Callable[[], None] | None = None,
    stack: contextlib.ExitStack | None = None,
) -> None:
    """Run this rank of nestd until a signal ends the process, and leave no file behind.

    SIGTERM and SIGINT end nestd at once, a simulation at its next slice. SIGUSR1 lets the command
    that runs end before: launchers pass the signal on, and kill ranks a second after SIGTERM.

    Parameters
    ----------
    settings : of this nestd
    on_ready : called on rank 0 when all ranks are up
    stack : closed at the end, also where this process ends without returning from here

    Raises
    ------
    ConfigurationError
        If NEST can't be imported, has no MPI for several ranks, or the runtime directory
        can't be used.
    """
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, _stop)
    for sig in (signal.SIGUSR1, signal.SIGUSR2):
        # Launchers pass them on to all ranks, and only the first knows what runs.
        signal.signal(sig, _ignore)
    with contextlib.suppress(Stopped), stack or contextlib.ExitStack() as closing:
        scripts = zap_proxy = broker = None
        generation = secrets.token_hex(4)
        is_first = mpi.launched_rank() == 0
        if is_first and settings.memory_bytes is None:
            settings = replace(settings, memory_bytes=_default_memory(settings.connection_file))
        # Before MPI is there, which processes don't fork well under, and before the confinement.
        spawner = None
        if is_first:
            has_network = settings.binding is not None
            broker = BrokerClient.start(settings.connection_file, generation, has_network)
            closing.callback(broker.close)
            spawner = _spawner(settings, generation)
            closing.callback(spawner.close)
        is_late = not is_job_known(os.environ)
        if not settings.paths_follow and not is_late:
            _confine(settings, is_first)
        if spawner is not None:
            scripts = ScriptRunner(settings.scripts, spawner)
            closing.callback(scripts.close)
            if settings.binding is not None:
                zap_proxy = ZapProxy(spawner, generation)
                closing.callback(zap_proxy.close)
        if mpi.launched_ranks() == 1:
            mpi.stay_alone()
            if is_late:
                # Where there is no MPI, NEST has none either.
                with contextlib.suppress(ConfigurationError):
                    mpi.MpiWorld()
                _confine(settings, is_first, is_late=True)
            _run_master(settings, generation, None, closing, on_ready, broker, scripts, zap_proxy)
            return
        # Ranks whose launcher was killed must not go on alone.
        die_with_parent()
        prepare_mpi()
        world = mpi.MpiWorld()
        if not settings.paths_follow and is_late:
            _confine(settings, is_first, is_late=True)
        if world.rank == 0:
            _run_master(settings, generation, world, closing, on_ready, broker, scripts, zap_proxy)
        else:
            run_worker(world, closing, settings.paths_follow)


def _spawner(settings: NestdSettings, generation: str) -> Spawner:
    """Return the process that starts the helpers of rank 0."""
    files = RuntimeDirectory.of(settings.connection_file).make()
    programs = {FORK_SERVER: fork_server_program(settings.scripts, files.path)}
    if settings.binding is not None:
        programs[ZAP_AUTHENTICATOR] = zap_program(settings.connection_file, generation)
    return Spawner(programs)


def _default_memory(own: Path) -> int:
    """Return the memory of this kernel, which shares the machine with others of the user."""
    others = [
        server.connection_file
        for server in RuntimeDirectory.of_user().servers()
        if server.connection_file != own and server.connection_file.exists()
    ]
    return memory.default_bytes(memory.machine_bytes(), len(others) + 1)


def _confine(settings: NestdSettings, is_first: bool, is_late: bool = False) -> None:
    """Confine this rank, with its directories made."""
    files = RuntimeDirectory.of(settings.connection_file)
    # On other hosts that don't share it nothing is written to it.
    if is_first or files.path.parent.exists():
        files.make().make_kernel_directory()
    settings.data_directory.make()
    writable = [settings.data]
    if is_first and settings.binding is not None:
        writable.append(RuntimeDirectory.of_user().kernel_directory)
    confine(
        Confinement(
            files,
            tuple(writable),
            settings.extensions.paths,
            has_ranks=mpi.launched_ranks() > 1,
            is_bound=settings.binding is not None,
            is_late=is_late,
        )
    )


def _run_master(
    settings: NestdSettings,
    generation: str,
    world: mpi.MpiWorld | None,
    stack: contextlib.ExitStack,
    on_ready: Callable[[], None] | None,
    broker: BrokerClient | None,
    scripts: ScriptRunner | None,
    zap_proxy: ZapProxy | None,
) -> None:
    files = RuntimeDirectory.of(settings.connection_file).make()
    directory = files.path
    assert broker is not None
    broker.await_ready()
    # Right before it is used: the file broker of the last kernel may be about to remove it.
    files.make_kernel_directory()
    files.remove_crash_report()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    stack.callback(context.term)
    commands = open_router(context, stack)
    events = context.socket(zmq.PUB)
    events.set_hwm(_EVENTS_AHEAD)
    events.linger = 0
    # Gateways send nothing but subscriptions, and those to everything.
    events.maxmsgsize = _SUBSCRIPTION_BYTES
    stack.callback(events.close)
    public_key: str | None = None
    if settings.binding is not None and zap_proxy is not None:
        keys = new_keys()
        public_key = keys.public
        zap_proxy.guard(context)
        zap_proxy.watch(commands, "commands")
        zap_proxy.watch(events, "events")
        command_endpoint = bind_guarded(commands, settings.binding.endpoint(), keys)
        events_endpoint = bind_guarded(events, settings.binding.endpoint(1), keys)
    else:
        # A socket name of its own for each kernel: no gateway reaches a kernel it does not mean.
        command_endpoint = bind_beside(commands, files.commands_socket(generation), stack)
        events_endpoint = bind_beside(events, files.events_socket(generation), stack)
    status = files.status(generation)
    stack.callback(status.unlink, missing_ok=True)
    status_writer = StatusWriter(status)
    publisher = EventPublisher(events)
    lines = LogForwarder(publisher.log)
    logging.getLogger("nestd").addHandler(lines)
    stack.callback(logging.getLogger("nestd").removeHandler, lines)
    rank_activity = files.rank_activity(generation)
    make_rank_activity(rank_activity, 1 if world is None else world.size)
    stack.callback(rank_activity.unlink, missing_ok=True)
    if world is None:
        processes = [this_process()]
        kernel = start_kernel(generation, settings.native, settings.data, settings.extensions)
        memory.limit.set(settings.memory_bytes or memory.LEAST_BYTES)
        ranks: Ranks = OneRank(kernel, RankActivityWriter(rank_activity, 0))
    else:
        kernel, ranks, processes = start_master(
            world, context, directory, generation, stack, settings
        )
    assert scripts is not None
    look_alike = kernel.execute(Operation(Action.DESCRIBE), references=False)
    confined = scripts.set_up(look_alike)
    stack.callback(files.interface(generation).unlink, missing_ok=True)
    _write_interface(kernel, look_alike, files, generation)
    info = _describe(
        command_endpoint,
        events_endpoint,
        public_key,
        generation,
        kernel.nest_version,
        processes,
        confined,
    )
    # Before any caller is served, and after all that connects.
    _forbid_system_calls(is_alone=world is None and settings.binding is None)
    broker.connect(info)
    if kernel.native_problem:
        log.warning(
            "native access to NEST's memory is off: %s; many events take long to read, and random "
            "numbers that are drawn after a long simulation differ from those of PyNEST",
            kernel.native_problem,
        )
    log.info("kernel %s is ready: NEST %s, %d rank(s)", generation, kernel.nest_version, ranks.size)
    replies = ReplyCache() if settings.binding is not None else None
    master = Master(
        commands,
        ranks,
        generation,
        settings.queue_limit,
        publisher,
        status_writer,
        broker,
        scripts,
        settings.data_directory,
        replies,
        settings.lease_s,
    )
    stack.callback(master.close)
    signal.signal(signal.SIGUSR1, lambda *_: master.drain(settings.drain_s))
    try:
        if on_ready is not None:
            on_ready()
        master.serve()
    except Diverged as error:
        # The caller has the answer; the others hang inside NEST and have to be ended.
        write_crash_report(directory, generation, error)
        commands.close(linger=1000)
        scripts.close()
        mpi.leave(EXIT_DIVERGED)
    except Stopped:
        log.info("kernel %s stops", generation)
        master.dismiss()
        if world is not None:
            stack.close()
            # NEST's own end waits for all ranks inside MPI, and they may be computing.
            mpi.leave(0)
        raise


def _write_interface(
    kernel: Kernel, look_alike: Value, files: RuntimeDirectory, generation: str
) -> None:
    """Write what gateways have to know of PyNEST, as nobody answers them while NEST computes."""
    api = kernel.execute(Operation(Action.DESCRIBE_API), references=False)
    described = {Action.DESCRIBE.value: look_alike, Action.DESCRIBE_API.value: api}
    parts = frames.encode(Result("", generation, described))
    write_private(files.interface(generation), b"".join([head_of(parts), *parts]))


def _forbid_system_calls(is_alone: bool) -> None:
    problem = forbid_system_calls(is_alone)
    if problem is not None:
        log.warning("code in the kernel could change modes of files and use sockets: %s", problem)


def _describe(
    command_endpoint: str,
    events_endpoint: str,
    public_key: str | None,
    generation: str,
    nest_version: str,
    processes: list[RankProcess],
    scripts: str,
) -> ConnectionInfo:
    own = processes[0]
    return ConnectionInfo(
        command_endpoint=command_endpoint,
        events_endpoint=events_endpoint,
        public_key=public_key,
        host=own.host,
        pid=own.pid,
        start_ticks=own.start_ticks,
        ranks=len(processes),
        generation=generation,
        nest=nest_version,
        mpi=len(processes) > 1,
        started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        scripts=scripts,
        processes=tuple(processes),
    )


def _ignore(signum: int, frame: FrameType | None) -> None:
    """Do nothing; unlike SIG_IGN, a handler does not last in the programs that nestd starts."""


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(0)
