"""Loop of rank 0 over a socket in this process, with ranks and scripts that are played."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import zmq

from nestd.data_room import write_file
from nestd.master.instructions import WriteFile
from nestd.master.loop import Master, Stopped
from nestd.master.reply_cache import ReplyCache
from nestd.network.event_publisher import EventPublisher
from nestd.partial.slices import SimulationPause
from nestd.scripts.runner import Executor, ScriptRunner
from protocol.errors import (
    ArgumentError,
    Cancelled,
    ConfigurationError,
    Diverged,
    InternalError,
    KernelLost,
    ProtocolError,
    Unavailable,
)
from protocol.runtime.data_directory import DataDirectory
from protocol.runtime.job_store import Spool
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.status_file import StatusWriter, read_status
from protocol.runtime.stored_job import CANCELLED, Facts
from protocol.wire import frames
from protocol.wire.messages import (
    Action,
    Cancel,
    Command,
    EndScript,
    Event,
    Executed,
    Failure,
    Message,
    Operation,
    Result,
    Script,
    Submit,
)
from tests.unit.broker.harness import BrokerInThread
from tests.unit.master.harness import GENERATION, command, script

DEADLINE_MS = 20_000


class PlayedRanks:
    """Ranks that answer by a function, and stop the loop when nothing is left to execute."""

    size = 1

    def __init__(self) -> None:
        self.executed: list[Operation] = []
        self.play: Callable[[Operation], Any] = lambda operation: operation.args

    def execute(self, operation: Operation, references: bool) -> list[Executed]:
        """Answer as the test plays the ranks."""
        self.executed.append(operation)
        if operation.call == "stop":
            raise Stopped(0)
        try:
            return [Executed(1, 0, self.play(operation))]
        except ArgumentError as error:
            return [Executed(1, 0, error=error)]


class PlayedScripts:
    """A script runner that runs scripts by a function."""

    ending: str | None = None

    def __init__(self) -> None:
        self.play: Callable[[Executor], Any] = lambda executor: None
        self.ended: list[str] = []
        self.cleared = 0

    def run(self, script: Script, sender: Any, executor: Executor) -> Result:
        """Run a script as the test plays it."""
        return Result(script.id, "", self.play(executor))

    def end(self, reason: str) -> bool:
        """Note that the script is to end."""
        self.ended.append(reason)
        return True

    def clear_up(self) -> None:
        """Note the call."""
        self.cleared += 1


class Loop:
    """A master in this thread, and a gateway beside it."""

    def __init__(self, context: zmq.Context[Any], path: Path, cache: ReplyCache | None) -> None:
        self.ranks, self.scripts = PlayedRanks(), PlayedScripts()
        self.spool = Spool(path / "jobs")
        self.broker = BrokerInThread(RuntimeDirectory(path), GENERATION)
        self.status_path = path / "status"
        router, self.gateway = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        publisher, self.listener = context.socket(zmq.PUB), context.socket(zmq.SUB)
        for bound, connected, name in (
            (router, self.gateway, "commands"),
            (publisher, self.listener, "events"),
        ):
            bound.bind(f"inproc://{name}")
            connected.connect(f"inproc://{name}")
        self.listener.subscribe(b"")
        self.sockets = [router, self.gateway, publisher, self.listener]
        self.publisher = EventPublisher(publisher)
        self.master = Master(
            router,
            self.ranks,
            GENERATION,
            3,
            self.publisher,
            StatusWriter(self.status_path),
            self.broker.client,
            cast(ScriptRunner, self.scripts),
            DataDirectory(path / "data"),
            cache,
        )

    def send(self, *messages: Message) -> None:
        """Send messages from the gateway."""
        for message in messages:
            self.gateway.send_multipart(frames.encode(message))

    def receive(self) -> Any:
        """Return the next answer at the gateway."""
        assert self.gateway.poll(DEADLINE_MS)
        return frames.decode(self.gateway.recv_multipart())

    def serve(self, *messages: Message) -> None:
        """Serve messages, and stop after them."""
        self.send(*messages, command("stop", "stop"))
        with pytest.raises(Stopped):
            self.master.serve()

    def add_job(self, id: str, generation: str = GENERATION) -> Any:
        """Put a job into the spool, and return the job."""
        facts = Facts(id, "Create", time.time(), generation, "application/json")
        return self.spool.add(facts, command(id))[0]


@pytest.fixture(params=[False])
def loop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Loop]:
    """A loop; with a cache of replies if the test asks for one."""
    with zmq.Context() as context:
        made = Loop(context, tmp_path, ReplyCache() if request.param else None)
        yield made
        for socket in made.sockets:
            socket.close(linger=0)
        made.broker.close()


def test_commands_are_executed_and_answered(loop: Loop) -> None:
    loop.serve(command("1", "Create", 5))
    assert loop.receive() == Result("1", GENERATION, [5])
    assert read_status(loop.status_path).label == "stop"


def test_stop_answers_the_command_that_it_interrupts(loop: Loop) -> None:
    loop.serve()
    loop.master.dismiss()
    assert isinstance(loop.receive().error, KernelLost)


def test_answer_that_the_signal_has_kept_from_its_way_is_sent(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = loop.master._send

    def interrupted(parts: list[Any]) -> None:
        monkeypatch.setattr(loop.master, "_send", send)
        raise Stopped(0)

    monkeypatch.setattr(loop.master, "_send", interrupted)
    loop.send(command("1"))
    with pytest.raises(Stopped):
        loop.master.serve()
    loop.master.dismiss()
    assert loop.receive().value == []
    assert not loop.gateway.poll(0)


def test_error_of_the_conversation_with_the_ranks_is_an_answer(loop: Loop) -> None:
    def play(operation: Operation) -> Any:
        raise InternalError("mixed up")

    loop.ranks.play = play
    loop.serve(command("1"))
    assert loop.receive().error.message == "mixed up"


def test_kernel_that_diverges_answers_and_ends_the_loop(loop: Loop) -> None:
    def play(operation: Operation) -> Any:
        raise Diverged("alone")

    loop.ranks.play = play
    loop.send(command("1"))
    with pytest.raises(Diverged):
        loop.master.serve()
    assert isinstance(loop.receive().error, Diverged)


def test_what_is_no_request_is_refused(loop: Loop) -> None:
    loop.gateway.send_multipart([b"nonsense"])
    loop.serve(Result("1", GENERATION, None))
    assert [type(loop.receive().error) for _ in range(2)] == [ProtocolError, ProtocolError]


def test_answer_that_can_not_be_encoded_is_an_internal_error(loop: Loop) -> None:
    loop.ranks.play = lambda operation: object()
    loop.serve(command("1"))
    assert "can't be sent" in loop.receive().error.message


def test_messages_are_taken_in_between_two_slices(loop: Loop) -> None:
    def play(operation: Operation) -> Any:
        if operation.action is Action.ABORT:
            return None
        loop.send(Cancel("cancel", "1", "because"))
        return SimulationPause(1, 0.0, 1.0, 5.0)

    loop.ranks.play = play
    loop.serve(command("1", "Simulate", 5.0))
    assert loop.receive().value == "running"
    assert isinstance(loop.receive().error, Cancelled)


def test_events_are_published(loop: Loop) -> None:
    loop.publisher.log("info", "hello")
    assert loop.listener.poll(DEADLINE_MS)
    event = frames.decode(loop.listener.recv_multipart())
    assert event == Event("log", {"source": "kernel", "level": "info", "text": "hello"})


@pytest.mark.parametrize("loop", [True], indirect=True)
def test_command_that_arrives_again_gets_its_answer_again(loop: Loop) -> None:
    again = command("1", "Create", 5, delivery_id="d")

    def play(operation: Operation) -> Any:
        if operation.call == "Connect":
            loop.send(again, command("stop", "stop"))
        return operation.call

    loop.ranks.play = play
    loop.send(again, command("2", "Connect"))
    with pytest.raises(Stopped):
        loop.master.serve()
    assert [loop.receive().value for _ in range(3)] == ["Create", "Connect", "Create"]
    assert [operation.call for operation in loop.ranks.executed] == ["Create", "Connect", "stop"]


# Jobs


def test_job_is_executed_and_its_answer_kept(loop: Loop) -> None:
    job = loop.add_job("0123456789")
    loop.serve(Submit("0123456789"))
    assert loop.receive().value is True
    assert job.claim.by == GENERATION
    assert job.answer() == Result("0123456789", GENERATION, [])


def test_job_that_can_not_be_executed_here_is_refused(loop: Loop) -> None:
    loop.add_job("foreign000", "g0")
    damaged = loop.add_job("damaged000")
    (damaged.path / "request").unlink()
    loop.serve(*map(Submit, ("missing000", "foreign000", "damaged000")))
    errors = [loop.receive().error for _ in range(3)]
    assert [type(error) for error in errors] == [ProtocolError, KernelLost, InternalError]
    assert isinstance(damaged.answer().error, InternalError)


def test_spool_that_can_not_be_read_is_an_answer(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(spool: Spool, id: str) -> Any:
        raise Unavailable("too many open files", retry_after_s=1)

    monkeypatch.setattr(Spool, "find", unreadable)
    loop.serve(Submit("missing000"))
    assert isinstance(loop.receive().error, Unavailable)


def test_job_with_a_claim_is_not_executed(loop: Loop) -> None:
    job = loop.add_job("0123456789")
    assert job.take(CANCELLED)
    loop.serve(Submit("0123456789"))
    assert loop.receive().value is True
    assert [operation.call for operation in loop.ranks.executed] == ["stop"]


def test_job_without_room_for_claim_and_answer_is_not_executed(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    job = loop.add_job("0123456789")
    monkeypatch.setattr("protocol.runtime.message_file.tempfile.mkstemp", no_room)
    loop.serve(Submit("0123456789"))
    assert [operation.call for operation in loop.ranks.executed] == ["stop"]
    assert "No space left on device" in caplog.text
    assert "the spool can't be used: No space left" in job.answer().error.message


# Scripts


def test_script_has_operations_executed_and_its_output_published(loop: Loop) -> None:
    def play(executor: Executor) -> Any:
        loop.send(EndScript("end"))
        executor.receive()
        executor.print(b"hello")
        return executor.execute(Command("op", Operation(Action.CALL_JSON, "Create", [3])))

    loop.scripts.play = lambda executor: cast(Result, play(executor)).value
    loop.serve(script("s"))
    assert loop.receive() == Result("end", GENERATION, True)
    assert loop.receive() == Result("s", GENERATION, [3])
    assert (loop.scripts.ended, loop.scripts.cleared) == (["its end was asked for"], 1)


def test_scripts_that_can_not_be_run_are_an_internal_error(loop: Loop) -> None:
    def play(executor: Executor) -> Any:
        raise ConfigurationError("their process does not start")

    loop.scripts.play = play
    loop.serve(script("s"))
    assert isinstance(loop.receive().error, InternalError)


# Files


def test_script_lists_files_without_asking_the_ranks(loop: Loop, tmp_path: Path) -> None:
    ask = Command("op", Operation(Action.LIST_FILES))

    def play(executor: Executor) -> Any:
        missing = cast(Failure, executor.execute(ask)).error.error_name
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "a.dat").write_bytes(b"12")
        (file,) = cast(Any, executor.execute(ask)).value
        return [missing, file["name"], file["size"], file["type"]]

    loop.scripts.play = play
    loop.serve(script("s"))
    assert loop.receive().value == ["Unavailable", "a.dat", 2, "text/plain"]
    assert [operation.call for operation in loop.ranks.executed] == ["stop"]


def test_file_is_written_or_its_problem_told(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    assert write_file(WriteFile("dump", "1 2"), data).problem is None
    assert (tmp_path / "dump").read_text() == "1 2"
    missing = write_file(WriteFile("dump", ""), DataDirectory(tmp_path / "missing"))
    assert isinstance(missing.problem, Unavailable)


# Signals


def test_drain_of_an_idle_loop_stops_at_once(loop: Loop) -> None:
    loop.master.drain(None)
    with pytest.raises(Stopped):
        loop.master.serve()


def test_drain_during_a_command_lets_the_command_end(loop: Loop) -> None:
    def play(operation: Operation) -> Any:
        loop.master.drain(60.0)
        loop.master.drain(None)
        loop.send(command("2"))
        return 1

    loop.ranks.play = play
    loop.send(command("1"))
    with pytest.raises(Stopped):
        loop.master.serve()
    assert loop.receive().value == 1
    assert "takes nothing new" in loop.receive().error.message


def test_status_is_refreshed_while_nothing_happens(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[Any] = []
    monkeypatch.setattr(loop.master._state, "wait_s", lambda now_s: 0.0)
    handle = loop.master._state.handle

    def counted(event: Any, now_s: float) -> Any:
        ticks.append(event)
        if len(ticks) == 3:
            raise Stopped(0)
        return handle(event, now_s)

    monkeypatch.setattr(loop.master._state, "handle", counted)
    with pytest.raises(Stopped):
        loop.master.serve()
    assert {type(event).__name__ for event in ticks} == {"Tick"}
