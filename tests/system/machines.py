"""A machine that runs systemd: in namespaces of its own, so that nothing of it is left behind."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S

ROOT = Path(__file__).parents[2]
SYSTEMD = Path("/lib/systemd/systemd")

#: Of the units that systemd brings along, those that ours name; they do nothing.
_TARGETS = ("default", "basic", "sysinit", "shutdown", "multi-user", "network")
#: What has a service write into a file.
LOGGED = "[Service]\nStandardOutput=append:{log}.log\nStandardError=append:{log}.log\n"


class Machine:
    """Runs commands where systemd is process 1; the network is that of the tests."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def run(self, *command: str, check: bool = True) -> str:
        """What ``command`` prints."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._pid), "-m", "-p", "-C", "-i", "-u", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0 or not check, (command, done.stdout, self.logs())
        return done.stdout

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """What ``systemctl`` prints."""
        return self.run("systemctl", "--no-pager", *arguments, check=check)

    def property(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def log(self, name: str) -> str:
        """What a service has said."""
        return self.run("cat", f"/run/{name}.log", check=False)

    def logs(self) -> str:
        """What all services have said."""
        command = f"nsenter -t {self._pid} -m sh -c 'tail -n 30 /run/*.log'"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        return done.stdout


@contextmanager
def machine(units: Path, drop_ins: dict[str, str]) -> Iterator[Machine]:
    """A machine whose systemd runs.

    Parameters
    ----------
    units : an empty directory
    drop_ins : what is added to services and their templates, by their names
    """
    for target in _TARGETS:
        text = f"[Unit]\nDescription={target}\nDefaultDependencies=no\n"
        (units / f"{target}.target").write_text(text)
    for name, added in drop_ins.items():
        for at in ("", "@"):
            directory = units / f"{name}{at}.service.d"
            directory.mkdir()
            text = LOGGED.format(log=f"/run/{name}") + added
            (directory / "test.conf").write_text(text)
    script = str(Path(__file__).with_name("machine.sh"))
    namespaces = ["--pid", "--mount", "--mount-proc", "--cgroup", "--ipc", "--uts"]
    group = f"nestd-test-{secrets.token_hex(8)}"
    own_groups = _make_groups(group)
    own = ["unshare", "--fork", "--kill-child", *namespaces, "bash", script, str(units), group]
    with (units / "systemd.log").open("w") as log:
        outside = subprocess.Popen(
            ["sh", "-c", 'read -r _; exec "$@" </dev/null', "sh", *own],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    for directory in own_groups:
        (directory / "cgroup.procs").write_text(str(outside.pid))
    assert outside.stdin is not None
    outside.stdin.close()
    try:
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        pid = poll_until(lambda: children.read_text().strip(), DEADLINE_S)
        assert pid is not None
        found = Machine(int(pid))
        state = "--property=SystemState"
        running = poll_until(
            lambda: "running" in found.systemctl("show", state, check=False), DEADLINE_S
        )
        assert running, (units / "systemd.log").read_text()
        yield found
    finally:
        outside.kill()
        outside.wait(DEADLINE_S)
        # Groups that are empty, which those of a process that just ended are in a moment.
        assert poll_until(lambda: all(map(_remove_group, own_groups)), DEADLINE_S)


def _make_groups(name: str) -> list[Path]:
    """Make a control group of that name in each hierarchy of this machine that takes processes."""
    types = ("cgroup", "cgroup2")
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    # A group of cpusets takes no process before it has processors, and systemd has no use for it.
    made = [Path(m[1]) / name for m in mounts if m[2] in types and "cpuset" not in m[3].split(",")]
    for group in made:
        group.mkdir()
    return made


def _remove_group(group: Path) -> bool:
    """Remove a control group with all below it; whether it is gone."""
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            Path(directory).rmdir()
        except OSError:
            return False
    return True
