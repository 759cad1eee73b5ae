"""Starts nestd and gateway, starts them again when they die, stops them in order."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from nestd.log_process import LogProcess
from nestd.server.children import Child
from nestd.server.http_probe import ask
from nestd.server.instance import Instance, make_instance
from nestd.server.launcher import kernel_command
from nestd.server.listeners import open_listeners
from nestd.server.rank_watch import RankWatch
from nestd.server.settings import ServerSettings
from nestd.server.wakeups import Wakeups
from protocol import logs
from protocol.errors import StartFailed
from protocol.polling import poll_until
from protocol.processes import describe_exit, python_command

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

#: How long the log may take to show what a program has printed at its end.
LOG_DEADLINE_S = 5.0
#: How nestd begins the sentence with which it ends.
_SENTENCE = "nestd can't start: "


class Supervisor:
    """One server while it runs.

    Parameters
    ----------
    settings : of the server
    on_ready : called once, with the instance and notes for its user, when it answers
    on_stopped : called when it was told to stop, and everything has
    """

    def __init__(
        self,
        settings: ServerSettings,
        on_ready: Callable[[Instance, list[str]], None],
        on_stopped: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._on_stopped = on_stopped
        self._told_to_stop = False
        self._ready = False
        #: Length of the log before this server wrote to it.
        self._log_start = 0
        self._log: LogProcess | None = None

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
            wakeups = stack.enter_context(Wakeups())
            stack.callback(self._say_stopped)
            for listener in listeners:
                stack.enter_context(listener)
            instance = make_instance(self._settings, listeners)
            stack.callback(instance.remove)
            self._log = self._open_log(instance, stack)
            nestd, gateway = self._children(instance, listeners)
            ranks = RankWatch(instance.connection_file, instance.exit_file)
            stack.callback(_stop, ranks, nestd, gateway)
            nestd.start()
            gateway.start()
            self._watch(instance, wakeups, ranks, nestd, gateway, notes)

    def _open_log(self, instance: Instance, stack: contextlib.ExitStack) -> LogProcess | None:
        if instance.log_file is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            self._log_start = instance.log_file.stat().st_size
        secret_file = instance.token_file if instance.authentication else None
        # What a launcher of several ranks prints is of none of them.
        rank = 0 if self._settings.ranks == 1 else None
        programs = {"nest-server": None, "gateway": None, "nestd": rank}
        writer = LogProcess(instance.log_file, self._settings.log, programs, secret_file)
        stack.callback(writer.close)
        output = stack.enter_context(os.fdopen(os.dup(writer.writing["nest-server"].fileno()), "w"))
        root = logging.getLogger()
        before = list(root.handlers)
        logs.set_up("nest-server", self._settings.log, output)
        stack.callback(setattr, root, "handlers", before)
        log.info("serving at %s", ", ".join(instance.urls))
        return writer

    def _children(self, instance: Instance, listeners: list[socket.socket]) -> tuple[Child, Child]:
        # In the background there is no console to show anything on.
        on_console = self._settings.console_output and not instance.daemon
        output = self._log.writing if self._log is not None else {}
        arguments = ["--connection-file", str(instance.connection_file)]
        arguments += ["--queue-limit", str(self._settings.queue_limit)]
        if self._log is not None and not on_console and self._settings.ranks > 1:
            # A launcher mixes what the ranks print, and does not say which did.
            arguments += ["--log-file", str(instance.log_file)]
        nestd = Child(
            "nestd",
            kernel_command(self._settings.ranks, arguments),
            log_variables(self._settings),
            None if on_console else output.get("nestd"),
        )
        gateway = gateway_child(instance, self._settings, listeners, output.get("gateway"))
        return nestd, gateway

    def _watch(
        self,
        instance: Instance,
        wakeups: Wakeups,
        ranks: RankWatch,
        nestd: Child,
        gateway: Child,
        notes: list[str],
    ) -> None:
        """Wait for signals and for the ends of children, until told to stop."""
        deadline = time.monotonic() + READY_DEADLINE_S
        while True:
            due = [child.due_s for child in (nestd, gateway) if child.due_s is not None]
            wait_s = min(due) - time.monotonic() if due else 3600.0
            if not self._ready or not ranks.has_kernel:
                wait_s = min(wait_s, 0.05)
            arrived, ended = wakeups.wait(wait_s, ranks.descriptors)
            asked = arrived - {signal.SIGCHLD}
            if asked:
                log.info("stopping on %s", min(asked).name)
                self._told_to_stop = True
                return
            if self._log is not None:
                self._log.look_after()
            ranks.note_ends(ended)
            for child in (nestd, gateway):
                self._look_after(instance, ranks, child)
            ranks.look()
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

    def _say_stopped(self) -> None:
        if self._told_to_stop and self._on_stopped is not None:
            # The console may be gone.
            with contextlib.suppress(OSError):
                self._on_stopped()

    def _look_after(self, instance: Instance, ranks: RankWatch, child: Child) -> None:
        """Notice that ``child`` has ended; start it again when it is time."""
        identity = child.identity
        status = child.collect()
        if status is not None:
            how = describe_exit(status)
            if child.name == "nestd" and identity is not None:
                how = ranks.conclude(identity, status)
            hopeless = status == EXIT_CONFIGURATION or child.restarts + 1 >= FRUITLESS_STARTS
            if not self._ready and hopeless:
                raise StartFailed(
                    f"{child.name} does not start, it ends with {how}: "
                    f"{self._last_words(child, instance.log_file)}"
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

    def _last_words(self, child: Child, log_file: Path | None) -> str:
        """The last line that a program printed and no logger wrote.

        A program that can't start ends with a sentence or a traceback, while the other one goes
        on logging, and an MPI launcher adds a page of its own, framed by lines of dashes.
        """
        if log_file is None or self._log is None:
            return "see the output above"
        # Behind all that it printed, in the same pipe.
        mark = f"{child.name} has said this before its end, number {child.restarts + 1}"
        self._log.writing[child.name].write(f"{mark}\n".encode())

        def look() -> list[dict[str, Any]] | None:
            try:
                lines = log_file.read_bytes()[self._log_start :].decode(errors="replace")
            except OSError:
                return None
            found = [logs.parse(one) for one in lines.splitlines()]
            return found if any(one.get("msg") == mark for one in found) else None

        printed = [
            str(one["msg"])
            for one in poll_until(look, LOG_DEADLINE_S) or []
            if one.get("printed") and one["msg"] != mark and str(one["msg"]).strip(" -")
        ]
        sentences = [text for text in printed if text.startswith(_SENTENCE)]
        return (sentences or printed or [f"see {log_file}"])[-1].removeprefix(_SENTENCE)


def gateway_child(
    instance: Instance,
    settings: ServerSettings,
    listeners: list[socket.socket],
    output: IO[bytes] | None,
    parent_death: signal.Signals = signal.SIGKILL,
) -> Child:
    """The gateway of a server, not yet started.

    Parameters
    ----------
    parent_death : what it gets when its parent dies
    """
    fds = tuple(listener.fileno() for listener in listeners)
    return Child(
        "gateway",
        python_command("gateway"),
        {
            "NESTD_INSTANCE_DIR": str(instance.directory),
            "NESTD_LISTEN_FDS": ",".join(map(str, fds)),
            "NEST_SERVER_HOST": instance.host,
            "NEST_SERVER_QUEUE_LIMIT": str(settings.queue_limit),
            "NEST_SERVER_DISABLE_AUTH": "0" if instance.authentication else "1",
            "NESTD_DESKTOP_DIR": str(settings.desktop or ""),
            **log_variables(settings),
        },
        output,
        fds,
        parent_death,
    )


def _stop(ranks: RankWatch, nestd: Child, gateway: Child) -> None:
    """Kernel first: requests that wait for it then end, and the gateway can finish them."""
    status = nestd.stop(KERNEL_GRACE_S)
    if status is not None and nestd.identity is not None:
        ranks.conclude(nestd.identity, status)
    if status == -signal.SIGKILL:
        log.warning("nestd was computing and had to be killed")
    gateway.stop(GATEWAY_GRACE_S)
    log.info("NEST Server has stopped")


def log_variables(settings: ServerSettings) -> dict[str, str]:
    """What tells a child how to log."""
    return {
        "NEST_SERVER_LOG_FORMAT": settings.log.format,
        "NEST_SERVER_LOG_LEVEL": settings.log.level,
    }
