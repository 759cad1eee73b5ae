"""Decisions of the supervisor, without I/O: events in, instructions out."""

from __future__ import annotations

import enum
import logging
import signal
from collections.abc import Iterator

from nestd.server.settings import Part
from nestd.server.supervisor import events
from nestd.server.supervisor.events import (
    ChildId,
    ServerProgram,
    SupervisorEvent,
    SupervisorInstruction,
)
from nestd.server.supervisor.restarts import RestartSchedule
from nestd.server.supervisor.shutdown import STOP_SIGNALS, Shutdown, ShutdownStage
from nestd.settings import EXIT_CONFIGURATION

#: Importing NEST from a cluster's file system can take a while.
READY_DEADLINE_S = 180.0
#: Pause between two looks for a kernel, or requests to a server, that is not there yet.
PROBE_PAUSE_S = 0.02
#: Address whose answer comes from all ranks of a kernel that serves.
KERNEL_PROBE = "/api/resolution"
#: Starts of a program that never worked before giving up.
FRUITLESS_STARTS = 3
#: Has another gateway take the place of the one that serves.
REPLACE_GATEWAY = signal.SIGUSR2

_Instructions = Iterator[SupervisorInstruction]


class ServerPhase(enum.Enum):
    """Where a server is between its start and its end."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"
    #: Nothing is left to be decided.
    ENDED = "ended"


class _PhaseEvent(enum.Enum):
    ANSWERED = enum.auto()
    HOPELESS = enum.auto()
    STOP_ASKED = enum.auto()
    KERNEL_ENDED = enum.auto()


#: What is not listed changes nothing.
_NEXT_PHASE = {
    (ServerPhase.STARTING, _PhaseEvent.ANSWERED): ServerPhase.SERVING,
    (ServerPhase.STARTING, _PhaseEvent.HOPELESS): ServerPhase.ENDED,
    (ServerPhase.STARTING, _PhaseEvent.STOP_ASKED): ServerPhase.STOPPING,
    (ServerPhase.SERVING, _PhaseEvent.STOP_ASKED): ServerPhase.STOPPING,
    (ServerPhase.STOPPING, _PhaseEvent.KERNEL_ENDED): ServerPhase.ENDED,
}


class SupervisorState:
    """State of a supervisor.

    Parameters
    ----------
    part : what of a server is run
    drain_s : time limit of what runs when the server stops; ``None`` without a limit
    watchdog_s : pause between two signs of life; infinite without a watchdog
    now_s : by the monotonic clock
    """

    def __init__(self, part: Part, drain_s: float | None, watchdog_s: float, now_s: float) -> None:
        self.phase = ServerPhase.STARTING
        self.shutdown = Shutdown(drain_s)
        self._part = part
        self._drain_s = drain_s
        self._kernel = None if part is Part.GATEWAY else RestartSchedule()
        self._gateway = None if part is Part.KERNEL else RestartSchedule()
        #: The gateway that is to take the place of the one that serves.
        self._coming: ChildId | None = None
        #: Gateways that have been replaced and finish what they have.
        self._retired: set[ChildId] = set()
        #: Processes that were started, by program.
        self._starts = dict.fromkeys(ServerProgram, 0)
        self._kernel_is_connected = False
        self._gateway_serves = False
        self._is_alive = True
        self._ready_deadline_s = now_s + READY_DEADLINE_S
        self._probe_due_s = now_s
        self._watchdog_s = watchdog_s
        self._watchdog_due_s = now_s + watchdog_s

    @property
    def due_s(self) -> float:
        """Time at which the state has instructions without an event, by the monotonic clock."""
        due_s = [self.shutdown.due_s, self._watchdog_due_s]
        due_s += [child.due_s for child in (self._kernel, self._gateway) if child is not None]
        if self.phase is ServerPhase.STARTING:
            due_s.append(self._ready_deadline_s)
        if self._kernel_to_probe is not None or any(self._probe_server()):
            due_s.append(self._probe_due_s)
        return min(due_s)

    @property
    def _kernel_to_probe(self) -> ChildId | None:
        """Kernel whose connection file is awaited."""
        is_stopping = self.phase is ServerPhase.STOPPING
        if self._kernel is None or self._kernel_is_connected or is_stopping:
            return None
        return self._kernel.running

    def start(self, now_s: float) -> list[SupervisorInstruction]:
        """Return the instructions with which a server begins."""
        return [
            self._start(program, child, now_s)
            for program, child in (
                (ServerProgram.KERNEL, self._kernel),
                (ServerProgram.GATEWAY, self._gateway),
            )
            if child is not None
        ]

    def handle(self, event: SupervisorEvent, now_s: float) -> list[SupervisorInstruction]:
        """Return what has to be done because of ``event``."""
        if self.phase is ServerPhase.ENDED:
            return []
        return list(self._handle(event, now_s))

    def _handle(self, event: SupervisorEvent, now_s: float) -> _Instructions:
        match event:
            case events.ChildExited():
                yield from self._on_exit(event, now_s)
            case events.GatewayServes(child):
                yield from self._on_gateway_serves(child, now_s)
            case events.KernelConnected(child):
                if child == self._kernel_to_probe:
                    self._kernel_is_connected = True
                    yield from self._probe_server()
            case events.ServerAnswered():
                if self._step(_PhaseEvent.ANSWERED):
                    yield events.Notify.READY
            case events.LivenessProbed(kernel, gateway):
                yield from self._on_liveness(kernel, gateway, now_s)
            case events.SignalArrived(sig):
                if sig is REPLACE_GATEWAY:
                    yield from self._replace_gateway()
                elif sig in STOP_SIGNALS:
                    yield from self._stop(self.shutdown.on_signal(sig, now_s), sig.name, now_s)
            case events.DeadlinePassed():
                yield from self._on_time(now_s)

    def _step(self, event: _PhaseEvent) -> bool:
        """Enter the phase that follows ``event``, and return whether the phase changed."""
        following = _NEXT_PHASE.get((self.phase, event))
        if following is None:
            return False
        self.phase = following
        return True

    # Children

    def _start(
        self, program: ServerProgram, child: RestartSchedule, now_s: float
    ) -> events.StartChild:
        started = self._new_child(program)
        child.on_start(started, now_s)
        return events.StartChild(started)

    def _new_child(self, program: ServerProgram) -> ChildId:
        self._starts[program] += 1
        return ChildId(program, self._starts[program])

    def _on_exit(self, event: events.ChildExited, now_s: float) -> _Instructions:
        child, how = event.child, event.how
        if child == self._coming:
            self._coming = None
            yield events.WriteLog(
                logging.ERROR, f"the gateway was not replaced: the new one ended with {how}"
            )
        elif child in self._retired:
            self._retired.remove(child)
            yield events.WriteLog(
                logging.INFO, f"the gateway that was replaced has ended with {how}"
            )
        elif self._kernel is not None and child == self._kernel.running:
            self._kernel_is_connected = False
            self._kernel.on_exit(now_s)
            if self.phase is ServerPhase.STOPPING:
                self._kernel.cancel()
                yield from self._end()
            else:
                yield from self._announce_restart(self._kernel, event, " and its network is lost")
        elif self._gateway is not None and child == self._gateway.running:
            self._gateway_serves = False
            self._gateway.on_exit(now_s)
            if self.shutdown.stage in (ShutdownStage.SERVING, ShutdownStage.DRAIN):
                yield from self._announce_restart(self._gateway, event)
            else:
                self._gateway.cancel()

    def _announce_restart(
        self, child: RestartSchedule, event: events.ChildExited, loss: str = ""
    ) -> _Instructions:
        """Log that the child starts when its time has come; give up if that is hopeless."""
        name = event.child.program.value
        is_hopeless = event.status == EXIT_CONFIGURATION or child.starts >= FRUITLESS_STARTS
        if is_hopeless and self._step(_PhaseEvent.HOPELESS):
            yield events.GiveUp(f"{name} does not start, it ends with {event.how}", event.child)
            return
        text = f"{name} ended with {event.how}{loss}; starting it again"
        yield events.WriteLog(logging.WARNING, text, is_for_console=True)

    def _on_gateway_serves(self, child: ChildId, now_s: float) -> _Instructions:
        if self._gateway is None or child not in (self._coming, self._gateway.running):
            return
        if child == self._coming:
            before = self._gateway.running
            self._coming = None
            self._gateway = RestartSchedule()
            self._gateway.on_start(child, now_s)
            yield events.WriteLog(logging.INFO, f"{child} takes the place of {before or 'none'}")
            if before is not None:
                self._retired.add(before)
                yield events.RetireGateway(before)
        self._gateway_serves = True
        yield events.RecordGateway(child)
        yield from self._probe_server()

    def _replace_gateway(self) -> _Instructions:
        if self._gateway is None or self.phase is ServerPhase.STOPPING:
            return
        if self._coming is not None:
            yield events.WriteLog(logging.INFO, "a gateway is being replaced already")
            return
        self._coming = self._new_child(ServerProgram.GATEWAY)
        yield events.StartChild(self._coming)

    # Time

    def _on_time(self, now_s: float) -> _Instructions:
        yield from self._stop(self.shutdown.on_time(now_s), "its time is over", now_s)
        for program, child in (
            (ServerProgram.KERNEL, self._kernel),
            (ServerProgram.GATEWAY, self._gateway),
        ):
            if child is not None and now_s >= child.due_s:
                yield self._start(program, child, now_s)
        if now_s >= self._watchdog_due_s:
            self._watchdog_due_s = now_s + self._watchdog_s
            is_asked = self._gateway is not None and self.phase is not ServerPhase.STARTING
            yield events.ProbeLiveness(asks_gateway=is_asked)
        if now_s >= self._probe_due_s:
            self._probe_due_s = now_s + PROBE_PAUSE_S
            if self._kernel_to_probe is not None:
                yield events.ProbeKernel(self._kernel_to_probe)
            yield from self._probe_server()
        if now_s >= self._ready_deadline_s and self._step(_PhaseEvent.HOPELESS):
            yield events.GiveUp(f"the server did not answer within {READY_DEADLINE_S:.0f} s")

    def _probe_server(self) -> _Instructions:
        """Find out whether a server that starts serves: all ranks, and the gateway before them."""
        if self.phase is not ServerPhase.STARTING:
            return
        if self._kernel is not None and not self._kernel_is_connected:
            return
        if self._gateway is None:
            yield events.ProbeServer(None)
        elif self._gateway_serves:
            # Half a server answers while the other half is away.
            yield events.ProbeServer("/healthz" if self._kernel is None else KERNEL_PROBE)

    def _on_liveness(
        self, kernel: bool | None, gateway: bool | None, now_s: float
    ) -> _Instructions:
        if kernel is None:
            # The kernel starts, or waits to be started again.
            kernel = self._kernel is None or now_s - self._kernel.started_s < READY_DEADLINE_S
        is_alive = kernel and gateway is not False
        if is_alive:
            yield events.Notify.ALIVE
        if is_alive != self._is_alive:
            level = logging.INFO if is_alive else logging.WARNING
            state = "back" if is_alive else "missing, the watchdog gets none"
            yield events.WriteLog(level, f"signs of life are {state}")
        self._is_alive = is_alive

    # The end

    def _stop(self, stage: ShutdownStage | None, why: str, now_s: float) -> _Instructions:
        """Do what belongs to a stage of the shutdown."""
        if stage is None:
            return
        self._step(_PhaseEvent.STOP_ASKED)
        yield events.Notify.STOPPING
        if stage is ShutdownStage.DRAIN and not self._kernel_is_connected:
            # Nothing runs that could be waited for.
            stage = self.shutdown.on_signal(signal.SIGINT, now_s)
            assert stage is not None
        if stage is not ShutdownStage.DRAIN and self._gateway is not None:
            self._gateway.cancel()
        if self._kernel is None or self._kernel.running is None:
            yield from self._end()
            return
        level, text = logging.WARNING, "nestd was computing and had to be killed"
        if stage is ShutdownStage.DRAIN:
            limit_s = self._drain_s
            limit = "without a limit" if limit_s is None else f"for at most {limit_s:g} s"
            level = logging.INFO
            text = f"stopping on {why}: nothing new is taken, what runs goes on {limit}"
        elif stage is ShutdownStage.SLICE:
            level, text = logging.INFO, f"stopping on {why}: what runs ends at the next slice"
        elif stage is ShutdownStage.TERM:
            text = "nestd does not end at a slice and gets SIGTERM"
        yield events.WriteLog(level, text)
        yield events.StopKernel(stage)

    def _end(self) -> _Instructions:
        if self._kernel is not None:
            self._kernel.cancel()
            stage = self.shutdown.stage.value
            yield events.WriteLog(logging.INFO, f"nestd was stopped at the stage {stage}")
        self._step(_PhaseEvent.KERNEL_ENDED)
