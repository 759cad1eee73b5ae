"""Room for files: what would write more is refused, and what writes ends at its next slice."""

from __future__ import annotations

from pathlib import Path

import pytest

from nestd import data_room
from nestd.data_room import DataRoom, write_file
from nestd.kernel.kernel import Kernel
from nestd.master.instructions import WriteFile
from nestd.master.slicing import records_to_files
from nestd.ranks.transport import OneRank
from protocol.errors import DataDirectoryFull
from protocol.runtime.data_directory import DataDirectory
from protocol.wire.messages import Action, Operation
from tests.unit.master.driving import drive
from tests.unit.master.harness import Harness, command

FULL = DataDirectoryFull("it is full")
SIMULATION = command("sim", "Simulate", 100.0)


def full_master() -> Harness:
    master = Harness()
    master.full = FULL
    return master


def answer_recorders(master: Harness, *backends: str) -> Harness:
    """Answer that there is a recorder for each of ``backends``."""
    assert master.operation.action is Action.RECORDERS
    master.answer([[7, 6 + len(backends), "spike_recorder"]] if backends else [])
    if backends:
        assert master.operation.args == [list(range(7, 7 + len(backends))), "record_to"]
        master.answer(list(backends))
    return master


@pytest.mark.parametrize("call", ["Simulate", "Run", "Prepare"])
def test_call_that_would_write_more_is_not_begun(call: str) -> None:
    master = answer_recorders(full_master().begin(command("1", call, 5.0)), "memory", "ascii")
    error = master.error("1")
    assert isinstance(error, DataDirectoryFull)
    assert error.message == f"{call} was not begun, as it would write more: it is full"
    assert error.call == call


@pytest.mark.parametrize("call", ["DumpLayerNodes", "DumpLayerConnections"])
def test_layers_are_not_dumped(call: str) -> None:
    assert isinstance(full_master().begin(command("1", call)).error("1"), DataDirectoryFull)


@pytest.mark.parametrize("call", ["Cleanup", "ResetKernel", "Create", "GetStatus", "SetDefaults"])
def test_calls_that_write_no_more_go_on(call: str) -> None:
    assert full_master().begin(command("1", call)).operation.call == call


@pytest.mark.parametrize("backends", [(), ("memory",), ("memory", "screen", "mpi")])
def test_network_that_writes_no_files_is_simulated(backends: tuple[str, ...]) -> None:
    master = answer_recorders(full_master().begin(SIMULATION), *backends)
    assert master.operation.call == "Simulate"
    answer_recorders(master.pause(10.0).resume(), *backends)
    assert master.operation.action is Action.RESUME
    # Nobody asks again: recorders stay what they are while the simulation runs.
    master.pause(20.0).resume()
    assert master.operation.action is Action.RESUME


def test_simulation_that_has_filled_the_directory_ends_at_its_next_slice() -> None:
    master = Harness().begin(SIMULATION).pause(10.0).resume()
    assert master.operation.action is Action.RESUME
    master.full = FULL
    answer_recorders(master.pause(30.0).resume(), "ascii")
    assert master.operation.action is Action.ABORT
    master.answer()
    error = master.error("sim")
    assert isinstance(error, DataDirectoryFull)
    assert error.message == (
        "Simulate was ended at 30 ms of biological time, 70 ms before its end: it is full"
    )
    master.full = None
    assert master.begin(command("next", "Simulate", 1.0)).operation.call == "Simulate"


def test_recorders_say_whether_they_write_files(tmp_path: Path) -> None:
    kernel = Kernel("g1")
    ranks = OneRank(kernel)

    def writes(*recorders: dict[str, str]) -> bool:
        kernel.execute(Operation(Action.CALL_JSON, "ResetKernel"), references=False)
        for params in recorders:
            create = Operation(Action.CALL_JSON, "Create", ["spike_recorder", 2, dict(params)])
            kernel.execute(create, references=False)
        found: bool = drive(records_to_files(), ranks)
        return found

    assert not writes()
    assert not writes({"record_to": "memory"}, {"record_to": "screen"})
    assert writes({"record_to": "memory"}, {"record_to": "ascii"})


def test_looks_take_a_hundredth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, looks = 50.0, 0

    class Slow(DataDirectory):
        def check_room(self) -> None:
            nonlocal now_s, looks
            now_s, looks = now_s + 0.01, looks + 1
            super().check_room()

    monkeypatch.setattr(data_room.time, "monotonic", lambda: now_s)
    room = DataRoom(Slow(tmp_path, 10))
    for seconds, expected in ((0.0, 1), (0.99, 1), (0.02, 2), (0.5, 2), (0.6, 3)):
        now_s += seconds
        assert (room.problem(), looks) == (None, expected)
    (tmp_path / "a").write_bytes(bytes(10))
    now_s += 2.0
    # A caller who removes files is not to wait for the next look.
    assert isinstance(room.problem(), DataDirectoryFull)
    assert isinstance(room.problem(), DataDirectoryFull)
    (tmp_path / "a").unlink()
    assert room.problem() is None


def test_dump_that_would_not_fit_is_not_written(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path, 10)
    assert write_file(WriteFile("a", "12345"), data).problem is None
    assert isinstance(write_file(WriteFile("b", "123456"), data).problem, DataDirectoryFull)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_directory_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    assert DataRoom(DataDirectory(tmp_path / "gone")).problem() is None
