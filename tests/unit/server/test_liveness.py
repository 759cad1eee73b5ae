"""Signs of life of a kernel, as its supervisor sees them; kernels here are processes that wait."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nestd.server.supervisor.liveness import Liveness
from protocol.runtime.connection_file import ConnectionInfo, RankProcess
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.status_file import Status, StatusWriter
from tests.unit.kernels import kernel_in


def info_of(pid: int) -> ConnectionInfo:
    info = kernel_in(pid)
    return replace(info, processes=(RankProcess(info.host, info.pid, info.start_ticks),))


@pytest.fixture
def waiting() -> Iterator[ConnectionInfo]:
    """A process that uses no processor."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield info_of(process.pid)
        process.kill()


def status_of(directory: Path, info: ConnectionInfo) -> StatusWriter:
    files = RuntimeDirectory(directory)
    files.make_kernel_directory()
    return StatusWriter(files.status(info.generation))


def spend_processor_time() -> None:
    """Have this process use some ticks."""
    until = sum(os.times()[:2]) + 0.05
    while sum(os.times()[:2]) < until:
        pass


def test_kernel_that_says_something_lives(tmp_path: Path, waiting: ConnectionInfo) -> None:
    writer = status_of(tmp_path, waiting)
    liveness = Liveness(tmp_path)
    writer.write(Status())
    assert liveness.probe(waiting)
    assert not liveness.probe(waiting)
    # The same words again are a sign of life, too.
    writer.write(Status())
    assert liveness.probe(waiting)


def test_command_without_slices_lives_while_it_computes(tmp_path: Path) -> None:
    own = info_of(os.getpid())
    writer = status_of(tmp_path, own)
    liveness = Liveness(tmp_path)
    writer.write(Status(id="1", label="Connect"))
    assert liveness.probe(own)
    for _ in range(3):
        spend_processor_time()
        assert liveness.probe(own)


def test_command_that_waits_for_what_never_comes_is_dead(
    tmp_path: Path, waiting: ConnectionInfo
) -> None:
    writer = status_of(tmp_path, waiting)
    liveness = Liveness(tmp_path)
    writer.write(Status(id="1", label="Connect"))
    assert liveness.probe(waiting)
    assert not liveness.probe(waiting)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(Status(), id="idle, but listens no more"),
        pytest.param(
            Status(id="1", label="Simulate", from_ms=0.0, at_ms=1.0, until_ms=9.0), id="in a slice"
        ),
    ],
)
def test_processor_time_alone_is_no_life_where_more_would_be_said(
    tmp_path: Path, status: Status
) -> None:
    own = info_of(os.getpid())
    writer = status_of(tmp_path, own)
    liveness = Liveness(tmp_path)
    writer.write(status)
    assert liveness.probe(own)
    spend_processor_time()
    assert not liveness.probe(own)


def test_another_kernel_is_probed_anew(tmp_path: Path, waiting: ConnectionInfo) -> None:
    liveness = Liveness(tmp_path)
    assert liveness.probe(waiting)
    assert not liveness.probe(waiting)
    assert liveness.probe(dataclasses.replace(waiting, generation="another"))
