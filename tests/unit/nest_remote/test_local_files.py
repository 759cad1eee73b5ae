"""A directory of this machine as ``data_path``: what the kernel hears of it, what is brought."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nest_remote.local_files import LocalFiles
from protocol.errors import ArgumentError
from protocol.wire.messages import Action, Operation

REMOTE = "/srv/data"


class Kernel:
    """A kernel with files, and what it was told."""

    def __init__(self) -> None:
        self.told: list[Operation] = []
        self.stamps: dict[str, int] = {"old.dat": 1}
        self.local = LocalFiles(self.files, self.save)

    def files(self) -> list[dict[str, Any]]:
        return [{"name": n, "size": size, "modified": ""} for n, size in self.stamps.items()]

    def save(self, name: str, path: Path) -> None:
        path.write_text(f"{name} {self.stamps[name]}")

    def execute(self, operation: Operation) -> Any:
        if operation == Operation(Action.GET, "data_path"):
            return REMOTE
        self.told.append(operation)
        return [{"data_path": REMOTE, "filenames": (f"{REMOTE}/a.dat",), "times": [1, 2]}, REMOTE]

    def do(self, action: Action, call: str, *args: Any, **kwargs: Any) -> Any:
        operation = Operation(action, call, list(args), kwargs)
        if self.local.concerns(operation):
            return self.local.execute(operation, self.execute)
        return self.execute(operation)

    def call(self, call: str, *args: Any, **kwargs: Any) -> Any:
        return self.do(Action.CALL_PYNEST, call, *args, **kwargs)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def test_directory_stays_here_and_everything_else_is_set(kernel: Kernel, tmp_path: Path) -> None:
    named = {"data_path": tmp_path, "overwrite_files": True}
    kernel.call("SetKernelStatus", named)
    kernel.call("SetKernelStatus", params=named)
    kernel.do(Action.SET, "data_path", str(tmp_path))
    assert [(o.args, o.kwargs) for o in kernel.told] == [
        ([{"overwrite_files": True}], {}),
        ([], {"params": {"overwrite_files": True}}),
    ]
    assert named["data_path"] == tmp_path


@pytest.mark.parametrize("path", [REMOTE, "", ".", "/no/such/directory", 3, None])
def test_what_is_no_directory_of_this_machine_is_left_to_the_kernel(
    kernel: Kernel, path: Any
) -> None:
    kernel.call("SetKernelStatus", {"data_path": path})
    assert kernel.told == [
        Operation(Action.CALL_PYNEST, "SetKernelStatus", [{"data_path": path}]),
    ]


def test_what_is_written_after_that_is_brought_once(kernel: Kernel, tmp_path: Path) -> None:
    kernel.call("SetKernelStatus", {"data_path": str(tmp_path)})
    kernel.call("Simulate", 1.0)
    assert list(tmp_path.iterdir()) == []
    kernel.stamps |= {"a.dat": 1, "b.dat": 1}
    kernel.call("GetStatus", [])
    assert list(tmp_path.iterdir()) == []
    kernel.call("Run", 1.0)
    (tmp_path / "b.dat").unlink()
    kernel.stamps["a.dat"] = 2
    kernel.local.after_batch()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.dat", "a.dat 2")]


def test_dumped_layer_is_brought_to_the_file_that_is_named(kernel: Kernel, tmp_path: Path) -> None:
    kernel.stamps["layer.txt"] = 3
    target = tmp_path / "layer.txt"
    kernel.call("DumpLayerNodes", [1], str(target))
    assert target.read_text() == "layer.txt 3"
    target.unlink()
    kernel.call("DumpLayerConnections", [1], [2], "static_synapse", outname=target)
    assert target.read_text() == "layer.txt 3"
    kernel.call("DumpLayerNodes", [1], f"{os.path.relpath(tmp_path)}/layer.txt")
    kernel.call("DumpLayerNodes", [1], "plain.txt")
    nowhere = str(tmp_path / "nowhere" / "x.txt")
    kernel.call("DumpLayerNodes", [1], nowhere)
    dumped = [(*operation.args, *operation.kwargs.values()) for operation in kernel.told]
    assert [names[-1] for names in dumped] == [*["layer.txt"] * 3, "plain.txt", nowhere]


def test_answers_name_the_directory_of_this_machine(kernel: Kernel, tmp_path: Path) -> None:
    kernel.call("SetKernelStatus", {"data_path": str(tmp_path)})
    answer = kernel.call("GetStatus", [])
    files = (str(tmp_path / "a.dat"),)
    assert answer == [
        {"data_path": str(tmp_path), "filenames": files, "times": [1, 2]},
        str(tmp_path),
    ]


@pytest.mark.parametrize("end", ["ResetKernel", "SetKernelStatus"])
def test_directory_is_forgotten(kernel: Kernel, tmp_path: Path, end: str) -> None:
    kernel.call("SetKernelStatus", {"data_path": str(tmp_path)})
    kernel.call(end, *([{"data_path": REMOTE}] if end == "SetKernelStatus" else []))
    assert kernel.call("GetStatus", [])[1] == REMOTE


@pytest.mark.parametrize("name", ["../a", "a/b", "..", "a\\b", "C:a"])
def test_name_of_a_hostile_server_leads_nowhere(kernel: Kernel, tmp_path: Path, name: str) -> None:
    kernel.call("SetKernelStatus", {"data_path": str(tmp_path)})
    kernel.stamps[name] = 1
    with pytest.raises(ArgumentError):
        kernel.call("Simulate", 1.0)
    assert list(tmp_path.iterdir()) == []
