"""Decisions of the supervisor: lists of events, and what they lead to."""

from __future__ import annotations

import logging
import math
import signal
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.server.settings import Part
from nestd.server.supervisor.events import (
    ChildExited,
    ChildId,
    DeadlinePassed,
    GatewayServes,
    GiveUp,
    KernelConnected,
    LivenessProbed,
    Notify,
    ProbeKernel,
    ProbeLiveness,
    ProbeServer,
    RecordGateway,
    RetireGateway,
    ServerAnswered,
    ServerProgram,
    SignalArrived,
    StartChild,
    StopKernel,
    SupervisorEvent,
    SupervisorInstruction,
    WriteLog,
)
from nestd.server.supervisor.restarts import LONGEST_DELAY_S, STABLE_AFTER_S, RestartSchedule
from nestd.server.supervisor.shutdown import STOP_SIGNALS, ShutdownStage
from nestd.server.supervisor.state import (
    KERNEL_PROBE,
    PROBE_PAUSE_S,
    READY_DEADLINE_S,
    REPLACE_GATEWAY,
    ServerPhase,
    SupervisorState,
)
from nestd.settings import EXIT_CONFIGURATION

Kind = TypeVar("Kind")


def kernel(number: int = 1) -> ChildId:
    return ChildId(ServerProgram.KERNEL, number)


def gateway(number: int = 1) -> ChildId:
    return ChildId(ServerProgram.GATEWAY, number)


class Machine:
    """A supervisor's state, a clock, and all that the state has instructed."""

    def __init__(
        self, part: Part = Part.BOTH, drain_s: float | None = 30.0, watchdog_s: float = math.inf
    ) -> None:
        self.now_s = 1000.0
        self.state = SupervisorState(part, drain_s, watchdog_s, self.now_s)
        self.all = self.state.start(self.now_s)

    def tell(self, *events: SupervisorEvent) -> list[SupervisorInstruction]:
        """Have the state handle events, and return the instructions without lines of the log."""
        new = [
            instruction for event in events for instruction in self.state.handle(event, self.now_s)
        ]
        self.all += new
        return [instruction for instruction in new if not isinstance(instruction, WriteLog)]

    def wait(self, time_s: float) -> list[SupervisorInstruction]:
        """Let time pass, at once."""
        self.now_s += time_s
        return self.tell(DeadlinePassed())

    def exit(self, child: ChildId, status: int = 1) -> list[SupervisorInstruction]:
        return self.tell(ChildExited(child, status, f"exit code {status}"))

    def signal(self, sig: signal.Signals) -> list[SupervisorInstruction]:
        return self.tell(SignalArrived(sig))

    def serve(self) -> Machine:
        """Come up."""
        self.tell(GatewayServes(gateway()), KernelConnected(kernel()), ServerAnswered())
        assert self.state.phase is ServerPhase.SERVING
        return self

    def of(self, kind: type[Kind]) -> list[Kind]:
        """All instructions of a kind so far."""
        return [instruction for instruction in self.all if isinstance(instruction, kind)]

    @property
    def log(self) -> list[str]:
        return [line.text for line in self.of(WriteLog)]


# Starts


def test_server_is_ready_when_both_halves_are_and_it_answers() -> None:
    machine = Machine()
    assert machine.all == [StartChild(kernel()), StartChild(gateway())]
    assert machine.wait(PROBE_PAUSE_S) == [ProbeKernel(kernel())]
    assert machine.tell(KernelConnected(kernel())) == []
    # Without a pause, as each would make the start longer.
    assert machine.tell(GatewayServes(gateway())) == [
        RecordGateway(gateway()),
        ProbeServer(KERNEL_PROBE),
    ]
    # No answer yet.
    assert machine.state.due_s <= machine.now_s + PROBE_PAUSE_S
    assert machine.wait(PROBE_PAUSE_S) == [ProbeServer(KERNEL_PROBE)]
    assert machine.tell(ServerAnswered(), ServerAnswered()) == [Notify.READY]
    assert machine.state.due_s == math.inf


@pytest.mark.parametrize(
    ("part", "event", "instructions"),
    [
        (Part.KERNEL, KernelConnected(kernel()), [ProbeServer(None)]),
        (
            Part.GATEWAY,
            GatewayServes(gateway()),
            [RecordGateway(gateway()), ProbeServer("/healthz")],
        ),
    ],
)
def test_half_a_server_needs_no_other_half(
    part: Part, event: SupervisorEvent, instructions: list[SupervisorInstruction]
) -> None:
    machine = Machine(part)
    assert len(machine.of(StartChild)) == 1
    assert machine.tell(event) == instructions
    assert machine.tell(ServerAnswered()) == [Notify.READY]


def test_server_that_does_not_answer_in_time_is_given_up() -> None:
    machine = Machine()
    assert machine.state.due_s <= machine.now_s + READY_DEADLINE_S
    (_, given_up) = machine.wait(READY_DEADLINE_S)
    assert given_up == GiveUp("the server did not answer within 180 s")
    assert machine.state.phase is ServerPhase.ENDED
    assert machine.signal(signal.SIGTERM) == []


@pytest.mark.parametrize("child", [kernel(), gateway()])
def test_wrong_settings_and_the_third_failure_in_a_row_are_hopeless(child: ChildId) -> None:
    machine = Machine()
    reason = f"{child.program.value} does not start, it ends with exit code 78"
    assert machine.exit(child, EXIT_CONFIGURATION) == [GiveUp(reason, child)]
    machine = Machine()
    for number in (1, 2, 3):
        instructions = machine.exit(ChildId(child.program, number))
        machine.wait(1.0)
    assert instructions == [
        GiveUp(
            f"{child.program.value} does not start, it ends with exit code 1",
            ChildId(child.program, 3),
        )
    ]


# Ends of children


def test_kernel_that_dies_is_replaced_by_another_one_that_is_looked_for() -> None:
    machine = Machine().serve()
    assert machine.exit(kernel(), -9) == []
    line = machine.of(WriteLog)[-1]
    assert line.text == "nestd ended with exit code -9 and its network is lost; starting it again"
    assert (line.level, line.is_for_console) == (logging.WARNING, True)
    assert machine.wait(0.0) == [StartChild(kernel(2)), ProbeKernel(kernel(2))]
    # What was seen of the one before is of no use.
    machine.tell(KernelConnected(kernel()))
    assert machine.wait(PROBE_PAUSE_S) == [ProbeKernel(kernel(2))]
    machine.tell(KernelConnected(kernel(2)))
    assert machine.state.due_s == math.inf


def test_wrong_settings_end_no_server_that_has_served() -> None:
    machine = Machine().serve()
    for number in range(1, 6):
        assert machine.exit(kernel(number), EXIT_CONFIGURATION) == []
        assert StartChild(kernel(number + 1)) in machine.wait(LONGEST_DELAY_S)


def test_delays_double_up_to_a_bound_until_a_process_has_lived_for_a_while() -> None:
    schedule = RestartSchedule()
    now_s, delays_s = 0.0, []
    for number in range(1, 40):
        schedule.on_start(kernel(number), now_s)
        schedule.on_exit(now_s)
        delays_s.append(schedule.due_s - now_s)
        now_s = schedule.due_s
    assert delays_s[:7] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert set(delays_s[7:]) == {LONGEST_DELAY_S}
    schedule.on_start(kernel(40), now_s)
    schedule.on_exit(now_s + STABLE_AFTER_S + 1)
    assert schedule.due_s == now_s + STABLE_AFTER_S + 1
    schedule.cancel()
    assert schedule.due_s == math.inf


def test_gateway_that_dies_leaves_the_kernel_alone() -> None:
    machine = Machine().serve()
    assert machine.exit(gateway()) == []
    assert machine.wait(0.0) == [StartChild(gateway(2))]
    assert machine.tell(GatewayServes(gateway(2))) == [RecordGateway(gateway(2))]
    assert machine.of(StopKernel) == []


# Another gateway


def test_gateway_is_replaced_when_the_new_one_serves_and_not_before() -> None:
    machine = Machine().serve()
    assert machine.signal(REPLACE_GATEWAY) == [StartChild(gateway(2))]
    assert machine.signal(REPLACE_GATEWAY) == []
    assert machine.log[-1] == "a gateway is being replaced already"
    assert machine.tell(GatewayServes(gateway(2))) == [
        RetireGateway(gateway()),
        RecordGateway(gateway(2)),
    ]
    assert machine.signal(REPLACE_GATEWAY) == [StartChild(gateway(3))]
    # The first one has finished what it had, and is not started again.
    assert machine.exit(gateway(), 0) == []
    assert machine.state.due_s == math.inf
    assert machine.tell(GatewayServes(gateway(3)))[0] == RetireGateway(gateway(2))


def test_gateway_that_does_not_come_up_replaces_nothing() -> None:
    machine = Machine().serve()
    machine.signal(REPLACE_GATEWAY)
    assert machine.exit(gateway(2), 1) == []
    assert machine.log[-1] == "the gateway was not replaced: the new one ended with exit code 1"
    assert machine.state.due_s == math.inf
    assert machine.tell(GatewayServes(gateway(2))) == []
    assert machine.signal(REPLACE_GATEWAY) == [StartChild(gateway(3))]


def test_gateway_that_has_died_is_replaced_all_the_same() -> None:
    machine = Machine().serve()
    machine.signal(REPLACE_GATEWAY)
    machine.exit(gateway())
    assert machine.tell(GatewayServes(gateway(2))) == [RecordGateway(gateway(2))]
    assert machine.wait(LONGEST_DELAY_S) == []


def test_kernel_alone_and_server_that_stops_replace_no_gateway() -> None:
    assert Machine(Part.KERNEL).signal(REPLACE_GATEWAY) == []
    machine = Machine().serve()
    machine.signal(signal.SIGTERM)
    assert machine.signal(REPLACE_GATEWAY) == []


# Signs of life


def test_watchdog_gets_signs_only_while_there_are_some() -> None:
    machine = Machine(watchdog_s=3.0)
    # NEST is being imported.
    assert machine.wait(3.0)[0] == ProbeLiveness(asks_gateway=False)
    assert machine.tell(LivenessProbed(None, None)) == [Notify.ALIVE]
    machine.serve()
    assert machine.wait(1.0) == []
    assert machine.wait(2.0) == [ProbeLiveness(asks_gateway=True)]
    assert machine.tell(LivenessProbed(True, True)) == [Notify.ALIVE]
    assert machine.tell(LivenessProbed(True, False)) == []
    assert machine.log[-1] == "signs of life are missing, the watchdog gets none"
    assert machine.tell(LivenessProbed(False, True)) == []
    assert machine.tell(LivenessProbed(True, True)) == [Notify.ALIVE]
    assert machine.log[-1] == "signs of life are back"


def test_kernel_that_takes_too_long_to_start_is_not_alive() -> None:
    machine = Machine(watchdog_s=3.0).serve()
    machine.exit(kernel())
    machine.wait(0.0)
    assert machine.tell(LivenessProbed(None, True)) == [Notify.ALIVE]
    machine.now_s += READY_DEADLINE_S
    assert machine.tell(LivenessProbed(None, True)) == []


def test_gateway_alone_needs_no_kernel_to_be_alive() -> None:
    machine = Machine(Part.GATEWAY, watchdog_s=3.0)
    assert machine.tell(LivenessProbed(None, True)) == [Notify.ALIVE]


# The end


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGUSR1])
def test_request_for_an_end_lets_what_runs_have_its_time_and_goes_on_harder(
    sig: signal.Signals,
) -> None:
    machine = Machine(drain_s=30.0).serve()
    assert machine.signal(sig) == [Notify.STOPPING, StopKernel(ShutdownStage.DRAIN)]
    limit = "nothing new is taken, what runs goes on for at most 30 s"
    assert machine.log[-1] == f"stopping on {sig.name}: {limit}"
    assert machine.wait(29.0) == []
    for stage in (ShutdownStage.SLICE, ShutdownStage.TERM, ShutdownStage.KILL):
        assert machine.state.due_s - machine.now_s <= 2.0
        assert machine.wait(2.0) == [Notify.STOPPING, StopKernel(stage)]
    assert machine.wait(1000.0) == []
    assert machine.signal(sig) == []
    machine.exit(kernel(), -9)
    assert machine.state.phase is ServerPhase.ENDED
    assert machine.log[-1] == "nestd was stopped at the stage KILL"


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_waits_for_nothing_but_the_slice(sig: signal.Signals) -> None:
    machine = Machine().serve()
    assert machine.signal(sig) == [Notify.STOPPING, StopKernel(ShutdownStage.SLICE)]
    # Impatient users press it twice.
    assert machine.signal(sig) == []


@pytest.mark.parametrize("sig", sorted(STOP_SIGNALS))
def test_without_a_limit_only_another_signal_ends_what_runs(sig: signal.Signals) -> None:
    machine = Machine(drain_s=None).serve()
    machine.signal(signal.SIGTERM)
    assert "what runs goes on without a limit" in machine.log[-1]
    assert machine.wait(1e9) == []
    assert machine.signal(sig)[-1] == StopKernel(ShutdownStage.SLICE)


def test_kernel_that_starts_has_nothing_to_wait_for() -> None:
    machine = Machine()
    assert machine.signal(signal.SIGTERM) == [Notify.STOPPING, StopKernel(ShutdownStage.SLICE)]
    # A server that was asked to stop is not announced any more.
    assert machine.tell(KernelConnected(kernel()), GatewayServes(gateway())) == [
        RecordGateway(gateway())
    ]
    assert machine.tell(ServerAnswered()) == []


def test_server_whose_kernel_is_away_ends_at_once() -> None:
    machine = Machine().serve()
    machine.exit(kernel())
    assert machine.signal(signal.SIGINT) == [Notify.STOPPING]
    assert machine.state.phase is ServerPhase.ENDED
    assert machine.wait(LONGEST_DELAY_S) == []


def test_gateway_alone_ends_at_once() -> None:
    machine = Machine(Part.GATEWAY)
    assert machine.signal(signal.SIGTERM) == [Notify.STOPPING]
    assert machine.state.phase is ServerPhase.ENDED


def test_gateway_comes_back_while_the_kernel_drains_and_not_later() -> None:
    machine = Machine().serve()
    machine.signal(signal.SIGTERM)
    machine.exit(gateway())
    assert machine.wait(0.0) == [StartChild(gateway(2))]
    machine.exit(gateway(2))
    machine.signal(signal.SIGINT)
    assert not any(isinstance(found, StartChild) for found in machine.wait(0.3))
    machine = Machine().serve()
    machine.signal(signal.SIGINT)
    machine.exit(gateway())
    assert not any(isinstance(found, StartChild) for found in machine.wait(0.3))


# Any order

STAGES = list(ShutdownStage)
SIGNALS = sorted([*STOP_SIGNALS, REPLACE_GATEWAY, signal.SIGCHLD])


def event_of(machine: Machine, running: list[ChildId], draw: Any) -> SupervisorEvent:
    """Draw something that can happen now, or did before and is reported late."""
    started = [instruction.child for instruction in machine.of(StartChild)]
    gateways = [child for child in started if child.program is ServerProgram.GATEWAY]
    kernels = [child for child in started if child.program is ServerProgram.KERNEL]
    choices: list[st.SearchStrategy[SupervisorEvent]] = [
        st.just(DeadlinePassed()),
        st.just(ServerAnswered()),
        st.builds(LivenessProbed, st.sampled_from([None, True, False]), st.booleans()),
        st.builds(SignalArrived, st.sampled_from(SIGNALS)),
    ]
    if gateways:
        choices.append(st.builds(GatewayServes, st.sampled_from(gateways)))
    if kernels:
        choices.append(st.builds(KernelConnected, st.sampled_from(kernels)))
    if running:
        exits = st.builds(
            ChildExited,
            st.sampled_from(running),
            st.sampled_from([0, 1, EXIT_CONFIGURATION, -9]),
            st.just("a drawn status"),
        )
        choices += [exits, exits]
    event: SupervisorEvent = draw(st.one_of(choices))
    return event


@given(
    st.data(), st.sampled_from(list(Part)), st.sampled_from([0.0, 30.0, None]), st.integers(0, 40)
)
def test_whatever_the_order_the_end_comes_by_stages_and_nothing_is_left_over(
    data: st.DataObject, part: Part, drain_s: float | None, events: int
) -> None:
    machine = Machine(part, drain_s, watchdog_s=3.0)
    running = [instruction.child for instruction in machine.of(StartChild)]
    stages = []

    def happen(event: SupervisorEvent) -> None:
        was_stopping = machine.state.phase is ServerPhase.STOPPING
        was_ended = machine.state.phase is ServerPhase.ENDED
        if isinstance(event, ChildExited):
            running.remove(event.child)
        for instruction in machine.tell(event):
            assert not was_ended
            if isinstance(instruction, StartChild):
                running.append(instruction.child)
                stage = machine.state.shutdown.stage
                is_gateway = instruction.child.program is ServerProgram.GATEWAY
                assert stage is ShutdownStage.SERVING or (
                    is_gateway and stage is ShutdownStage.DRAIN
                )
            elif isinstance(instruction, StopKernel):
                stages.append(instruction.stage)
            assert not (
                was_stopping and (instruction is Notify.READY or isinstance(instruction, GiveUp))
            )
        # One kernel at a time; a gateway, one that comes, and those that retire.
        assert sum(child.program is ServerProgram.KERNEL for child in running) <= 1
        if machine.state.phase in (ServerPhase.STARTING, ServerPhase.SERVING):
            # Each half runs, or is due within a bounded time.
            expected = {ServerProgram.KERNEL, ServerProgram.GATEWAY}
            expected -= {ServerProgram.KERNEL} if part is Part.GATEWAY else set()
            expected -= {ServerProgram.GATEWAY} if part is Part.KERNEL else set()
            if {child.program for child in running} != expected:
                assert machine.state.due_s <= machine.now_s + LONGEST_DELAY_S

    for _ in range(events):
        machine.now_s += data.draw(st.sampled_from([0.0, 0.01, 0.3, 5.0, 100.0]))
        happen(event_of(machine, running, data.draw))
    happen(SignalArrived(signal.SIGINT))
    # The kernel hears nothing until it is killed.
    for _ in range(10):
        if machine.state.phase is ServerPhase.ENDED or ShutdownStage.KILL in stages:
            break
        if data.draw(st.booleans()) and running:
            happen(ChildExited(data.draw(st.sampled_from(running)), 1, "exit code 1"))
        machine.now_s = max(machine.now_s, machine.state.due_s)
        happen(DeadlinePassed())
    for child in [child for child in running if child.program is ServerProgram.KERNEL]:
        if ShutdownStage.KILL in stages:
            happen(ChildExited(child, -9, "SIGKILL"))
    assert machine.state.phase is ServerPhase.ENDED
    assert stages == sorted(set(stages), key=STAGES.index)
    assert machine.all.count(Notify.READY) <= 1
    assert len(machine.of(GiveUp)) <= 1
