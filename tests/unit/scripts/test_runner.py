"""The fork server killed at moments that come once in thousands of scripts."""

from __future__ import annotations

import os
import resource
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from nestd.confinement.spawner import Spawner
from nestd.kernel.kernel import Kernel
from nestd.scripts.process import fork_client
from nestd.scripts.process.fork_client import FORK_SERVER, STARTS, fork_server_program
from nestd.scripts.runner import ScriptRunner
from nestd.scripts.script_process import ScriptProcess
from nestd.scripts.settings import ScriptSettings
from protocol.errors import ConfigurationError
from protocol.wire.messages import Action, Command, Failure, Message, Operation, Result, Script

DEADLINE_MS = 30_000
SCRIPT = Script("1", "answer = 6 * 7", "answer")


class Alone:
    """Stands for nestd: these scripts ask for nothing."""

    def execute(self, command: Command) -> Message:
        raise AssertionError(command)

    def receive(self) -> None:
        pass

    def print(self, output: bytes) -> None:
        pass


@pytest.fixture(scope="module")
def description() -> Any:
    """What the kernel offers."""
    return Kernel("g").execute(Operation(Action.DESCRIBE), False)


@pytest.fixture
def runner(tmp_path: Path, description: Any) -> Iterator[ScriptRunner]:
    """One that is ready."""
    settings = ScriptSettings()
    spawner = Spawner({FORK_SERVER: fork_server_program(settings, tmp_path)})
    made = ScriptRunner(settings, spawner)
    try:
        made.set_up(description)
        yield made
    finally:
        # Waits for it, unlike close().
        made._forks.forget()
        made.close()
        spawner.close()


@pytest.fixture
def execute(runner: ScriptRunner) -> Iterator[Callable[[], Any]]:
    """Runs a script; its answer."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:

        def run() -> Any:
            answer = runner.run(SCRIPT, socket, Alone())
            assert isinstance(answer, Result), answer
            runner.clear_up()
            return answer.value

        yield run


def kill(runner: ScriptRunner) -> None:
    """Kill it, and see the processes that it has made end with it."""
    assert runner._forks._server is not None
    runner._forks._server.kill()
    runner._forks._server.wait()
    for prepared in runner._forks._idle:
        ended = select.poll()
        ended.register(prepared.connected, select.POLLHUP)
        assert ended.poll(DEADLINE_MS)


def test_killed_right_after_its_reports_were_read(
    runner: ScriptRunner, execute: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[int] = []
    receive = runner._receive_reports

    def receive_and_kill() -> None:
        receive()
        rounds.append(1)
        if len(rounds) == 1:
            kill(runner)

    monkeypatch.setattr(runner, "_receive_reports", receive_and_kill)
    assert execute() == {"data": 42}
    assert execute() == {"data": 42}


@pytest.mark.parametrize("greeted", [False, True])
def test_killed_again_while_it_starts(
    runner: ScriptRunner, execute: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, greeted: bool
) -> None:
    method = "_greet" if greeted else "_start"
    done, starts = getattr(runner._forks, method), []

    def do_and_kill() -> Any:
        found = done()
        starts.append(1)
        if len(starts) < STARTS:
            kill(runner)
        return found

    monkeypatch.setattr(runner._forks, method, do_and_kill)
    kill(runner)
    assert execute() == {"data": 42}
    assert len(starts) == STARTS


def test_that_never_starts_is_an_error_and_then_tried_again(
    runner: ScriptRunner, execute: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = runner._forks._start

    def start_and_kill() -> None:
        start()
        kill(runner)

    kill(runner)
    with monkeypatch.context() as patch:
        patch.setattr(runner._forks, "_start", start_and_kill)
        with pytest.raises(ConfigurationError, match=f"has ended {STARTS} times in a row"):
            execute()
    assert execute() == {"data": 42}


def test_that_does_not_get_ready_in_time_is_an_error_and_then_tried_again(
    runner: ScriptRunner, execute: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(runner)
    with monkeypatch.context() as patch:
        patch.setattr(fork_client, "READY_DEADLINE_S", 0.001)
        with pytest.raises(ConfigurationError, match="was not ready in"):
            execute()
    assert execute() == {"data": 42}


def test_lost_before_it_has_read_its_script(
    runner: ScriptRunner, execute: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    attend = runner._attend
    attended: list[ScriptProcess] = []

    def kill_and_attend(script: ScriptProcess, *others: Any) -> None:
        if not attended:
            kill(runner)
        attended.append(script)
        attend(script, *others)

    # It takes what it is told, but forks nobody who would read the script.
    runner._forks.discard_idle()
    assert runner._forks._server is not None
    os.kill(runner._forks._server.pid, signal.SIGSTOP)
    monkeypatch.setattr(runner, "_attend", kill_and_attend)
    assert execute() == {"data": 42}
    assert len(attended) == 2


def test_lost_while_it_runs_its_script(
    runner: ScriptRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killing(Alone):
        def execute(self, command: Command) -> Message:
            kill(runner)
            return Result(command.id, "g", None)

    script = Script("1", "nest.ResetKernel()", "answer")
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        answer = runner.run(script, socket, Killing())
        runner.clear_up()
    assert isinstance(answer, Failure)
    assert "its process was lost" in answer.error.message


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process gets no file descriptors meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open("rb") as file:
        resource.setrlimit(resource.RLIMIT_NOFILE, (file.fileno(), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("is_killed", [False, True])
def test_without_file_descriptors_there_are_no_scripts_until_there_are_some_again(
    runner: ScriptRunner, execute: Callable[[], Any], is_killed: bool
) -> None:
    if is_killed:
        kill(runner)
        runner._receive_reports()
    runner._forks.discard_idle()
    before = open_files()
    with no_more_files():
        with pytest.raises(ConfigurationError, match="Too many open files"):
            execute()
        runner.clear_up()
    assert open_files() == before
    assert execute() == {"data": 42}


def test_the_last_descriptors_are_given_back(
    runner: ScriptRunner, execute: Callable[[], Any]
) -> None:
    runner._forks.discard_idle()
    before = open_files()
    # Enough for a pair of sockets, and for no pipe.
    kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
    with no_more_files():
        for descriptor in kept:
            os.close(descriptor)
        with pytest.raises(ConfigurationError, match="Too many open files"):
            execute()
        assert open_files() == before
    assert execute() == {"data": 42}


def test_what_can_not_be_prepared_after_a_script_is_prepared_for_the_next(
    runner: ScriptRunner, execute: Callable[[], Any]
) -> None:
    with no_more_files():
        assert execute() == {"data": 42}
    assert execute() == {"data": 42}
