"""What a kernel's rules name, by facts about its process."""

from __future__ import annotations

import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from nestd.confinement.rules import Surroundings, is_job_known, rules_of_kernel

AROUND = Surroundings(
    prefixes=("/home/ada/env", "/home/ada/.pyenv/versions/3.11"),
    modules=("", "/home/ada/env/lib/python3.11/site-packages", "/home/ada", "/home", "relative"),
    libraries=("/apps/nest/lib/nestkernel_api.so", "/home/ada/libown.so"),
    variables={"LD_LIBRARY_PATH": "/apps/gsl/lib::/home/ada:/tmp"},
    home="/home/ada",
    user=1000,
    host="node1",
    temporary="/tmp",
    has_ranks=False,
)
OWN = Path("/run/user/1000/nestd/server-1/kernel")
#: What must not be below anything that a rule names.
SECRETS = (
    "/home/ada/.ssh/id",
    "/home/ada/file",
    "/home/eve/file",
    "/run/user/1000/nestd/server-1/token",
    "/run/user/1000/nestd/server-2/kernel/own",
    "/tmp/file",
    "/etc/shadow",
    f"{pwd.getpwuid(0).pw_dir}/file",
    "/var/spool/file",
)


def covers(paths: tuple[Path, ...], wanted: str) -> bool:
    return any(Path(wanted).is_relative_to(path) for path in paths)


@pytest.mark.parametrize("has_ranks", [False, True])
def test_nothing_of_the_account_is_covered(has_ranks: bool) -> None:
    rules = rules_of_kernel(replace(AROUND, has_ranks=has_ranks), [OWN])
    for paths in (rules.read, rules.write, rules.execute):
        assert [secret for secret in SECRETS if covers(paths, secret)] == []


def test_what_a_kernel_is_made_of_is_covered() -> None:
    rules = rules_of_kernel(AROUND, [OWN, Path("/data")], [Path("/apps/models/own.so")])
    for wanted in (
        "/home/ada/env/lib/python3.11/site-packages/nest/__init__.py",
        "/home/ada/.pyenv/versions/3.11/lib/libpython3.11.so",
        "/apps/nest/lib/libnest.so",
        "/apps/gsl/lib/libgsl.so",
        "/usr/lib/libc.so.6",
    ):
        assert covers(rules.execute, wanted), wanted
    assert covers(rules.read, "/proc/self/maps")
    assert covers(rules.read, "/apps/models/own.so")
    assert covers(rules.write, f"{OWN}/status.bin")
    assert covers(rules.write, "/data/recorded.dat")
    assert not covers(rules.write, "/dev/shm/file")


def test_ranks_have_shared_memory_and_the_directories_of_their_job() -> None:
    variables = {
        "OMPI_MCA_orte_top_session_dir": "/tmp/ompi.node1.1000",
        "PMIX_SERVER_TMPDIR": "/var/spool/slurmd/pmix.1",
        # A launcher's that is no directory of a job.
        "OMPI_FILE_LOCATION": "/tmp",
    }
    rules = rules_of_kernel(replace(AROUND, has_ranks=True, variables=variables), [OWN])
    for wanted in (
        "/dev/shm/vader_segment",
        "/tmp/ompi.node1.1000/pid.1/file",
        "/var/spool/slurmd/pmix.1/file",
    ):
        assert covers(rules.write, wanted), wanted
    assert not covers(rules.write, "/tmp/file")


def test_alone_a_nest_with_mpi_has_the_directory_that_mpi_makes() -> None:
    libraries = ("/usr/lib/libmpi.so.40",)
    rules = rules_of_kernel(replace(AROUND, libraries=libraries), [OWN])
    assert covers(rules.write, "/tmp/ompi.node1.1000/jf.0")
    assert not covers(rules.write, "/dev/shm/file")


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        ({}, True),
        ({"PMI_RANK": "0"}, True),
        ({"PMIX_RANK": "0", "OMPI_MCA_orte_top_session_dir": "/tmp/ompi"}, True),
        # Under srun.
        ({"PMIX_RANK": "0", "PMIX_SERVER_TMPDIR": "/var/spool/slurmd/pmix.1"}, False),
    ],
)
def test_job_without_a_directory_is_known(variables: dict[str, str], known: bool) -> None:
    assert is_job_known(variables) is known
