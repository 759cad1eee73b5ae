"""What is left when a wall is gone: Python of ``walls.txt`` where it meets the next one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S
from tests.sections import read_sections
from tests.system.attacks.bypass import in_kernel, without
from tests.system.attacks.targets import Target

REACHED = "REACHED"
WALLS = read_sections(Path(__file__).with_name("walls.txt"))
SCRIPT = "[script]"


#: Before each: a server that gives NEST no directory of its own has one all the same.
DIRECTORY = """
import os
try:
    os.mkdir('@server@/data')
except OSError:
    pass
"""


def cases(for_kernel: bool) -> list[object]:
    return [
        pytest.param(text, id=name.removesuffix(f" {SCRIPT}"))
        for name, text in WALLS
        if not (for_kernel and name.endswith(SCRIPT))
    ]


def spooled(target: Target) -> Target:
    """Have a job in the spool, so that there is something to be read."""
    headers = {"Prefer": "respond-async"}
    job = target.server.post("/api/GetKernelStatus", {"keys": "resolution"}, headers=headers)
    address = f"/jobs/{job.json()['id']}"
    assert poll_until(lambda: target.server.get(address).json()["state"] == "done", DEADLINE_S)
    return target


@pytest.fixture(scope="module")
def no_language_wall() -> Iterator[Target]:
    """A server whose restricted scripts are full Python."""
    with without("language") as target:
        yield spooled(target)


@pytest.fixture(scope="module")
def no_filter() -> Iterator[Target]:
    """A server whose scripts are full Python with all system calls, and whose kernel runs code."""
    with without("language", "seccomp", "kernel") as target:
        yield spooled(target)


def test_walls_are_gone(no_language_wall: Target, no_filter: Target) -> None:
    """The harness takes away what it says, so that the tests below meet the next wall."""
    source = "import ctypes, os, socket, subprocess\nx = ctypes.CDLL(None).getpid()"
    for target in (no_language_wall, no_filter):
        said = target.script(source, "x").json()
        assert said.get("data", 0) > 1, ("the language wall is there", said)
    said = no_filter.script("import os\nprint(os.dup(1) > 0)").json()
    assert said == {"stdout": "True\n"}, ("the filter of system calls is there", said)
    said = in_kernel(no_filter, "import nest, sys\nprint('nest' in sys.modules)")
    assert said == "True", "no code runs in the kernel"


@pytest.mark.parametrize("source", cases(for_kernel=False))
def test_scripts_of_full_python_reach_nothing(no_language_wall: Target, source: str) -> None:
    with no_language_wall.unharmed() as said:
        said.append(no_language_wall.script(DIRECTORY + source).text)
        print(said)
    assert REACHED not in said[0]


@pytest.mark.parametrize("source", cases(for_kernel=True))
def test_scripts_with_all_system_calls_reach_nothing_of_the_account(
    no_filter: Target, source: str
) -> None:
    with no_filter.unharmed() as said:
        said.append(no_filter.script(DIRECTORY + source).text)
        print(said)
    assert REACHED not in said[0]


@pytest.mark.parametrize("source", cases(for_kernel=True))
def test_code_in_the_kernel_reaches_nothing_of_the_account(no_filter: Target, source: str) -> None:
    with no_filter.unharmed() as said:
        said.append(in_kernel(no_filter, DIRECTORY + source))
        print(said)
    assert REACHED not in said[0]


#: What Landlock does not see; the kernel's own files serve as well as any of the account's.
BESIDE_LANDLOCK = {
    "mode of the token": "os.chmod('@server@/token', 0o666)",
    "mode of what is open": "os.fchmod(os.open('@server@/kernel', os.O_RDONLY), 0o777)",
    "owner of the token": "os.chown('@server@/token', os.getuid(), os.getgid())",
    "service with a socket": (
        "socket.socket(socket.AF_UNIX).connect(glob.glob('@server@/kernel/calls-*')[0])"
    ),
    "datagram to a service": (
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]"
        ".connect(glob.glob('@server@/kernel/calls-*')[0])"
    ),
}


@pytest.mark.parametrize("source", BESIDE_LANDLOCK.values(), ids=BESIDE_LANDLOCK)
def test_code_in_the_kernel_does_nothing_that_landlock_does_not_see(
    no_filter: Target, source: str
) -> None:
    with no_filter.unharmed():
        said = in_kernel(no_filter, f"import glob, os, socket\n{source}\nprint('{REACHED}')")
    assert said.startswith("PermissionError"), said


def test_code_in_the_kernel_writes_into_the_data_directory(no_filter: Target) -> None:
    """The wall leaves what recorders need."""
    said = in_kernel(no_filter, "open('@server@/data/x', 'w').write('x')\nprint('written')")
    assert said == "written"
    assert (no_filter.directory / "data/x").read_text() == "x"


def test_kernel_gains_no_privileges_and_dumps_no_memory(no_filter: Target) -> None:
    """Seen from outside, for each process of the server: nothing there may be set free later."""
    weak = []
    for pid in no_filter.account.processes():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            limits = Path(f"/proc/{pid}/limits").read_text()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        # Of a process that is not dumpable, its files belong to root.
        is_dumpable = no_filter.account.owns(Path(f"/proc/{pid}/environ"))
        if is_dumpable and core.split()[4:6] != ["0", "0"]:
            weak.append(f"dumps: {command}")
        if "nestd.cli" in command and "NoNewPrivs:\t1" not in status:
            weak.append(f"may gain privileges: {command}")
    assert weak == []
