"""Start of a kernel on all ranks: both ends of what the ranks exchange over MPI, in one order.

All ranks gather their processes, take the facts that rank 0 shares, start their kernels, and gather
what is wrong with them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket as network
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import zmq

from nestd.confinement import memory
from nestd.confinement.kernel import Confinement, confine
from nestd.confinement.module_search import close_module_search
from nestd.confinement.system_calls import forbid_system_calls
from nestd.extensions import Extensions
from nestd.kernel.native import switch
from nestd.master.loop import Stopped
from nestd.network.binding import bind, bind_beside, open_router
from nestd.ranks import mpi
from nestd.ranks.heartbeat import HeartbeatSettings, RankHeartbeat
from nestd.ranks.transport import ManyRanks, Ranks, RankWorker, identity
from nestd.settings import NestdSettings
from protocol.errors import ConfigurationError
from protocol.process.identity import ProcessIdentity, identify
from protocol.runtime.connection_file import RankProcess
from protocol.runtime.data_directory import DataDirectory
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.rank_activity import RankActivityWriter
from protocol.security.curve_keys import new_keys

if TYPE_CHECKING:
    from nestd.kernel.kernel import Kernel


@dataclass(frozen=True)
class StartupInfo:
    """Facts that rank 0 shares with the other ranks at the start."""

    directory: str
    generation: str
    #: Endpoint for ranks, and the CURVE key that makes them ranks, on ``tcp://``.
    endpoint: str
    key: str | None
    #: Endpoint and key for heartbeats, where ranks are on several hosts.
    watch_endpoint: str | None
    watch_key: str | None
    #: Whether NEST's memory is read and written beside PyNEST; launchers may pass no variables on.
    native: bool
    #: Where NEST writes files for callers, on every host.
    data: str
    #: Extension modules that callers may load, on every host.
    extensions: list[str]
    #: Memory of all ranks on a host.
    memory_bytes: int


def start_master(
    world: mpi.MpiWorld,
    context: zmq.Context[zmq.Socket[bytes]],
    directory: Path,
    generation: str,
    stack: contextlib.ExitStack,
    settings: NestdSettings,
) -> tuple[Kernel, Ranks, list[RankProcess]]:
    """Start the kernel of rank 0: share where to connect, and gather the ranks' problems.

    Raises
    ------
    ConfigurationError
        If a rank can't start its kernel.
    """
    binding = settings.binding
    socket = open_router(context, stack)
    processes = _gather_processes(world)
    if len({process.host for process in processes}) == 1:
        # Where other hosts see the directory, sockets may be impossible in it.
        place = RuntimeDirectory(directory) if binding is None else RuntimeDirectory.of_user()
        place.make_kernel_directory()
        stack.callback(place.remove_kernel_directory)
        endpoint = bind_beside(socket, place.ranks_socket(generation), stack)
        key = watch_endpoint = watch_key = None
    else:
        keys = new_keys()
        socket.curve_server = True
        socket.curve_secretkey = keys.secret.encode()
        # Only ranks get the public keys, so only they can connect, without a zap authenticator.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        interface = f"tcp://{binding.interface if binding else '*'}:*"
        endpoint = bind(socket, interface)
        hosts = [process.host for process in processes]
        watch = RankHeartbeat(HeartbeatSettings(0, hosts, str(directory), generation, interface))
        stack.callback(watch.close)
        key, watch_endpoint, watch_key = keys.public, watch.endpoint, watch.key
    startup_info = StartupInfo(
        str(directory),
        generation,
        endpoint,
        key,
        watch_endpoint,
        watch_key,
        settings.native,
        str(settings.data),
        [str(path) for path in settings.extensions.paths],
        settings.memory_bytes or memory.LEAST_BYTES,
    )
    world.broadcast(json.dumps(startup_info.__dict__).encode())
    kernel, problem = _try_kernel(
        generation, world, settings.native, settings.data, settings.extensions
    )
    for rank, reason in enumerate(_gather_problems(world, problem)):
        if reason is not None:
            raise ConfigurationError(f"rank {rank}: {reason}" if reason != problem else reason)
    assert kernel is not None
    local_ranks = _local_ranks(world, processes)
    _limit_memory(world, startup_info, len(local_ranks))
    rank_activity = RankActivityWriter(RuntimeDirectory(directory).rank_activity(generation), 0)
    return kernel, ManyRanks(socket, kernel, world.size, rank_activity, local_ranks), processes


def run_worker(
    world: mpi.MpiWorld, stack: contextlib.ExitStack, paths_follow: bool = False
) -> NoReturn:
    """Start the kernel of another rank, execute what rank 0 sends, and leave after rank 0.

    Parameters
    ----------
    world : all ranks
    stack : closed at the end
    paths_follow : whether this rank is confined when rank 0 has sent its directories
    """
    processes = _gather_processes(world)
    startup_info = StartupInfo(**json.loads(world.broadcast(b"")))
    if paths_follow:
        # MPI's own threads run already, but NEST's do not.
        own = RuntimeDirectory(Path(startup_info.directory))
        read = tuple(map(Path, startup_info.extensions))
        confine(Confinement(own, (Path(startup_info.data),), read, has_ranks=True, is_late=True))
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
    kernel, problem = _try_kernel(
        startup_info.generation,
        world,
        startup_info.native,
        Path(startup_info.data),
        Extensions(tuple(map(Path, startup_info.extensions))),
    )
    if any(reason is not None for reason in _gather_problems(world, problem)):
        # Rank 0 reports the problem.
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
    _limit_memory(world, startup_info, len(local_ranks))
    # If the system does not, rank 0 says so in the log.
    forbid_system_calls(is_alone=False)
    worker = RankWorker(
        socket, kernel, world.rank, directory, startup_info.generation, rank_activity, local_ranks
    )
    with contextlib.suppress(Stopped):
        worker.serve()
    mpi.leave(0)


def _gather_processes(world: mpi.MpiWorld) -> list[RankProcess]:
    own = json.dumps(this_process().__dict__).encode()
    return [RankProcess(**json.loads(process)) for process in world.gather(own)]


def _gather_problems(world: mpi.MpiWorld, own: str | None) -> list[str | None]:
    return [json.loads(problem) for problem in world.gather(json.dumps(own).encode())]


def _local_ranks(world: mpi.MpiWorld, processes: list[RankProcess]) -> list[ProcessIdentity]:
    """Return the ranks of this host, whose processes can be looked at."""
    host = processes[world.rank].host
    return [process.process for process in processes if process.host == host]


def _limit_memory(world: mpi.MpiWorld, startup_info: StartupInfo, ranks_here: int) -> None:
    """Limit the memory of this rank to its part of what the kernel has on this host."""

    def agree(yes: bool) -> bool:
        return b"" not in world.gather(b"yes" if yes else b"")

    memory.limit.set(startup_info.memory_bytes // ranks_here, agree)


def this_process() -> RankProcess:
    """Return how the connection file names this process."""
    process = identify(os.getpid())
    return RankProcess(network.gethostname(), os.getpid(), process.start_ticks if process else 0)


def _try_kernel(
    generation: str, world: mpi.MpiWorld, native: bool, data: Path, extensions: Extensions
) -> tuple[Kernel | None, str | None]:
    """Return the kernel of this rank, or what is wrong with it."""
    try:
        kernel = start_kernel(generation, native, data, extensions)
    except ConfigurationError as error:
        return None, error.message
    if kernel.ranks != world.size:
        return None, (
            f"{world.size} ranks need a NEST with MPI, and this one has none, which would make "
            f"{world.size} independent networks; scripts/install-nest-mpi builds and installs one"
        )
    # Here, as NEST is imported by now.
    from nestd.kernel.api.joint_calls import joint

    joint.meeting = world
    return kernel, None


def start_kernel(generation: str, native: bool, data: Path, extensions: Extensions) -> Kernel:
    """Import NEST and return the kernel of this process.

    Parameters
    ----------
    generation : of the kernel
    native : whether NEST's memory is read and written beside PyNEST
    data : where NEST writes files for callers; made if it is missing on this host
    extensions : modules that callers may load

    Raises
    ------
    ConfigurationError
        If NEST can't be imported, or the data directory or a module can't be used.
    """
    DataDirectory(data).make()
    extensions.check(data)
    # What NEST writes is for its account alone.
    os.umask(0o077)
    # NEST reads them when it starts, and again in ResetKernel.
    os.environ |= {"NEST_DATA_PATH": str(data), "NEST_DATA_PREFIX": ""}
    switch.is_on = native
    try:
        # Here and not above, so that a missing NEST is an answer and not a traceback.
        from nestd.kernel.kernel import Kernel
    except ImportError as error:
        raise ConfigurationError(
            f"NEST can't be imported ({error}): install it with pip install nest-simulator, "
            "or load the module of your cluster"
        ) from error
    kernel = Kernel(generation, extensions)
    close_module_search()
    if kernel.data_path != str(data):
        # NEST says so in the log alone.
        raise ConfigurationError(f"NEST can't use the data directory {data}")
    return kernel
