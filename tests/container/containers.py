"""Containers of the image, and what an engine does with them: run, exec, stop."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from protocol.process.polling import poll_until
from tests.container.images import Image
from tests.container.roots import (
    DEFAULT_PATH,
    MADE_BY_THE_ENGINE,
    Mount,
    as_account,
    end,
    first_process,
    popen,
    usual_mounts,
)

#: Far above what anything here takes.
DEADLINE_S = 120.0
#: Of the network interface that a container has.
ADDRESS = "198.18.0.2"
#: What Docker leaves to a container if it is not told otherwise (capabilities(7)).
_CAPABILITIES = (
    "chown,dac_override,fsetid,fowner,mknod,net_raw,setgid,setuid,setfcap,setpcap,"
    "net_bind_service,sys_chroot,kill,audit_write"
)
_CLONE_NEWNET = 0x40000000


@dataclass
class Options:
    """With what a container is run."""

    #: Instead of the image's.
    command: list[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    #: Have a process 1 that passes signals on and reaps.
    init: bool = False
    #: Directories in memory, as ``PATH[:OPTIONS]``.
    tmpfs: list[str] = field(default_factory=list)
    #: Files of the machine by their paths in the container.
    files: dict[str, Path] = field(default_factory=dict)
    shm: str = "64m"
    read_only: bool = False
    #: Without capabilities, and no way to get any.
    confined: bool = False


@dataclass
class Container:
    """A container that runs, or has run."""

    image: Image
    environment: dict[str, str]
    work: Path
    process: subprocess.Popen[bytes]
    #: Its process 1.
    pid: int

    @property
    def above(self) -> Path:
        """What it has written over the image."""
        return self.work / "above"

    @property
    def volume(self) -> Path:
        """What it has written into its volume."""
        return self.work / "volume"

    def output(self) -> str:
        """What it has printed."""
        return (self.work / "output").read_text(errors="replace")

    def execute(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run ``command`` in it."""
        account, directory = _account(self.image), _directory(self.image)
        inside = as_account(account, self.environment, directory, command)
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-i", "-u", "-r", *inside],
            env={"PATH": DEFAULT_PATH},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def processes(self) -> dict[int, dict[str, str]]:
        """What ``/proc`` tells of all of its processes, by their pids outside of it."""
        own = Path(f"/proc/{self.pid}/ns/pid").readlink()
        found = {}
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if (directory / "ns/pid").readlink() == own:
                    lines = (directory / "status").read_text().splitlines()
                    parts = [line.partition(":\t") for line in lines]
                    found[int(directory.name)] = {name: value for name, _, value in parts}
            except OSError:
                continue
        return found

    def stop(self, grace_s: float) -> int:
        """Ask it to end as an engine does; its exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(grace_s)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Have what this thread connects to be in the network of the container."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(path: str) -> int:
            descriptor = os.open(path, os.O_RDONLY)
            if libc.setns(descriptor, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"can't enter the network {path}")
            return descriptor

        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        entered = enter(f"/proc/{self.pid}/ns/net")
        try:
            yield
        finally:
            os.close(enter(f"/proc/self/fd/{before}"))
            os.close(entered)
            os.close(before)


def _account(image: Image) -> str:
    step = image.stage.last("USER")
    return step.rest if step else "root"


def _directory(image: Image) -> str:
    step = image.stage.last("WORKDIR")
    return step.rest if step else "/"


@contextmanager
def running(image: Image, work: Path, options: Options) -> Iterator[Container]:
    """A container, which is gone at the end.

    Parameters
    ----------
    work : an empty directory for what it writes
    """
    for name in ("above", "beside", "volume", "root"):
        (work / name).mkdir()
    volume = image.stage.last("VOLUME")
    assert volume is not None
    # A volume that is new begins with what the image has there.
    subprocess.run(["cp", "-a", f"{image.root}{volume.rest}/.", work / "volume"], check=True)
    layers = f"lowerdir={image.root},upperdir={work}/above,workdir={work}/beside"
    mounts = [Mount("overlay", "/", "overlay", layers), *usual_mounts(options.shm)]
    mounts += [Mount(f"/{name}", f"/{name}", options="bind,ro") for name in MADE_BY_THE_ENGINE]
    mounts.append(Mount(str(work / "volume"), volume.rest))
    for one in options.tmpfs:
        path, _, given = one.partition(":")
        rights = ",".join(["nosuid", "nodev", "noexec", *([given] if given else [])])
        mounts.append(Mount("tmpfs", path, "tmpfs", f"{rights},X-mount.mkdir"))
    files = dict(options.files)
    if options.init:
        # Where an engine has it, /sbin being a link.
        files["/usr/sbin/docker-init"] = Path(
            shutil.which("tini-static") or "tini-static is missing"
        )
    for inside, outside in files.items():
        point = work / "above" / inside.lstrip("/")
        point.parent.mkdir(parents=True, exist_ok=True)
        point.touch()
        mounts.append(Mount(str(outside), inside, options="bind,ro"))

    environment = {"PATH": DEFAULT_PATH, "HOSTNAME": "container", "HOME": "/data"}
    environment |= image.stage.environment() | options.environment
    command = options.command or image.stage.command()
    if options.init:
        command = ["/sbin/docker-init", "--", *command]
    kept = [
        "-all",
        *([] if options.confined else [f"+{name}" for name in _CAPABILITIES.split(",")]),
    ]
    limits = [f"--bounding-set={','.join(kept)}", "--inh-caps=-all"]
    limits += ["--no-new-privs"] if options.confined else []
    started = as_account(_account(image), environment, _directory(image), command, *limits)
    with (work / "output").open("wb") as output:
        process = popen(
            work / "root",
            mounts,
            started,
            output=output,
            namespaces=("net", "ipc", "uts"),
            read_only=options.read_only,
            address=ADDRESS,
            table=work / "fstab",
        )
    try:

        def has_begun() -> bool:
            return process.poll() is not None or first_process(process) is not None

        assert poll_until(has_begun, DEADLINE_S)
        pid = first_process(process)
        assert pid is not None, (work / "output").read_text()
        container = Container(image, environment, work, process, pid)
        yield container
    finally:
        end(process)
