"""Every finding of the doctor: what it is, how bad, and what to do."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nestd.server.doctor import checks
from nestd.server.doctor.checks import Finding, Level, WantedServer
from nestd.server.instance import Instance
from protocol.process.identity import identify

NEST = {"version": "3.10.0", "mpi": False, "threads": True, "gsl": True, "libraries": []}
WITH_MPI = {**NEST, "mpi": True, "libraries": ["/usr/lib/libmpi.so.40"]}
MPI4PY = {"version": "Open MPI v4.1.4", "libraries": ["/usr/lib/libmpi.so.40"]}
BROKEN = {"problem": "ModuleNotFoundError: No module named 'nest'"}


@pytest.fixture(autouse=True)
def own_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory of the test's own, with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="nestd-t-") as directory:
        monkeypatch.setenv("NESTD_RUNTIME_DIR", f"{directory}/run")
        yield Path(directory, "run")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wanted(
    ranks: int = 1, threads: int = 1, ports: tuple[int, ...] = (), **more: Any
) -> WantedServer:
    return WantedServer(more.get("host", "127.0.0.1"), ports or (free_port(),), ranks, threads)


def levels(findings: list[Finding]) -> list[Level]:
    return [one.level for one in findings]


def test_python_has_to_be_new_enough() -> None:
    assert checks.python((3, 10, 0)).level is Level.OK
    old = checks.python((3, 9, 18))
    assert (old.level, old.advice) == (Level.PROBLEM, "use Python 3.10 or newer")
    assert "3.9.18" in old.found


def test_nest_has_to_be_there() -> None:
    assert checks.simulator(NEST) == Finding(
        "NEST", Level.OK, "3.10.0, without MPI, with threads, with GSL"
    )
    missing = checks.simulator(BROKEN)
    assert missing.level is Level.PROBLEM
    assert "No module named 'nest'" in missing.found
    assert "pip install nest-simulator" in missing.advice


@pytest.mark.parametrize(("part", "why"), [("threads", "more than one core"), ("gsl", "iaf_cond")])
def test_nest_without_a_part_is_noted(part: str, why: str) -> None:
    found = checks.simulator({**NEST, part: False})
    assert found.level is Level.NOTE
    assert why in found.advice


def test_mpi_that_fits_together_is_ok() -> None:
    found = checks.mpi(wanted(2), WITH_MPI, MPI4PY, "/usr/bin/mpirun")
    assert levels(found) == [Level.OK, Level.OK]
    assert "/usr/bin/mpirun" in found[0].found


def test_ranks_need_a_nest_with_mpi() -> None:
    found = checks.mpi(wanted(4), NEST, MPI4PY, "/usr/bin/mpirun")
    assert levels(found) == [Level.PROBLEM, Level.OK, Level.OK]
    assert "4 ranks would be 4 networks" in found[0].found
    assert "scripts/install-nest-mpi" in found[0].advice


def test_ranks_need_a_launcher() -> None:
    found = checks.mpi(wanted(2), WITH_MPI, MPI4PY, None)
    assert levels(found) == [Level.PROBLEM, Level.OK]
    assert "no mpirun or mpiexec" in found[0].found


def test_ranks_need_mpi4py() -> None:
    found = checks.mpi(wanted(2), WITH_MPI, {"problem": "No module named 'mpi4py'"}, "/mpirun")
    assert levels(found) == [Level.OK, Level.PROBLEM]
    assert found[1].advice == "pip install mpi4py"
    # On one rank it is not needed.
    found = checks.mpi(wanted(1), WITH_MPI, {"problem": "No module named 'mpi4py'"}, "/mpirun")
    assert levels(found) == [Level.OK, Level.NOTE]


def test_mpi4py_of_another_mpi_is_found() -> None:
    other = {"version": "MPICH 4.0", "libraries": ["/opt/mpich/libmpi.so.12"]}
    found = checks.mpi(wanted(2), WITH_MPI, other, "/usr/bin/mpirun")[-1]
    assert found.level is Level.PROBLEM
    assert "/opt/mpich/libmpi.so.12" in found.found
    assert "but NEST uses /usr/lib/libmpi.so.40" in found.found
    assert "--no-binary mpi4py" in found.advice


def test_foreign_command_is_found(tmp_path: Path) -> None:
    foreign = tmp_path / "nest-server"
    foreign.write_text("#!/bin/bash\n# NEST's own\nuwsgi --module nest.server\n")
    found = checks.command(str(foreign))
    assert found.level is Level.PROBLEM
    assert "belongs to another package" in found.found
    assert "install this project last" in found.advice


def test_command_of_another_environment_is_noted(tmp_path: Path) -> None:
    other = tmp_path / "nest-server"
    other.write_text("#!/elsewhere/python\nfrom nestd.server.cli import main\n")
    assert checks.command(str(other)).level is Level.NOTE
    own = Path(sys.executable).with_name("nest-server")
    assert checks.command(str(own)).level is Level.OK
    assert checks.command(None).level is Level.NOTE


def test_taken_port_is_a_problem_unless_another_is_left(taken: int) -> None:
    (found,) = checks.ports(wanted(ports=(taken,)))
    assert found.level is Level.PROBLEM
    assert f"sport = :{taken}" in found.advice
    found, other = checks.ports(wanted(ports=(taken, free_port())))
    assert (found.level, other.level) == (Level.NOTE, Level.OK)


def test_port_of_an_own_server_is_named_as_that(own_directory: Path, taken: int) -> None:
    own = identify(os.getpid())
    assert own is not None
    directory = own_directory / f"server-{taken}"
    directory.mkdir(parents=True)
    instance = Instance(
        directory, own, "127.0.0.1", (taken,), None, False, False, 1, "2026-01-01", False, "text"
    )
    instance.save()
    (found,) = checks.ports(wanted(ports=(taken,)))
    # Another server can't start there.
    assert (found.level, "server of yours" in found.found) == (Level.PROBLEM, True)
    assert f"nest-server stop -p {taken}" in found.advice
    found, _ = checks.ports(wanted(ports=(taken, free_port())))
    assert found.level is Level.NOTE


def test_address_of_another_machine_is_a_problem() -> None:
    (found,) = checks.ports(wanted(host="192.0.2.1"))
    assert (found.level, "-h HOST" in found.advice) == (Level.PROBLEM, True)


def test_runtime_directory_has_to_be_private_and_short(
    own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checks.directory().level is Level.OK
    own_directory.chmod(0o777)
    found = checks.directory()
    assert (found.level, found.advice) == (Level.PROBLEM, "set NESTD_RUNTIME_DIR")
    own_directory.chmod(0o700)
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(own_directory.parent / ("x" * 100)))
    assert "bytes" in checks.directory().found


def test_missing_landlock_is_noted() -> None:
    assert checks.landlock(None).level is Level.OK
    found = checks.landlock("this system has no Landlock")
    assert found.level is Level.NOTE
    assert "all files of this account: this system has no Landlock" in found.found


def test_missing_seccomp_filter_is_noted() -> None:
    assert checks.seccomp(None).level is Level.OK
    found = checks.seccomp("the system library libseccomp (libseccomp.so.2) is not installed")
    assert found.level is Level.NOTE
    assert found.found.startswith("off, as the system can't confine them: the system library")
    assert "NEST_SERVER_DISABLE_RESTRICTION=1" in found.advice
    assert "apt-get install libseccomp2" in found.advice


def test_more_threads_than_cores_are_noted() -> None:
    assert checks.cores(wanted(2, 4), 8).level is Level.OK
    found = checks.cores(wanted(4, 4), 8)
    assert found.level is Level.NOTE
    assert "at most 8" in found.advice


def test_report_says_what_to_do_and_counts_problems() -> None:
    ok, bad = Finding("A", Level.OK, "fine"), Finding("B", Level.PROBLEM, "broken", "mend it")
    assert checks.report([ok]).endswith("A server can start here.")
    said = checks.report([ok, bad])
    assert "PROBLEM  B             broken\n" in said
    assert "-> mend it" in said
    assert said.endswith("1 problem(s).")


def test_probe_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checks, "python_command", lambda *_: [sys.executable, "-c", "import no_such_nest"]
    )
    assert "no_such_nest" in checks.probe_package("nest")["problem"]
    facts = json.dumps(NEST)
    program = f"print('banner\\n' + {facts!r})"
    monkeypatch.setattr(checks, "python_command", lambda *_: [sys.executable, "-c", program])
    assert checks.probe_package("nest") == NEST


def test_all_is_checked(taken: int) -> None:
    found = checks.check(wanted(2, 1, (taken,)), {"nest": NEST, "mpi": MPI4PY}.__getitem__)
    assert {one.label for one in found} == {
        *("Python", "NEST", "MPI", "MPI launcher", "mpi4py", "Command", f"Port {taken}"),
        *("Directory", "Scripts", "Kernel", "Cores"),
    }
