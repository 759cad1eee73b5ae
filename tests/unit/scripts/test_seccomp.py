"""Filter of system calls, tested by what it keeps processes from doing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nestd.scripts.sandbox import seccomp

DEADLINE_S = 60.0

#: Program of a process: imports, installs the filter, does the rest.
PROGRAM = """
import ctypes, errno, fcntl, mmap, os, resource, select, signal, socket, subprocess, sys, time
import numpy as np
from nestd.scripts.sandbox import seccomp
libc = ctypes.CDLL(None, use_errno=True)
arguments = sys.argv[1:]
{before}
seccomp.warm_up()
seccomp.SyscallFilter().install()
{after}
"""


def run(after: str, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a process that does ``after`` with the filter."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before, after=after), *arguments],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_system_has_the_means() -> None:
    # The tests below would say so less clearly.
    assert seccomp.seccomp_problem() is None


def test_trying_leaves_the_process_as_it_is(tmp_path: Path) -> None:
    before = Path("/proc/self/status").read_text().split("NoNewPrivs:")[1].split("\n")[:3]
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    assert seccomp.seccomp_problem() is None
    after = Path("/proc/self/status").read_text().split("NoNewPrivs:")[1].split("\n")[:3]
    assert after == before
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    (tmp_path / "file").write_text("x")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("no"), "pyseccomp is not installed"),
        (RuntimeError("Unable to find libseccomp"), "libseccomp.so.2. is not installed"),
        (OSError("wrong ELF class"), "libseccomp can't be used: wrong ELF class"),
    ],
)
def test_missing_means_are_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(seccomp, "_seccomp", fail)
    problem = seccomp.seccomp_problem()
    assert problem is not None
    assert reason.replace("2.", "2)") in problem


def test_kernel_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(seccomp.SyscallFilter, "install", refuse)
    problem = seccomp.seccomp_problem()
    assert problem == "the system refuses the filter of system calls: [Errno 22] Invalid argument"


def test_kernel_that_ignores_the_filter_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp.SyscallFilter, "install", lambda _: None)
    assert "ignores it" in str(seccomp.seccomp_problem())


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.setblocking(False)
        yield made


#: System calls that each have to fail with EPERM; more are in the table of escapes.
REFUSED = {
    "ptrace": "ptrace(0, 0, 0, 0)",
    "process_vm_readv": "process_vm_readv(os.getppid(), None, 0, None, 0, 0)",
    "mprotect": "mprotect(ctypes.c_void_p(page), 4096, 5)",
    "prctl": "prctl(15, b'x', 0, 0, 0)",
    "personality": "personality(0x400000)",
    "unshare": "unshare(0x10000000)",
    "setns": "setns(1, 0)",
    "mount": "mount(b'a', b'/', b'proc', 0, None)",
    "shmget": "shmget(0, 4096, 0o1600)",
    "eventfd": "eventfd(0, 0)",
    "inotify_init": "inotify_init()",
    "epoll_create1": "epoll_create1(0)",
    "io_uring_setup": "syscall(ctypes.c_long(425), 1, None)",
    "pidfd_open": "syscall(ctypes.c_long(434), os.getppid(), 0)",
    "clone3": "syscall(ctypes.c_long(435), None, 0)",
    "openat2": "syscall(ctypes.c_long(437), -100, b'/', None, 0)",
    "bpf": "syscall(ctypes.c_long(280 if arm else 321), 0, None, 0)",
    "keyctl": "syscall(ctypes.c_long(219 if arm else 250), 0, 0)",
}


def test_filter_keeps_c_code_from_system_calls() -> None:
    done = run(
        "for name, call in json.loads(arguments[0]).items():\n"
        "    ctypes.set_errno(0)\n"
        "    if eval('libc.' + call) != -1 or ctypes.get_errno() != errno.EPERM:\n"
        "        print(name)",
        json.dumps(REFUSED),
        before="import json\n"
        "memory = mmap.mmap(-1, 4096)\n"
        "arm = os.uname().machine == 'aarch64'\n"
        "page = ctypes.addressof(ctypes.c_char.from_buffer(memory))",
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_sockets_that_were_made_before_cannot_be_connected(listening: socket.socket) -> None:
    done = run(
        "try:\n    made.connect(('127.0.0.1', int(arguments[0])))\n"
        "except PermissionError:\n    print('refused')",
        str(listening.getsockname()[1]),
        before="made = socket.socket()",
    )
    assert done.stdout == "refused\n"
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_limits_can_be_read() -> None:
    done = run("print(resource.getrlimit(resource.RLIMIT_CORE)[0] >= -1)")
    assert done.stdout == "True\n"


def test_threads_cannot_be_started() -> None:
    done = run(
        "try:\n    threading.Thread(target=print).start()\n"
        "except RuntimeError as error:\n    print(error)",
        before="import threading",
    )
    assert done.stdout == "can't start new thread\n"


def test_process_computes_prints_and_talks_as_before() -> None:
    done = run(
        """
one.sendall(b"asked")
assert two.recv(5) == b"asked"
poll = select.poll()
poll.register(two, select.POLLIN)
assert poll.poll(0) == []
assert select.select([], [one], [], 0) == ([], [one], [])
a = np.random.default_rng().normal(size=(200, 200))
assert np.allclose(np.linalg.inv(a) @ a, np.eye(200))
assert np.linalg.eigvals(a).size == 200 and np.fft.fft(a).shape == a.shape
assert len(str(np.zeros(5000))) < 100 and str(np.ma.masked_array([1], [True])) == "[--]"
assert np.percentile(a, 50) == np.median(a) and np.histogram(a)[0].sum() == 40_000
assert np.polyfit([0, 1, 2], [0, 1, 2], 1).shape == (2,)
bytearray(1 << 28)
time.sleep(0.001)
assert time.strftime("%Y", time.localtime()) > "2000" and time.perf_counter() > 0
assert len(os.urandom(4)) == 4 and resource.getrusage(resource.RUSAGE_SELF).ru_utime >= 0
assert "ä".encode("latin-1") and b"\\\\N{SPACE}".decode("unicode_escape") == " "
assert (7**40_000) // (7**20_000) == 7**20_000
import traceback
try:
    np.zeros(3)[5]
except IndexError:
    assert "IndexError" in traceback.format_exc()
print("done")
""",
        before="one, two = socket.socketpair()",
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_process_can_end_itself_in_every_way() -> None:
    assert run("sys.exit(3)").returncode == 3
    assert run("os._exit(4)").returncode == 4
    assert run("os.abort()").returncode == -signal.SIGABRT
    assert run("os.kill(os.getpid(), signal.SIGKILL)").returncode == -signal.SIGKILL


def test_filter_cannot_be_installed_twice() -> None:
    done = run(
        "try:\n    seccomp.SyscallFilter().install()\nexcept OSError:\n    print('refused')\n"
    )
    assert done.stdout == "refused\n"
