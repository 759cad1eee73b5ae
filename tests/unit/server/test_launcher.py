"""The command that starts the kernel; launchers here are scripts that say who they are."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from nestd.server.launch.launcher import kernel_command, launcher_command
from nestd.server.launch.loopback_bind_keeper import on_loopback
from protocol.errors import ConfigurationError
from protocol.process.identity import python_command

PROGRAM = python_command("nestd.cli", "--queue-limit", "8")
ARGUMENTS = ["--queue-limit", "8"]


def launcher(directory: Path, name: str, says: str) -> Path:
    """A launcher that answers ``--version`` with ``says``."""
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on the path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("OMPI_MCA_btl", "OMPI_MCA_pml", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_one_rank_needs_no_launcher(directory: Path) -> None:
    assert kernel_command(1, ARGUMENTS) == PROGRAM


def test_ranks_without_a_launcher_are_refused_in_a_sentence_that_names_the_script(
    directory: Path,
) -> None:
    with pytest.raises(ConfigurationError, match=r"4 ranks need MPI.*scripts/install-nest-mpi"):
        kernel_command(4, ARGUMENTS)


def test_launcher_starts_as_many_ranks_as_wanted(directory: Path) -> None:
    path = launcher(directory, "mpiexec", "HYDRA build details: Version: 4.0.2")
    assert kernel_command(4, ARGUMENTS) == [str(path), "-np", "4", *PROGRAM]
    preferred = launcher(directory, "mpirun", "Intel(R) MPI Library for Linux* OS")
    assert kernel_command(2, ARGUMENTS) == [str(preferred), "-np", "2", *PROGRAM]


@pytest.mark.parametrize(
    ("says", "shared"),
    [("mpirun (Open MPI) 4.1.4", "vader"), ("mpirun.real (OpenRTE) Open-MPI 5", "sm")],
)
@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize(("ranks", "cores"), [(2, 2), (3, 2)])
def test_open_mpi_gets_the_options_that_apply(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    says: str,
    shared: str,
    user: int,
    ranks: int,
    cores: int,
) -> None:
    path = launcher(directory, "mpirun", says)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    options = ["--bind-to", "none"]
    options += ["--allow-run-as-root"] if user == 0 else []
    options += ["--oversubscribe"] if ranks > cores else []
    options += ["--mca", "orte_allowed_exit_without_sync", "1"] if shared == "vader" else []
    options += ["--mca", "btl", f"self,{shared}"]
    command = [str(path), "-np", str(ranks), *options]
    assert launcher_command(ranks) == command
    held = python_command("nestd.server.launch.loopback_bind", *command, *PROGRAM)
    assert kernel_command(ranks, ARGUMENTS) == held


def test_launcher_that_other_hosts_have_to_reach_is_not_held_to_the_loopback(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = launcher(directory, "mpirun", "mpirun (Open MPI) 4.1.4")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert kernel_command(2, ARGUMENTS)[0] == str(path)
    monkeypatch.delenv("SLURM_JOB_ID")
    # Only the way of ranks is chosen then.
    monkeypatch.setenv("OMPI_MCA_btl", "tcp,self")
    assert str(path) in kernel_command(2, ARGUMENTS)[1:]


@pytest.mark.parametrize("variable", ["OMPI_MCA_btl", "SLURM_JOB_ID"])
def test_way_that_ranks_talk_is_left_to_who_has_chosen_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    launcher(directory, "mpirun", "mpirun (Open MPI) 4.1.4")
    monkeypatch.setenv(variable, "17")
    assert "btl" not in kernel_command(2, ARGUMENTS)


def sockaddr(family: socket.AddressFamily, text: str) -> bytes:
    """As ip(7) and ipv6(7) have it, at port 1024."""
    start = struct.pack("=H", family) + b"\x04\x00"
    inner = socket.inet_pton(family, text)
    return start + (inner + bytes(8) if family == socket.AF_INET else bytes(4) + inner + bytes(4))


@pytest.mark.parametrize(
    ("family", "given", "wanted"),
    [
        (socket.AF_INET, "0.0.0.0", "127.0.0.1"),
        (socket.AF_INET, "192.0.2.1", "192.0.2.1"),
        (socket.AF_INET6, "::", "::1"),
        (socket.AF_INET6, "fe80::1", "fe80::1"),
    ],
)
def test_only_an_address_that_is_any_becomes_the_loopback(
    family: socket.AddressFamily, given: str, wanted: str
) -> None:
    assert on_loopback(sockaddr(family, given)) == sockaddr(family, wanted)


@pytest.mark.parametrize("address", [b"", b"\2", struct.pack("=H", socket.AF_UNIX) + bytes(20)])
def test_addresses_of_no_network_are_left_alone(address: bytes) -> None:
    assert on_loopback(address) == address
