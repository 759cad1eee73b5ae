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
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from nestd.logs.writer_process import LogProcess
from nestd.ranks import large_pages
from nestd.server.http_probe import ask
from nestd.server.instance import Instance, make_instance
from nestd.server.launch.launcher import kernel_command
from nestd.server.listeners import open_listeners, passed_listeners
from nestd.server.settings import Part, ServerSettings
from nestd.server.supervisor.child_process import Child
from nestd.server.supervisor.gateways import Gateways
from nestd.server.supervisor.liveness import Liveness
from nestd.server.supervisor.rank_exits import RankWatch
from nestd.server.supervisor.sd_service import Service
from nestd.server.supervisor.shutdown import STOPPING, TERM_GRACE_S, Shutdown, ShutdownStage
from nestd.server.supervisor.signal_poll import SignalPoll
from nestd.server.supervisor.startup_error import printed_reason
from nestd.settings import DRAIN_VARIABLE
from protocol.errors import StartFailed
from protocol.logging import lines
from protocol.process.identity import describe_exit, python_command
from protocol.process.polling import poll_until

log = logging.getLogger(__name__)

#: Importing NEST from a cluster's file system can take a while.
READY_DEADLINE_S = 180.0
#: How long to wait for one answer meanwhile. Ends of children are noticed in between.
ANSWER_DEADLINE_S = 1.0
#: Starts of a program that never worked before giving up.
FRUITLESS_STARTS = 3
#: Exit code with which a program says that it can't start with these settings.
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h
#: Has another gateway take the place of the one that serves.
REPLACE_GATEWAY = signal.SIGUSR2

#: How long the log may take to show what a program has printed at its end.
LOG_DEADLINE_S = 5.0


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
        self._part = settings.part
        self._shutdown = Shutdown(settings.drain_s)
        self._service = Service(os.environ)
        self._ready = False
        self._lives = True
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
        listeners, notes = self._listeners()
        with contextlib.ExitStack() as stack:
            # First in, last out: no signal, such as a second Ctrl-C, interrupts the clearing up.
            wakeups = stack.enter_context(SignalPoll())
            stack.callback(self._say_stopped)
            for listener in listeners:
                stack.enter_context(listener)
            instance = make_instance(self._settings, listeners)
            stack.callback(instance.remove, self._part)
            self._log = self._open_log(instance, stack)
            stack.callback(log.info, "NEST Server has stopped")
            gateways = nestd = None
            if self._part is not Part.KERNEL:
                gateways = Gateways(
                    lambda: gateway_child(
                        instance, self._settings, listeners, self._writing("gateway")
                    ),
                    lambda pid: replace(instance, gateway=pid).save(),
                )
                # The kernel has ended by then, and who waited for it has an answer.
                stack.callback(gateways.stop)
            ranks = RankWatch(instance.connection_file, instance.exit_file)
            if self._part is not Part.GATEWAY:
                nestd = self._kernel_child(instance)
                stack.callback(self._stop_kernel, ranks, nestd)
                nestd.start()
            if gateways is not None:
                gateways.start()
            self._watch(instance, wakeups, ranks, nestd, gateways, notes)

    def _listeners(self) -> tuple[list[socket.socket], list[str]]:
        """The sockets to serve: those of the server before, or new ones."""
        settings = self._settings
        if self._part is Part.KERNEL:
            return [], []
        kept = passed_listeners(settings.host, settings.ports, os.environ, self._service.drop)
        if kept:
            return kept, []
        opened, notes = open_listeners(settings.host, settings.ports)
        self._service.keep(opened)
        return opened, notes

    def _open_log(self, instance: Instance, stack: contextlib.ExitStack) -> LogProcess | None:
        if instance.log_file is None:
            # A service or a container, whose manager keeps what it says, or a console.
            self._log_to(sys.stderr, stack)
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
        self._log_to(output, stack)
        log.info("serving at %s", ", ".join(instance.urls))
        return writer

    def _log_to(self, output: IO[str], stack: contextlib.ExitStack) -> None:
        root = logging.getLogger()
        before = list(root.handlers)
        lines.set_up("nest-server", self._settings.log, output)
        stack.callback(setattr, root, "handlers", before)

    def _writing(self, program: str) -> IO[bytes] | None:
        """Where what a program prints goes; ``None`` for where this one's does."""
        return None if self._log is None else self._log.writing[program]

    def _kernel_child(self, instance: Instance) -> Child:
        # In the background there is no console to show anything on.
        on_console = self._settings.console_output and not instance.daemon
        arguments = ["--connection-file", str(instance.connection_file)]
        arguments += ["--queue-limit", str(self._settings.queue_limit)]
        if self._log is not None and not on_console and self._settings.ranks > 1:
            # A launcher mixes what the ranks print, and does not say which did.
            arguments += ["--log-file", str(instance.log_file)]
        return Child(
            "nestd",
            kernel_command(self._settings.ranks, arguments),
            {
                # How long what runs may take is measured here.
                DRAIN_VARIABLE: "off",
                **large_pages.variables(os.environ),
                **log_variables(self._settings),
            },
            None if on_console else self._writing("nestd"),
        )

    def _watch(
        self,
        instance: Instance,
        wakeups: SignalPoll,
        ranks: RankWatch,
        nestd: Child | None,
        gateways: Gateways | None,
        notes: list[str],
    ) -> None:
        """Wait for signals and for the ends of children, until told to stop and nestd has."""
        deadline = time.monotonic() + READY_DEADLINE_S
        pulse = Liveness(instance.directory)
        while True:
            children = [nestd] if nestd is not None else []
            children += [gateways.current] if gateways is not None else []
            due = [child.due_s for child in children if child.due_s is not None]
            wait_s = min(due) - time.monotonic() if due else 3600.0
            wait_s = min(wait_s, self._shutdown.wait_s, self._service.wait_s)
            if not self._ready or (nestd is not None and not ranks.has_kernel):
                wait_s = min(wait_s, 0.05)
            watched = ranks.descriptors
            spoken = gateways.descriptors if gateways is not None else []
            arrived, ended = wakeups.wait(wait_s, [*watched, *spoken])
            if gateways is not None:
                if REPLACE_GATEWAY in arrived and not self._shutdown.has_begun:
                    gateways.replace()
                gateways.look()
            for sig in sorted(arrived & STOPPING):
                self._climb(self._shutdown.on_signal(sig), sig.name, ranks, nestd)
            self._climb(self._shutdown.on_time(), "its time is over", ranks, nestd)
            if self._log is not None:
                self._log.look_after()
            ranks.note_ends(ended & set(watched))
            for child in children:
                self._look_after(instance, ranks, child)
            if self._service.is_due():
                self._feed(instance, ranks, nestd, gateways, pulse)
            if self._shutdown.has_begun:
                if nestd is None or nestd.pid is None:
                    return
                continue
            if nestd is not None:
                ranks.look()
            if self._ready:
                continue
            if self._serves(instance, ranks):
                self._ready = True
                log.info("ready")
                info = ranks.info
                self._service.ready(
                    f"Kernel {info.generation} on {info.ranks} rank(s)"
                    if info is not None
                    else f"Serving at {' and '.join(instance.urls)}"
                )
                self._on_ready(instance, notes)
            elif time.monotonic() > deadline:
                raise StartFailed(
                    f"the server did not answer within {READY_DEADLINE_S:.0f} s; "
                    f"see {instance.log_file or 'its output'}"
                )

    def _serves(self, instance: Instance, ranks: RankWatch) -> bool:
        """Whether everything is up: all ranks, and the gateway that asks them."""
        if self._part is not Part.GATEWAY and not ranks.has_kernel:
            return False
        if self._part is Part.KERNEL:
            return True
        # Half a server answers while the other half is away.
        path = "/api" if self._part is Part.BOTH else "/healthz"
        return ask(instance, path, timeout_s=ANSWER_DEADLINE_S) is not None

    def _feed(
        self,
        instance: Instance,
        ranks: RankWatch,
        nestd: Child | None,
        gateways: Gateways | None,
        pulse: Liveness,
    ) -> None:
        """Tell the service manager that commands can be served, or will be after what runs."""
        lives = True
        if nestd is not None and ranks.info is not None:
            lives = pulse.beats(ranks.info)
        elif nestd is not None:
            # While it starts, or waits to be started again.
            lives = nestd.runs_since_s < READY_DEADLINE_S
        if gateways is not None and self._ready:
            lives = lives and ask(instance, "/healthz", timeout_s=ANSWER_DEADLINE_S) is not None
        if lives:
            self._service.alive()
        if lives != self._lives:
            say = log.info if lives else log.warning
            say("signs of life are %s", "back" if lives else "missing, the watchdog gets none")
        self._lives = lives

    def _climb(
        self, rung: ShutdownStage | None, why: str, ranks: RankWatch, nestd: Child | None
    ) -> None:
        """Do what the next rung of the end is."""
        if rung is not None:
            self._service.stopping(self._settings.drain_s)
        if nestd is None:
            return
        if rung is ShutdownStage.DRAIN and not ranks.has_kernel:
            # Nothing runs that could be waited for.
            rung = self._shutdown.on_signal(signal.SIGINT)
        if rung is None:
            return
        if rung is ShutdownStage.DRAIN:
            limit_s = self._settings.drain_s
            limit = "without a limit" if limit_s is None else f"for at most {limit_s:g} s"
            log.info("stopping on %s: nothing new is taken, what runs goes on %s", why, limit)
            ranks.signal_master(signal.SIGUSR1)
        elif rung is ShutdownStage.SLICE:
            log.info("stopping on %s: what runs ends at the next slice", why)
            if not ranks.signal_master(signal.SIGTERM):
                nestd.signal(signal.SIGTERM)
        elif rung is ShutdownStage.TERM:
            log.warning("nestd does not end at a slice and gets SIGTERM")
            nestd.signal(signal.SIGTERM)
        else:
            log.warning("nestd was computing and had to be killed")
            nestd.signal(signal.SIGKILL)

    def _stop_kernel(self, ranks: RankWatch, nestd: Child) -> None:
        """The end of nestd, which has happened unless this server failed."""
        status = nestd.stop(TERM_GRACE_S)
        if status is not None and nestd.identity is not None:
            ranks.conclude(nestd.identity, status)
        if self._shutdown.has_begun:
            log.info("nestd was stopped by the rung %s", self._shutdown.rung.value)

    def _say_stopped(self) -> None:
        if self._shutdown.has_begun and self._on_stopped is not None:
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
                if self._shutdown.has_begun:
                    return
            hopeless = status == EXIT_CONFIGURATION or child.restarts + 1 >= FRUITLESS_STARTS
            if not self._ready and hopeless and not self._shutdown.has_begun:
                raise StartFailed(
                    f"{child.name} does not start, it ends with {how}: "
                    f"{self._last_words(child, instance.log_file)}"
                )
            lost = " and its network is lost" if child.name == "nestd" else ""
            sentence = f"{child.name} ended with {how}{lost}; starting it again"
            log.warning(sentence)
            if not instance.daemon and instance.log_file is not None:
                # The console may be gone; the kernel comes back all the same.
                with contextlib.suppress(OSError):
                    print(f"nest-server: {sentence}", file=sys.stderr, flush=True)
        is_wanted = child.name != "nestd" or not self._shutdown.has_begun
        if is_wanted and child.due_s is not None and time.monotonic() >= child.due_s:
            child.start()
            log.info("%s started, process %s", child.name, child.pid)

    def _last_words(self, child: Child, log_file: Path | None) -> str:
        """Why a program did not start, by what it printed while the other one went on logging."""
        if log_file is None or self._log is None:
            return "see the output above"
        # Behind all that it printed, in the same pipe.
        mark = f"{child.name} has said this before its end, number {child.restarts + 1}"
        self._log.writing[child.name].write(f"{mark}\n".encode())

        def look() -> list[dict[str, Any]] | None:
            try:
                text = log_file.read_bytes()[self._log_start :].decode(errors="replace")
            except OSError:
                return None
            found = [lines.parse(one) for one in text.splitlines()]
            return found if any(one.get("msg") == mark for one in found) else None

        printed = [
            str(one["msg"])
            for one in poll_until(look, LOG_DEADLINE_S) or []
            if one.get("printed") and one["msg"] != mark
        ]
        return printed_reason(printed) or f"see {log_file}"


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
        says_ready=True,
    )


def log_variables(settings: ServerSettings) -> dict[str, str]:
    """What tells a child how to log."""
    return {
        "NEST_SERVER_LOG_FORMAT": settings.log.format,
        "NEST_SERVER_LOG_LEVEL": settings.log.level,
    }
