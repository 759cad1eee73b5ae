"""Sets up and runs one rank of nestd: sockets, kernel, connection file, loop."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import secrets
import signal
import socket as network
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import zmq

from nestd.kernel.native import switch
from nestd.master.loop import EventPublisher, Master, Stopped
from nestd.master.reply_cache import ReplyCache
from nestd.network.binding import bind, bind_guarded
from nestd.network.zap_proxy import ZapProxy
from nestd.ranks import mpi
from nestd.ranks.heartbeat import HeartbeatSettings, RankHeartbeat
from nestd.ranks.transport import (
    EXIT_DIVERGED,
    ManyRanks,
    OneRank,
    Ranks,
    RankWorker,
    identity,
    write_crash_report,
)
from nestd.scripts.runner import ScriptRunner
from nestd.settings import NestdSettings
from protocol.errors import ConfigurationError, Diverged
from protocol.logging.forwarding import LogForwarder
from protocol.process.identity import ProcessIdentity, die_with_parent, identify
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo, RankProcess
from protocol.runtime.job_store import Spool
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import bind_private
from protocol.runtime.rank_activity import (
    RankActivityWriter,
    make_rank_activity,
)
from protocol.runtime.status_file import StatusWriter
from protocol.security.curve_keys import gateway_keys, new_keys
from protocol.wire.messages import Action, Operation

if TYPE_CHECKING:
    from nestd.kernel.kernel import Kernel

log = logging.getLogger(__name__)

#: Events that a subscriber may be behind before it misses some.
_EVENTS_AHEAD = 10_000


@dataclass(frozen=True)
class StartupInfo:
    """What rank 0 tells the others at the start."""

    directory: str
    generation: str
    #: Endpoint for ranks, and the CURVE key that makes them ranks, on ``tcp://``.
    endpoint: str
    key: str | None
    #: The same of who watches the network, where there is one.
    watch_endpoint: str | None = None
    watch_key: str | None = None
    #: Whether NEST's memory is read and written beside PyNEST; launchers may pass no variables on.
    native: bool = True


def run(
    settings: NestdSettings,
    on_ready: Callable[[], None] | None = None,
    stack: contextlib.ExitStack | None = None,
) -> None:
    """Serve until a signal ends it; leaves no file behind.

    SIGTERM and SIGINT end it at once, a simulation at its next slice. SIGUSR1 lets the command
    that runs end before: launchers pass it on, and kill ranks a second after SIGTERM.

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
        scripts = gate = None
        generation = secrets.token_hex(4)
        if mpi.launched_rank() == 0:
            # Before MPI is there, which processes don't fork well under.
            scripts = ScriptRunner(settings.scripts, settings.connection_file.parent)
            closing.callback(scripts.close)
            if settings.binding is not None:
                gateway_keys(RuntimeDirectory.of(settings.connection_file).make())
                gate = ZapProxy(settings.connection_file, generation)
                closing.callback(gate.close)
        if mpi.launched_ranks() == 1:
            mpi.stay_alone()
            _run_master(settings, generation, None, closing, on_ready, scripts, gate)
            return
        # Ranks whose launcher was killed must not go on alone.
        die_with_parent()
        world = mpi.MpiWorld()
        if world.rank == 0:
            _run_master(settings, generation, world, closing, on_ready, scripts, gate)
        else:
            _run_worker(world, closing)


def _run_master(
    settings: NestdSettings,
    generation: str,
    world: mpi.MpiWorld | None,
    stack: contextlib.ExitStack,
    on_ready: Callable[[], None] | None,
    scripts: ScriptRunner | None,
    gate: ZapProxy | None,
) -> None:
    files = RuntimeDirectory.of(settings.connection_file).make()
    directory = files.path
    files.crash_report.unlink(missing_ok=True)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    stack.callback(context.term)
    commands = _router(context, stack)
    events = context.socket(zmq.PUB)
    events.set_hwm(_EVENTS_AHEAD)
    events.linger = 0
    stack.callback(events.close)
    public_key: str | None = None
    if settings.binding is not None and gate is not None:
        keys = new_keys()
        public_key = keys.public
        gate.guard(context)
        gate.watch(commands, "commands")
        gate.watch(events, "events")
        command_endpoint = bind_guarded(commands, settings.binding.endpoint(), keys)
        events_endpoint = bind_guarded(events, settings.binding.endpoint(1), keys)
    else:
        # A socket name of its own for each kernel: no gateway reaches a kernel it does not mean.
        command_endpoint = _bind_private(commands, files.commands_socket(generation), stack)
        events_endpoint = _bind_private(events, files.events_socket(generation), stack)
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
        processes = [_this_process()]
        kernel = _start_kernel(generation, settings.native)
        ranks: Ranks = OneRank(kernel, RankActivityWriter(rank_activity, 0))
    else:
        kernel, ranks, processes = _start_master(
            world, context, directory, generation, stack, settings
        )
    assert scripts is not None
    confined = scripts.set_up(kernel.execute(Operation(Action.DESCRIBE), references=False))
    info = _describe(
        command_endpoint,
        events_endpoint,
        public_key,
        generation,
        kernel.nest_version,
        processes,
        confined,
    )
    connection_file.write(settings.connection_file, info)
    stack.callback(connection_file.remove_own, settings.connection_file, generation)
    if kernel.native_problem:
        log.warning(
            "native access to NEST's memory is off: %s; many events take long to read, and random "
            "numbers that are drawn after a long simulation differ from those of PyNEST",
            kernel.native_problem,
        )
    log.info("kernel %s is ready: NEST %s, %d rank(s)", generation, kernel.nest_version, ranks.size)
    spool = Spool(files.jobs)
    queue_limit = settings.queue_limit
    replies = ReplyCache() if settings.binding is not None else None
    master = Master(
        commands,
        ranks,
        generation,
        queue_limit,
        publisher,
        status_writer,
        spool,
        scripts,
        replies,
    )
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
        _leave(EXIT_DIVERGED)
    except Stopped:
        log.info("kernel %s stops", generation)
        master.dismiss()
        if world is not None:
            stack.close()
            # NEST's own end waits for all ranks inside MPI, and they may be computing.
            _leave(0)
        raise


def _start_master(
    world: mpi.MpiWorld,
    context: zmq.Context[zmq.Socket[bytes]],
    directory: Path,
    generation: str,
    stack: contextlib.ExitStack,
    settings: NestdSettings,
) -> tuple[Kernel, Ranks, list[RankProcess]]:
    """Rank 0's half of the start: tell the others where to connect, hear how they are."""
    binding = settings.binding
    socket = _router(context, stack)
    processes = [RankProcess(**json.loads(one)) for one in world.gather(_introduction(world))]
    if len({process.host for process in processes}) == 1:
        # Where other hosts see the directory, sockets may be impossible in it.
        place = RuntimeDirectory(directory) if binding is None else RuntimeDirectory.of_user()
        endpoint = _bind_private(socket, place.ranks_socket(generation), stack)
        startup_info = StartupInfo(
            str(directory), generation, endpoint, None, native=settings.native
        )
    else:
        keys = new_keys()
        socket.curve_server = True
        socket.curve_secretkey = keys.secret.encode()
        # Only ranks get the public keys, so only they can connect, and no gatekeeper is asked.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        interface = f"tcp://{binding.interface if binding else '*'}:*"
        endpoint = bind(socket, interface)
        hosts = [process.host for process in processes]
        watch = RankHeartbeat(HeartbeatSettings(0, hosts, str(directory), generation, interface))
        stack.callback(watch.close)
        startup_info = StartupInfo(
            str(directory),
            generation,
            endpoint,
            keys.public,
            watch.endpoint,
            watch.key,
            settings.native,
        )
    world.share(json.dumps(startup_info.__dict__).encode())
    kernel, problem = _try_kernel(generation, world, settings.native)
    problems = [json.loads(one) for one in world.gather(json.dumps(problem).encode())]
    for rank, found in enumerate(problems):
        if found is not None:
            raise ConfigurationError(f"rank {rank}: {found}" if found != problem else found)
    assert kernel is not None
    rank_activity = RankActivityWriter(RuntimeDirectory(directory).rank_activity(generation), 0)
    local_ranks = _local_ranks(world, processes)
    return kernel, ManyRanks(socket, kernel, world.size, rank_activity, local_ranks), processes


def _run_worker(world: mpi.MpiWorld, stack: contextlib.ExitStack) -> None:
    """The other ranks' half of the start, then their loop."""
    processes = [RankProcess(**json.loads(one)) for one in world.gather(_introduction(world))]
    startup_info = StartupInfo(**json.loads(world.share(b"")))
    if startup_info.watch_endpoint is not None:
        hosts = [process.host for process in processes]
        watch = RankHeartbeat(
            HeartbeatSettings(
                world.rank,
                hosts,
                startup_info.directory,
                startup_info.generation,
                startup_info.watch_endpoint,
                startup_info.watch_key,
            )
        )
        stack.callback(watch.close)
    kernel, problem = _try_kernel(startup_info.generation, world, startup_info.native)
    problems = world.gather(json.dumps(problem).encode())
    if any(json.loads(one) is not None for one in problems):
        # Rank 0 says what it is.
        sys.exit(0)
    assert kernel is not None
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.set_hwm(0)
    socket.setsockopt(zmq.IDENTITY, identity(world.rank))
    if startup_info.key is not None:
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
        socket.curve_serverkey = startup_info.key.encode()
    socket.connect(startup_info.endpoint)
    directory = Path(startup_info.directory)
    path = RuntimeDirectory(directory).rank_activity(startup_info.generation)
    # Hosts that share a file system don't share memory: one would write over the others' lines.
    is_near = processes[world.rank].host == processes[0].host
    rank_activity = RankActivityWriter(path, world.rank) if is_near and path.exists() else None
    local_ranks = _local_ranks(world, processes)
    worker = RankWorker(
        socket, kernel, world.rank, directory, startup_info.generation, rank_activity, local_ranks
    )
    with contextlib.suppress(Stopped):
        worker.serve()
    _leave(0)


def _router(
    context: zmq.Context[zmq.Socket[bytes]], stack: contextlib.ExitStack
) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.ROUTER)
    # No answer may be dropped because its receiver is slow; the queue bounds their number.
    socket.set_hwm(0)
    socket.linger = 1000
    stack.callback(socket.close)
    return socket


def _bind_private(socket: zmq.Socket[bytes], path: Path, stack: contextlib.ExitStack) -> str:
    """Bind ``socket`` to a name in a private directory; its endpoint."""
    endpoint = bind_private(socket, path)
    stack.callback(path.unlink, missing_ok=True)
    return endpoint


def _introduction(world: mpi.MpiWorld) -> bytes:
    return json.dumps(_this_process().__dict__).encode()


def _local_ranks(world: mpi.MpiWorld, processes: list[RankProcess]) -> list[ProcessIdentity]:
    """The ranks of this host, whose processes can be looked at."""
    host = processes[world.rank].host
    return [found.process for found in processes if found.host == host]


def _this_process() -> RankProcess:
    process = identify(os.getpid())
    return RankProcess(network.gethostname(), os.getpid(), process.start_ticks if process else 0)


def _try_kernel(
    generation: str, world: mpi.MpiWorld, native: bool
) -> tuple[Kernel | None, str | None]:
    """Return the kernel of this rank, or what is wrong with it."""
    try:
        kernel = _start_kernel(generation, native)
    except ConfigurationError as error:
        return None, error.message
    if kernel.ranks != world.size:
        return None, (
            f"{world.size} ranks need a NEST with MPI, and this one has none, which would make "
            f"{world.size} independent networks; scripts/install-nest-mpi builds and installs one"
        )
    return kernel, None


def _start_kernel(generation: str, native: bool) -> Kernel:
    switch.is_on = native
    try:
        # Here and not above, so that a missing NEST is an answer and not a traceback.
        from nestd.kernel.kernel import Kernel
    except ImportError as error:
        raise ConfigurationError(
            f"NEST can't be imported ({error}): install it with pip install nest-simulator, "
            "or load the module of your cluster"
        ) from error
    return Kernel(generation)


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


def _leave(code: int) -> NoReturn:
    """End this rank at once, without waiting for others inside MPI."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _ignore(signum: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN, this does not last in the programs that a process starts."""


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(0)
