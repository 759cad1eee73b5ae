"""Services that systemd runs in a machine of their own: of the system, or of one user."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port
from tests.system.machines import LOGGED, ROOT, SYSTEMD, Machine, machine

INSTALL = str(ROOT / "scripts" / "install-service")
NAMES = ("nestd", "nest-gateway")
#: A user whose manager runs without a login.
USER = "nestd-user"
_HOME = f"/var/lib/{USER}"
_USER_MANAGER = f"""[Unit]
DefaultDependencies=no

[Service]
Type=notify
User={USER}
Delegate=yes
RuntimeDirectory={USER}
RuntimeDirectoryMode=0700
Environment=HOME={_HOME} XDG_RUNTIME_DIR=/run/{USER}
ExecStart={SYSTEMD} --user
KillMode=mixed
"""


class Installation:
    """Where services are installed, and the manager that they are told to.

    Parameters
    ----------
    where : the machine
    user : whose manager it is; the system's if there is none
    """

    def __init__(self, where: Machine, user: str | None = None) -> None:
        self.machine = where
        self._before: tuple[str, ...] = ()
        self._scope: tuple[str, ...] = ()
        self.settings = "/etc/nestd"
        self.runtime = "/run/nestd"
        self._logs = "/run"
        if user is not None:
            who = ("setpriv", "--reuid", user, "--regid", user, "--init-groups", "--reset-env")
            self._before = (*who, "env", f"HOME={_HOME}", f"XDG_RUNTIME_DIR=/run/{user}")
            self._scope = ("--user",)
            self.settings = f"{_HOME}/.config/nestd"
            self.runtime = f"/run/{user}/nestd"
            self._logs = f"/run/{user}"

    def run(self, *command: str, check: bool = True) -> str:
        """What ``command`` prints, run by whom the services are of."""
        return self.machine.run(*self._before, *command, check=check)

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """What ``systemctl`` prints."""
        return self.run("systemctl", *self._scope, "--no-pager", *arguments, check=check)

    def property(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def log(self, name: str) -> str:
        """What a service has said."""
        return self.run("cat", f"{self._logs}/{name}.log", check=False)

    def write(self, path: str, text: str) -> None:
        """Make a file."""
        script = 'mkdir -p "$(dirname "$1")"; printf %s "$2" >"$1"'
        self.run("sh", "-c", script, "sh", path, text)

    def processes(self, unit: str) -> dict[int, dict[str, str]]:
        """What ``/proc`` tells of the processes of a unit, by their pids in the machine."""
        group = self.property(unit, "ControlGroup")
        if not group:
            return {}
        pids = self.machine.run(
            "cat", f"/sys/fs/cgroup/systemd{group}/cgroup.procs", check=False
        ).split()
        found = {}
        for pid in (int(word) for word in pids if word.isdecimal()):
            shown = self.machine.run("cat", f"/proc/{pid}/status", check=False)
            lines = [line.split(":\t", 1) for line in shown.splitlines() if ":\t" in line]
            found[pid] = dict(lines)
        return found

    def install(self) -> None:
        """Install the services of this environment, with logs that tests read."""
        self.run(INSTALL, *self._scope, str(Path(sys.prefix)))
        if self._scope:
            for name in (f"{name}{at}" for name in NAMES for at in ("", "@")):
                drop_in = f"{_HOME}/.config/systemd/user/{name}.service.d/test.conf"
                log = f"{self._logs}/{name.rstrip('@')}"
                self.write(drop_in, LOGGED.format(log=log))
            self.systemctl("daemon-reload")

    def remove(self) -> None:
        """Take them away again."""
        self.run(INSTALL, *self._scope, "--remove")


@dataclass
class Service(Server):
    """A server that systemd has started."""

    installation: Installation | None = None
    #: What its units have after ``nestd`` and ``nest-gateway``.
    instance: str = ""

    @property
    def at(self) -> Installation:
        """Where it is installed."""
        assert self.installation is not None
        return self.installation

    @property
    def machine(self) -> Machine:
        """Where it runs."""
        return self.at.machine

    def unit(self, name: str) -> str:
        """One of its units."""
        return f"{name}{self.instance}"

    def connection_info(self) -> dict[str, Any]:
        """What nestd wrote into its connection file."""
        path = f"{self.at.runtime}/server-{self.port}/connection.json"
        info: dict[str, Any] = json.loads(self.at.run("cat", path))
        return info


@contextmanager
def installed(units: Path) -> Iterator[Installation]:
    """A machine on which the services of the system are installed, with a port of their own.

    Parameters
    ----------
    units : an empty directory
    """
    assert SYSTEMD.exists(), "scripts/test installs systemd"
    with machine(units, {"nestd": "WatchdogSec=10\n", "nest-gateway": ""}) as where:
        found = Installation(where)
        found.install()
        set_port(found)
        yield found
        found.remove()
        # Its reverse leaves nothing that systemd knows.
        assert "nest" not in found.systemctl("list-unit-files")
        assert found.run("ls", "-A", found.settings, check=False).count("No such file") == 1


def set_port(where: Installation) -> None:
    """Choose a port that is free for the services without one in their name."""
    where.run("sed", "-i", f"s/52425/{free_port()}/", f"{where.settings}/nestd.env")


@contextmanager
def user_manager(where: Machine, units: Path) -> Iterator[Installation]:
    """The services of a user, who has no rights and no login.

    Parameters
    ----------
    units : the directory of the machine's units
    """
    where.run("useradd", "--create-home", "--home-dir", _HOME, "--user-group", USER)
    _show_environment(where)
    (units / "user-manager.service").write_text(
        _USER_MANAGER + LOGGED.format(log="/run/user-manager")
    )
    where.systemctl("daemon-reload")
    where.systemctl("start", "user-manager")
    found = Installation(where, USER)
    found.install()
    set_port(found)
    yield found
    found.remove()
    assert "nest" not in found.systemctl("list-unit-files")
    where.systemctl("stop", "user-manager")


def _show_environment(where: Machine) -> None:
    """Have every account see the Python that runs this, though it may be in somebody's home."""
    home = Path.home()
    paths = {Path(sys.prefix), Path(sys.base_prefix), ROOT}
    shown = sorted(path for path in paths if path.is_relative_to(home))
    kept = [f"/run/kept-{number}" for number in range(len(shown))]
    for path, beside in zip(shown, kept, strict=True):
        where.run("mkdir", beside)
        where.run("mount", "--bind", str(path), beside)
    if shown:
        where.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(home))
    for path, beside in zip(shown, kept, strict=True):
        where.run("mkdir", "-p", str(path))
        where.run("mount", "--move", beside, str(path))


@contextmanager
def running(where: Installation, instance: str = "") -> Iterator[Service]:
    """Both services, running.

    Parameters
    ----------
    instance : of the templates, ``@PORT``
    """
    where.systemctl("reset-failed", check=False)
    # Only one is named: it wants the other.
    where.systemctl("start", f"nest-gateway{instance}")
    where.systemctl("start", f"nestd{instance}")
    port = instance[1:]
    if not port:
        settings = where.run("cat", f"{where.settings}/nestd.env").splitlines()
        (line,) = [line for line in settings if line.startswith("NEST_SERVER_PORT=")]
        port = line.partition("=")[2]
    token = where.run("cat", f"{where.settings}/token").strip()
    found = Service(Runtime(), int(port), token, installation=where, instance=instance)
    try:
        yield found
    finally:
        found.session.close()
        where.systemctl("stop", f"nest-gateway{instance}", f"nestd{instance}")
        found.runtime.remove()


def await_end(service: Service, unit: str) -> bool:
    """Whether no process of a unit is left soon."""
    return bool(poll_until(lambda: not service.at.processes(service.unit(unit)), DEADLINE_S))
