"""Processes in the root of a container, in namespaces that end with them."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SCRIPT = Path(__file__).with_name("container.sh")
#: What programs find where nothing sets it.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Made by an engine for each container, and therefore empty in an image.
MADE_BY_THE_ENGINE = ("etc/resolv.conf", "etc/hosts", "etc/hostname")


@dataclass(frozen=True)
class Mount:
    """One line of fstab(5)."""

    source: str
    target: str
    kind: str = "none"
    options: str = "bind"


def usual_mounts(shm: str = "64m") -> list[Mount]:
    """What every container has mounted."""
    return [
        Mount("proc", "/proc", "proc", "nosuid,nodev,noexec"),
        Mount("sysfs", "/sys", "sysfs", "nosuid,nodev,noexec,ro"),
        Mount("tmpfs", "/dev", "tmpfs", "nosuid,mode=755"),
        Mount("devpts", "/dev/pts", "devpts", "newinstance,ptmxmode=0666,X-mount.mkdir"),
        Mount("shm", "/dev/shm", "tmpfs", f"nosuid,nodev,noexec,size={shm},X-mount.mkdir"),
    ]


def popen(
    root: Path,
    mounts: list[Mount],
    command: list[str],
    *,
    output: IO[bytes],
    namespaces: tuple[str, ...] = (),
    read_only: bool = False,
    address: str | None = None,
    table: Path,
) -> subprocess.Popen[bytes]:
    """Start ``command`` as process 1 of a namespace of processes; it ends with this process.

    Parameters
    ----------
    root : becomes its root
    mounts : what it has mounted there
    output : gets what it prints
    namespaces : those it has for itself beside those of mounts and processes
    address : of a network interface that it gets
    table : a file to be made of the mounts
    """
    lines = [
        f"{mount.source} {root}{mount.target.rstrip('/')} {mount.kind} {mount.options} 0 0\n"
        for mount in mounts
    ]
    table.write_text("".join(lines))
    own = [f"--{name}" for name in ("mount", "pid", *namespaces)]
    inside = ["bash", str(SCRIPT), str(root), str(table), "ro" if read_only else "rw", *command]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", *own, *inside],
        env={"PATH": DEFAULT_PATH} | ({"CONTAINER_ADDRESS": address} if address else {}),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Ctrl-C is for the tests, which end it in their order.
        start_new_session=True,
    )


def first_process(process: subprocess.Popen[bytes]) -> int | None:
    """Process 1 of the namespace that ``popen`` has made, by its pid here; none without."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    pids = children.read_text().split() if process.poll() is None else []
    return int(pids[0]) if pids else None


def end(process: subprocess.Popen[bytes]) -> None:
    """End what ``popen`` has started, with all that it has started."""
    pid = first_process(process)
    if pid is not None:
        # It takes all others with it, and is waited for.
        os.kill(pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


def as_account(
    account: str, environment: dict[str, str], directory: str, command: list[str], *rights: str
) -> list[str]:
    """How a root runs ``command`` under an account, in a directory, with this environment alone."""
    # Changing the account takes away that it ends with its parent.
    who = ["setpriv", "--reuid", account, "--regid", account, "--init-groups"]
    variables = [f"{name}={value}" for name, value in environment.items()]
    return [
        *who,
        *rights,
        "--pdeathsig",
        "KILL",
        "env",
        "-i",
        "-C",
        directory,
        *variables,
        *command,
    ]
