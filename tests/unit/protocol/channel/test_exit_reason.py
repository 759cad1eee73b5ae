"""Reasons for which kernels have ended, where code in the kernel has written the report."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from protocol.channel.exit_reason import ExitReasons
from protocol.errors import KernelLost, facts_of
from protocol.runtime.paths import RuntimeDirectory
from tests.unit.kernels import kernel_in

INFO = kernel_in(generation="g1")


@pytest.fixture
def files(tmp_path: Path) -> RuntimeDirectory:
    files = RuntimeDirectory(tmp_path)
    files.make_kernel_directory()
    note = {"pid": INFO.pid, "start_ticks": INFO.start_ticks, "how": "signal 9 (SIGKILL)"}
    files.exit_file.write_text(json.dumps(note))
    return files


def lost(files: RuntimeDirectory) -> str:
    error = ExitReasons(files.path, files.exit_file).lost(INFO, "Simulate", None)
    assert isinstance(error, KernelLost)
    return error.message


def test_report_of_a_kernel_says_why_it_ended(files: RuntimeDirectory) -> None:
    report = {"generation": "g1", "error": facts_of(KernelLost("rank 1 is lost"))}
    files.crash_report.write_text(json.dumps(report))
    assert lost(files) == "rank 1 is lost"


@pytest.mark.parametrize(
    "report",
    [
        *("[]", "1", '"generation"', "null", '{"generation": "g1"}', "{"),
        '{"generation": "g1", "error": 5}',
        '{"generation": "g1", "error": {"kind": "kernel_lost", "message": 5}}',
        "[" * 100_000,
    ],
    ids=lambda report: report[:40],
)
def test_report_that_is_none_is_left_out(files: RuntimeDirectory, report: str) -> None:
    files.crash_report.write_text(report)
    assert "SIGKILL" in lost(files)


@pytest.mark.timeout(20)
def test_pipe_and_huge_file_in_place_of_the_report_are_left_out(files: RuntimeDirectory) -> None:
    os.mkfifo(files.crash_report)
    assert "SIGKILL" in lost(files)
    files.crash_report.unlink()
    files.crash_report.touch()
    os.truncate(files.crash_report, 1 << 40)
    assert "SIGKILL" in lost(files)
