"""Hosts on one machine: namespaces of network, name and mounts, joined by a bridge.

This process is the switch: it has a network namespace of its own, with the bridge in it, so nothing
of the machine's network is touched, and all of it is gone with the process.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from protocol.process.polling import poll_until

_CLONE_NEWNET = 0x40000000
#: For tests of networks (RFC 2544).
NETWORK = "198.18.0"
SWITCH_ADDRESS = f"{NETWORK}.254"
_BRIDGE = "switch"
DEADLINE_S = 30.0

_SSHD = """
Port 22
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/client_key.pub
PidFile none
PermitRootLogin yes
StrictModes no
UsePAM no
PasswordAuthentication no
"""


def run(*command: str) -> None:
    """Run a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)


def become_switch() -> None:
    """Give this process a network of its own."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "tests of several hosts need root, or unshare -rnmu")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", _BRIDGE, "type", "bridge")
    run("ip", "addr", "add", f"{SWITCH_ADDRESS}/24", "dev", _BRIDGE)
    run("ip", "link", "set", _BRIDGE, "up")


@dataclass
class Host:
    """One host, which exists as long as its first process."""

    name: str
    address: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> str:
        """Of the switch, at which it is."""
        return f"to-{self.name}"

    @property
    def command(self) -> list[str]:
        """What runs a command there when put before it."""
        return ["nsenter", "-t", str(self.process.pid), "-n", "-u", "-m"]

    def cut(self) -> None:
        """Cut its cable; nobody is told."""
        run("ip", "link", "set", self.port, "down")

    def restore(self) -> None:
        """Mend it."""
        run("ip", "link", "set", self.port, "up")


class Hosts:
    """All hosts, which know each other by name.

    Parameters
    ----------
    names : of the hosts
    directory : for keys and lists
    """

    def __init__(self, names: list[str], directory: Path) -> None:
        self.directory = directory
        addresses = {name: f"{NETWORK}.{number}" for number, name in enumerate(names, 1)}
        lines = ["127.0.0.1 localhost", *(f"{at} {name}" for name, at in addresses.items())]
        (directory / "hosts").write_text("\n".join([*lines, ""]))
        self.hosts = {name: self._make(name, address) for name, address in addresses.items()}
        self._servers: list[subprocess.Popen[bytes]] = []

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def _make(self, name: str, address: str) -> Host:
        ready = self.directory / f"{name}.ready"
        script = (
            f"hostname {name} && mount --bind {self.directory}/hosts /etc/hosts "
            f"&& touch {ready} && exec sleep infinity"
        )
        process = subprocess.Popen(
            ["unshare", "--net", "--uts", "--mount", "--kill-child", "sh", "-c", script]
        )
        assert poll_until(ready.exists, DEADLINE_S)
        host = Host(name, address, process)
        pid = str(process.pid)
        run("ip", "link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", pid)
        run("ip", "link", "set", host.port, "master", _BRIDGE, "up")
        for command in (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "addr", "add", f"{address}/24", "dev", "eth0"),
            ("ip", "link", "set", "eth0", "up"),
        ):
            run(*host.command, *command)
        return host

    def serve_ssh(self) -> Path:
        """Have an sshd on every host; the client's key."""
        for name in ("host_key", "client_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.directory / name))
        config = self.directory / "sshd_config"
        config.write_text(_SSHD.format(directory=self.directory))
        # Of sshd's own, where no service has made it.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for host in self.hosts.values():
            command = [*host.command, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
            with (self.directory / f"sshd-{host.name}.log").open("wb") as output:
                self._servers.append(subprocess.Popen(command, stderr=output))
        return self.directory / "client_key"

    def close(self) -> None:
        """End all hosts."""
        for process in [*self._servers, *(host.process for host in self.hosts.values())]:
            process.kill()
            process.wait()
        for host in self.hosts.values():
            subprocess.run(["ip", "link", "del", host.port], capture_output=True, check=False)


def mpirun(hosts: Hosts, key: Path, names: list[str], variables: list[str]) -> list[str]:
    """The launcher of one rank on each of the hosts."""
    ssh = (
        f"-i {key} -o StrictHostKeyChecking=no -o UserKnownHostsFile={hosts.directory}/known "
        "-o LogLevel=ERROR"
    )
    command = ["mpirun", "-np", str(len(names)), "--host", ",".join(names), "--bind-to", "none"]
    command += ["--allow-run-as-root"] if os.geteuid() == 0 else []
    for name, value in {
        "plm_rsh_args": ssh,
        "btl": "tcp,self",
        "btl_tcp_if_include": "eth0",
        "oob_tcp_if_include": "eth0",
    }.items():
        command += ["--mca", name, value]
    for variable in variables:
        command += ["-x", variable]
    return command
