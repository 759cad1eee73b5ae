"""Loop of the supervisor: reports what happens to ``SupervisorState`` and does what it decides."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO

from nestd.logs.writer_process import LogProcess
from nestd.server.http_probe import ask
from nestd.server.instance import Instance, make_instance
from nestd.server.listeners import open_listeners, passed_listeners
from nestd.server.settings import Part, ServerSettings
from nestd.server.supervisor import events
from nestd.server.supervisor.child_process import Child
from nestd.server.supervisor.components import GATEWAY_GRACE_S, gateway_child, kernel_child
from nestd.server.supervisor.events import (
    ChildId,
    ServerProgram,
    SupervisorEvent,
    SupervisorInstruction,
)
from nestd.server.supervisor.liveness import Liveness
from nestd.server.supervisor.rank_exits import RankWatch
from nestd.server.supervisor.sd_service import Service
from nestd.server.supervisor.shutdown import TERM_GRACE_S, ShutdownStage
from nestd.server.supervisor.signal_poll import SignalPoll
from nestd.server.supervisor.startup_error import read_startup_error
from nestd.server.supervisor.state import ServerPhase, SupervisorState
from protocol.errors import StartFailed
from protocol.logging import lines
from protocol.process.identity import describe_exit

log = logging.getLogger(__name__)

#: How long to wait for one answer of the gateway. Ends of children are noticed in between.
ANSWER_DEADLINE_S = 1.0
#: Longest wait for an event.
_LONGEST_WAIT_S = 3600.0
#: Tells a gateway to take nothing new and to end when it has answered everything.
_RETIRE = signal.SIGUSR2


class Supervisor:
    """Server that runs, or half of one.

    Parameters
    ----------
    settings : of the server
    on_ready : called once, with the instance and notes for its user, when the server answers
    on_stopped : called when the server was asked to stop and everything of it has
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
        self._service = Service(os.environ)
        self._state = SupervisorState(
            settings.part, settings.drain_s, self._service.watchdog_s, time.monotonic()
        )

    def run(self) -> None:
        """Serve until a signal asks for the end.

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
            signals = stack.enter_context(SignalPoll())
            stack.callback(self._report_stopped)
            for listener in listeners:
                stack.enter_context(listener)
            instance = make_instance(self._settings, listeners)
            stack.callback(instance.remove, self._settings.part)
            log_process = _open_log(self._settings, instance, stack)
            stack.callback(log.info, "NEST Server has stopped")
            loop = _SupervisorLoop(
                self._settings,
                self._state,
                self._service,
                instance,
                listeners,
                log_process,
                lambda: self._on_ready(instance, notes),
            )
            # The kernel ends first, so that callers who wait for it have an answer.
            stack.callback(loop.stop_gateways)
            stack.callback(loop.stop_kernel)
            loop.serve(signals)

    def _listeners(self) -> tuple[list[socket.socket], list[str]]:
        """Return the sockets to serve, those of the server before or new ones, and notes."""
        settings = self._settings
        if settings.part is Part.KERNEL:
            return [], []
        service = self._service
        kept = passed_listeners(
            settings.host, settings.ports, os.environ, service.drop, service.keep
        )
        if kept:
            return kept, []
        opened, notes = open_listeners(settings.host, settings.ports)
        self._service.keep(opened)
        return opened, notes

    def _report_stopped(self) -> None:
        is_asked = self._state.shutdown.stage is not ShutdownStage.SERVING
        if is_asked and self._on_stopped is not None:
            # The console may be gone.
            with contextlib.suppress(OSError):
                self._on_stopped()


@dataclass
class _SupervisorLoop:
    """Children of a server, the waits for them, and the ways to carry out instructions."""

    settings: ServerSettings
    state: SupervisorState
    service: Service
    instance: Instance
    listeners: list[socket.socket]
    log_process: LogProcess | None
    on_ready: Callable[[], None]
    children: dict[ChildId, Child] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ranks = RankWatch(self.instance.connection_file, self.instance.exit_file)
        self._liveness = Liveness(self.instance.directory)

    def serve(self, signals: SignalPoll) -> None:
        """Handle events until the server has ended."""
        for instruction in self.state.start(time.monotonic()):
            self._carry_out_all(instruction)
        while self.state.phase is not ServerPhase.ENDED:
            rank_descriptors = self._ranks.descriptors
            readiness = [
                child.readiness for child in self.children.values() if child.readiness is not None
            ]
            wait_s = min(self.state.due_s - time.monotonic(), _LONGEST_WAIT_S)
            arrived, readable = signals.wait(wait_s, [*rank_descriptors, *readiness])
            if self.log_process is not None:
                self.log_process.restart_if_ended()
            self._ranks.note_ends(readable & set(rank_descriptors))
            for event in self._events(arrived):
                self._handle(event)

    def _events(self, arrived: set[signal.Signals]) -> Iterator[SupervisorEvent]:
        for sig in sorted(arrived):
            yield events.SignalArrived(sig)
        for id, child in list(self.children.items()):
            if child.read_ready():
                yield events.GatewayServes(id)
            identity, status = child.identity, child.poll_exit()
            if status is not None:
                del self.children[id]
                how = describe_exit(status)
                if id.program is ServerProgram.KERNEL and identity is not None:
                    how = self._ranks.conclude(identity, status)
                yield events.ChildExited(id, status, how)
        yield events.DeadlinePassed()

    def _handle(self, event: SupervisorEvent) -> None:
        for instruction in self.state.handle(event, time.monotonic()):
            self._carry_out_all(instruction)

    def _carry_out_all(self, instruction: SupervisorInstruction) -> None:
        """Carry out an instruction, and those that its outcome leads to."""
        waiting = deque([instruction])
        while waiting:
            for event in self._carry_out(waiting.popleft()):
                waiting.extend(self.state.handle(event, time.monotonic()))

    def _carry_out(self, instruction: SupervisorInstruction) -> Iterator[SupervisorEvent]:
        """Carry out an instruction, and yield its outcome where there is one."""
        match instruction:
            case events.StartChild(child):
                self._start(child)
            case events.RetireGateway(child):
                self._signal(child, _RETIRE)
            case events.RecordGateway(child):
                replace(self.instance, gateway=self.children[child].pid).save()
            case events.StopKernel(stage):
                self._stop_kernel_at(stage)
            case events.ProbeKernel(child):
                self._ranks.probe()
                if self._ranks.has_kernel:
                    yield events.KernelConnected(child)
            case events.ProbeServer(path):
                if path is None or self._answers(path):
                    yield events.ServerAnswered()
            case events.ProbeLiveness(asks_gateway):
                info = self._ranks.info
                kernel = None if info is None else self._liveness.probe(info)
                yield events.LivenessProbed(
                    kernel, self._answers("/healthz") if asks_gateway else None
                )
            case events.Notify.READY:
                self._announce_ready()
            case events.Notify.ALIVE:
                self.service.alive()
            case events.Notify.STOPPING:
                self.service.stopping(self.settings.drain_s)
            case events.WriteLog():
                self._write_log(instruction)
            case events.GiveUp(reason, child):
                raise StartFailed(f"{reason}{self._cause(child)}")

    def _answers(self, path: str) -> bool:
        return ask(self.instance, path, timeout_s=ANSWER_DEADLINE_S) is not None

    # Children

    def _start(self, id: ChildId) -> None:
        pipe = self._pipe(id.program)
        if id.program is ServerProgram.KERNEL:
            child = kernel_child(self.instance, self.settings, pipe)
        else:
            child = gateway_child(self.instance, self.settings, self.listeners, pipe)
        self.children[id] = child
        child.start()
        log.info("%s is started, process %s", id, child.pid)

    def _pipe(self, program: ServerProgram) -> IO[bytes] | None:
        """Return where a program prints to; ``None`` for where this process does."""
        return None if self.log_process is None else self.log_process.writing[program.value]

    def _signal(self, id: ChildId, sig: signal.Signals) -> None:
        if id in self.children:
            self.children[id].signal(sig)

    def _kernel(self) -> ChildId | None:
        return next((id for id in self.children if id.program is ServerProgram.KERNEL), None)

    def _stop_kernel_at(self, stage: ShutdownStage) -> None:
        kernel = self._kernel()
        if stage is ShutdownStage.DRAIN:
            self._ranks.signal_master(signal.SIGUSR1)
        elif stage is ShutdownStage.SLICE and self._ranks.signal_master(signal.SIGTERM):
            return
        elif kernel is not None:
            is_last = stage is ShutdownStage.KILL
            self._signal(kernel, signal.SIGKILL if is_last else signal.SIGTERM)

    def stop_kernel(self) -> None:
        """End the kernel, which has ended already unless this server failed."""
        id = self._kernel()
        if id is not None:
            child = self.children.pop(id)
            status = child.stop(TERM_GRACE_S)
            if status is not None and child.identity is not None:
                self._ranks.conclude(child.identity, status)

    def stop_gateways(self) -> None:
        """End all gateways; they finish what they have."""
        for child in self.children.values():
            child.stop(GATEWAY_GRACE_S)

    # Reports

    def _announce_ready(self) -> None:
        log.info("ready")
        info = self._ranks.info
        self.service.ready(
            f"Kernel {info.generation} on {info.ranks} rank(s)"
            if info is not None
            else f"Serving at {' and '.join(self.instance.urls)}"
        )
        self.on_ready()

    def _write_log(self, line: events.WriteLog) -> None:
        log.log(line.level, line.text)
        instance = self.instance
        if line.is_for_console and not instance.daemon and instance.log_file is not None:
            # The console may be gone; the kernel comes back all the same.
            with contextlib.suppress(OSError):
                print(f"nest-server: {line.text}", file=sys.stderr, flush=True)

    def _cause(self, id: ChildId | None) -> str:
        """Return what an error adds about a child that has ended, or where to read more."""
        log_file, log_process = self.instance.log_file, self.log_process
        if id is None:
            return f"; see {log_file or 'its output'}"
        if log_file is None or log_process is None:
            return ": see the output above"
        pipe = log_process.writing[id.program.value]
        return f": {read_startup_error(log_file, log_process.start, pipe, str(id))}"


def _open_log(
    settings: ServerSettings, instance: Instance, stack: contextlib.ExitStack
) -> LogProcess | None:
    """Begin to log; return the process that writes the log, ``None`` if the console has it."""
    if instance.log_file is None:
        # A service or a container, whose manager keeps what it prints, or a console.
        _log_to(sys.stderr, settings, stack)
        return None
    secret_file = instance.token_file if instance.authentication else None
    # What a launcher of several ranks prints is of none of them.
    rank = 0 if settings.ranks == 1 else None
    programs = {"nest-server": None, "gateway": None, "nestd": rank}
    log_process = LogProcess(instance.log_file, settings.log, programs, secret_file)
    stack.callback(log_process.close)
    descriptor = os.dup(log_process.writing["nest-server"].fileno())
    _log_to(stack.enter_context(os.fdopen(descriptor, "w")), settings, stack)
    log.info("serving at %s", ", ".join(instance.urls))
    return log_process


def _log_to(output: IO[str], settings: ServerSettings, stack: contextlib.ExitStack) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    lines.set_up("nest-server", settings.log, output)
    stack.callback(setattr, root, "handlers", before)
