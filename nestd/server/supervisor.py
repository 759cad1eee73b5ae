"""Starts nestd and gateway, starts them again when they die, stops them in order."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import re
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from nestd.server.children import Child
from nestd.server.http_probe import ask
from nestd.server.instance import Instance, default_log_file, directory_for
from nestd.server.listeners import open_listeners
from nestd.server.settings import ServerSettings
from protocol import connection_file
from protocol.errors import ConfigurationError, StartFailed
from protocol.private_files import private_directory, write_private
from protocol.processes import ProcessIdentity, describe_exit, identify

log = logging.getLogger(__name__)

#: Importing NEST from a cluster's file system can take a while.
READY_DEADLINE_S = 180.0
#: How long to wait for one answer meanwhile. Ends of children are noticed in between.
ANSWER_DEADLINE_S = 1.0
#: Starts of a program that never worked before giving up.
FRUITLESS_STARTS = 3
#: Exit code with which a program says that it can't start with these settings.
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h
#: How long a kernel may take to end by itself. It can't hear while NEST computes.
KERNEL_GRACE_S = 2.0
GATEWAY_GRACE_S = 8.0

#: How the lines of all loggers begin: ours, gunicorn's, NEST's.
_LOGGED = re.compile(r"(\[[A-Z]+\] )?\[?\d{4}-\d\d-\d\d ")

_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Supervisor:
    """One server while it runs.

    Parameters
    ----------
    settings : of the server
    on_ready : called once, with the instance and notes for its user, when it answers
    """

    def __init__(
        self, settings: ServerSettings, on_ready: Callable[[Instance, list[str]], None]
    ) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._ready = False
        #: Length of the log before this server wrote to it.
        self._log_start = 0

    def run(self) -> None:
        """Serve until told to stop.

        Raises
        ------
        PortTaken
            If no port is free.
        StartFailed
            If kernel or gateway don't come up.
        ConfigurationError
            If something else is wrong.
        """
        listeners, notes = open_listeners(self._settings.host, self._settings.ports)
        with contextlib.ExitStack() as stack:
            # First in, last out: no signal, such as a second Ctrl-C, interrupts the clearing up.
            old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, old_mask)
            stack.callback(_forget_signals)
            for listener in listeners:
                stack.enter_context(listener)
            instance = self._make_instance(listeners)
            stack.callback(instance.remove)
            output = self._open_log(instance, stack)
            nestd, gateway = self._children(instance, listeners, output)
            stack.callback(_stop, instance, nestd, gateway)
            nestd.start()
            gateway.start()
            self._watch(instance, nestd, gateway, notes)

    def _make_instance(self, listeners: list[socket.socket]) -> Instance:
        settings = self._settings
        ports = tuple(listener.getsockname()[1] for listener in listeners)
        directory = directory_for(ports[0])
        # Whoever used it is gone: its port is ours now.
        _remove_files(directory)
        private_directory(directory)
        log_file = settings.log_file
        if log_file is None and (settings.daemon or not settings.console_output):
            log_file = default_log_file(ports[0])
        instance = Instance(
            directory=directory,
            supervisor=identify(os.getpid()) or ProcessIdentity(os.getpid(), 0),
            host=settings.host,
            ports=ports,
            log_file=log_file,
            daemon=settings.daemon,
            authentication=not settings.no_authentication,
            started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        if instance.authentication:
            token = settings.token or secrets.token_hex(24)
            write_private(instance.token_file, token.encode())
        instance.save()
        return instance

    def _open_log(self, instance: Instance, stack: contextlib.ExitStack) -> IO[bytes] | None:
        if instance.log_file is None:
            return None
        try:
            handle = os.open(
                instance.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            raise ConfigurationError(
                f"can't write the log {instance.log_file}: {error.strerror}; choose another file "
                "with NEST_SERVER_LOGFILE"
            ) from error
        output: IO[bytes] = stack.enter_context(os.fdopen(handle, "ab"))
        self._log_start = os.fstat(handle).st_size
        handler = logging.FileHandler(instance.log_file)
        handler.setFormatter(
            logging.Formatter("%(asctime)s nest-server[%(process)d] %(levelname)s %(message)s")
        )
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        stack.callback(handler.close)
        stack.callback(root.removeHandler, handler)
        log.info("serving at %s", ", ".join(instance.urls))
        return output

    def _children(
        self, instance: Instance, listeners: list[socket.socket], output: IO[bytes] | None
    ) -> tuple[Child, Child]:
        # In the background there is no console to show anything on.
        on_console = self._settings.console_output and not instance.daemon
        kernel_output = None if on_console else output
        nestd = Child(
            "nestd",
            "nestd.cli",
            [
                "--connection-file",
                str(instance.connection_file),
                "--queue-limit",
                str(self._settings.queue_limit),
            ],
            {},
            kernel_output,
        )
        fds = tuple(listener.fileno() for listener in listeners)
        gateway = Child(
            "gateway",
            "gateway",
            [],
            {
                "NESTD_INSTANCE_DIR": str(instance.directory),
                "NESTD_LISTEN_FDS": ",".join(map(str, fds)),
                "NEST_SERVER_HOST": instance.host,
                "NEST_SERVER_QUEUE_LIMIT": str(self._settings.queue_limit),
                "NEST_SERVER_DISABLE_AUTH": "0" if instance.authentication else "1",
            },
            output,
            fds,
        )
        return nestd, gateway

    def _watch(self, instance: Instance, nestd: Child, gateway: Child, notes: list[str]) -> None:
        """Wait for signals and for the ends of children, until told to stop."""
        deadline = time.monotonic() + READY_DEADLINE_S
        while True:
            due = [child.due_s for child in (nestd, gateway) if child.due_s is not None]
            wait_s = min(due) - time.monotonic() if due else 3600.0
            if not self._ready:
                wait_s = min(wait_s, 0.05)
            arrived = signal.sigtimedwait(_SIGNALS, max(wait_s, 0.0))
            if arrived is not None and arrived.si_signo != signal.SIGCHLD:
                log.info("stopping on %s", signal.Signals(arrived.si_signo).name)
                return
            for child in (nestd, gateway):
                self._look_after(instance, child)
            if self._ready:
                continue
            if ask(instance, "/api", timeout_s=ANSWER_DEADLINE_S) is not None:
                self._ready = True
                log.info("ready")
                self._on_ready(instance, notes)
            elif time.monotonic() > deadline:
                raise StartFailed(
                    f"the server did not answer within {READY_DEADLINE_S:.0f} s; "
                    f"see {instance.log_file or 'its output'}"
                )

    def _look_after(self, instance: Instance, child: Child) -> None:
        """Notice that ``child`` has ended; start it again when it is time."""
        identity = child.identity
        status = child.collect()
        if status is not None:
            how = describe_exit(status)
            if child.name == "nestd" and identity is not None:
                _leave_note(instance, identity, status)
            hopeless = status == EXIT_CONFIGURATION or child.restarts + 1 >= FRUITLESS_STARTS
            if not self._ready and hopeless:
                raise StartFailed(
                    f"{child.name} does not start, it ends with {how}: "
                    f"{_last_words(instance.log_file, self._log_start)}"
                )
            lost = " and its network is lost" if child.name == "nestd" else ""
            sentence = f"{child.name} ended with {how}{lost}; starting it again"
            log.warning(sentence)
            if not instance.daemon:
                # The console may be gone; the kernel comes back all the same.
                with contextlib.suppress(OSError):
                    print(f"nest-server: {sentence}", file=sys.stderr, flush=True)
        if child.due_s is not None and time.monotonic() >= child.due_s:
            child.start()
            log.info("%s started, process %s", child.name, child.pid)


def _forget_signals() -> None:
    """Drop the signals that asked for the end that has come."""
    while signal.sigtimedwait(_SIGNALS, 0) is not None:
        pass


def _leave_note(instance: Instance, ended: ProcessIdentity, status: int) -> None:
    """Tell the gateway how the kernel ended, and clear away what it left."""
    note = {"pid": ended.pid, "start_ticks": ended.start_ticks, "returncode": status}
    write_private(instance.exit_file, json.dumps(note).encode())
    try:
        info = connection_file.read(instance.connection_file)
    except ConfigurationError:
        info = None
    if info is None or info.process == ended:
        instance.connection_file.unlink(missing_ok=True)
    for leftover in instance.directory.glob("kernel-*.sock"):
        leftover.unlink(missing_ok=True)


def _stop(instance: Instance, nestd: Child, gateway: Child) -> None:
    """Kernel first: requests that wait for it then end, and the gateway can finish them."""
    status = nestd.stop(KERNEL_GRACE_S)
    if status is not None and nestd.identity is not None:
        _leave_note(instance, nestd.identity, status)
    if status == -signal.SIGKILL:
        log.warning("nestd was computing and had to be killed")
    gateway.stop(GATEWAY_GRACE_S)
    log.info("stopped")


def _remove_files(directory: Path) -> None:
    if directory.is_dir() and not directory.is_symlink():
        for path in directory.iterdir():
            path.unlink(missing_ok=True)


def _last_words(log_file: Path | None, start: int) -> str:
    """The last line from ``start`` on that no logger wrote.

    A program that can't start ends with a sentence or a traceback, while the other one goes
    on logging.
    """
    if log_file is None:
        return "see the output above"
    try:
        lines = log_file.read_bytes()[start:].decode(errors="replace").splitlines()
    except OSError:
        return f"see {log_file}"
    said = [line for line in lines if line.strip() and not _LOGGED.match(line)]
    return said[-1] if said else f"see {log_file}"
