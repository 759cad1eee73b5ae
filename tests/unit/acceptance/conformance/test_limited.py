"""Programs that are ended when they take too long."""

import os
import sys
from pathlib import Path

from protocol.process.identity import identify
from protocol.process.polling import poll_until
from tests.acceptance.conformance.limited import Ended, run_limited

_STARTS_ANOTHER = """\
import subprocess, sys
waits = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
subprocess.Popen([sys.executable, "-c", waits], start_new_session=True).wait()
"""


def run(tmp_path: Path, code: str, wall_s: float = 60.0, cpu_s: int | None = None) -> Ended:
    arguments = [sys.executable, "-c", code]
    return run_limited(arguments, tmp_path, dict(os.environ), tmp_path / "said", wall_s, cpu_s)


def test_success_has_no_failure(tmp_path: Path) -> None:
    ended = run(tmp_path, "print(1)")
    assert ended.failure == ""
    assert ended.cpu_s > 0
    assert (tmp_path / "said").read_text() == "1\n"


def test_a_failure_is_the_last_line_of_a_traceback(tmp_path: Path) -> None:
    assert run(tmp_path, "raise ValueError('no such thing')").failure == "ValueError: no such thing"
    assert run(tmp_path, "import sys; sys.exit(3)").failure == "exit code 3"


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    ended = run(tmp_path, _STARTS_ANOTHER, wall_s=1.0)
    assert ended.failure == "no end after 1 s"
    pid = int((tmp_path / "said").read_text())

    def is_gone() -> bool:
        found = identify(pid)
        return found is None or not found.is_running()

    assert poll_until(is_gone, 10.0)


def test_processor_time_is_limited(tmp_path: Path) -> None:
    assert "1 s of processor time" in run(tmp_path, "while True: pass", cpu_s=1).failure
