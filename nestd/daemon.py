"""Sets up and runs one nestd: socket, kernel, connection file, loop."""

from __future__ import annotations

import datetime
import logging
import os
import secrets
import signal
import socket as network
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import zmq

from nestd.master import Master, Stopped
from nestd.ranks import OneRank
from nestd.settings import NestdSettings
from protocol import connection_file
from protocol.connection_file import ConnectionInfo
from protocol.errors import ConfigurationError
from protocol.private_files import check_socket_path, private_directory
from protocol.processes import identify

if TYPE_CHECKING:
    from nestd.kernel.kernel import Kernel

log = logging.getLogger(__name__)


def run(settings: NestdSettings) -> None:
    """Serve until a signal ends it; leaves no file behind.

    Raises
    ------
    ConfigurationError
        If NEST can't be imported or the runtime directory can't be used.
    """
    directory = private_directory(settings.connection_file.parent)
    generation = secrets.token_hex(4)
    # A socket name of its own for each kernel: no gateway reaches a kernel it does not mean.
    path = check_socket_path(directory / f"kernel-{generation}.sock")
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, _stop)

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    # No answer may be dropped because its receiver is slow; the queue bounds their number.
    socket.set_hwm(0)
    socket.linger = 1000
    try:
        socket.bind(f"ipc://{path}")
        path.chmod(0o600)
        kernel = _start_kernel(generation)
        ranks = OneRank(kernel)
        info = _describe(path, generation, kernel.nest_version, ranks.size)
        connection_file.write(settings.connection_file, info)
        log.info(
            "kernel %s is ready: NEST %s, %d rank(s)", generation, kernel.nest_version, ranks.size
        )
        Master(socket, ranks, generation, settings.queue_limit).serve()
    except Stopped:
        log.info("kernel %s stops", generation)
    finally:
        socket.close()
        context.term()
        _remove_own(settings.connection_file, generation)
        path.unlink(missing_ok=True)


def _start_kernel(generation: str) -> Kernel:
    try:
        # Here and not above, so that a missing NEST is an answer and not a traceback.
        from nestd.kernel.kernel import Kernel
    except ImportError as error:
        raise ConfigurationError(
            f"NEST can't be imported ({error}): install it with pip install 'nestd[nest]', "
            "or load the module of your cluster"
        ) from error
    return Kernel(generation)


def _describe(path: Path, generation: str, nest_version: str, ranks: int) -> ConnectionInfo:
    process = identify(os.getpid())
    return ConnectionInfo(
        command_endpoint=f"ipc://{path}",
        public_key=None,
        host=network.gethostname(),
        pid=os.getpid(),
        start_ticks=process.start_ticks if process else 0,
        ranks=ranks,
        generation=generation,
        nest=nest_version,
        mpi=ranks > 1,
        started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


def _remove_own(path: Path, generation: str) -> None:
    """Remove the connection file, unless another nestd has written its own meanwhile."""
    try:
        info = connection_file.read(path)
    except ConfigurationError:
        return
    if info is not None and info.generation == generation:
        path.unlink(missing_ok=True)


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(0)
