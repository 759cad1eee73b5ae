"""Checks of what could keep a server from starting or from being quick here.

Each check returns findings with what to do about them; none changes anything.
"""

from __future__ import annotations

import enum
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nestd.confinement.probe import landlock_problem
from nestd.scripts.sandbox.seccomp import REMEDY, seccomp_problem
from nestd.server import instance
from nestd.server.listeners import open_listeners
from protocol.errors import ConfigurationError, PortTaken
from protocol.process.identity import python_command
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import check_socket_path

#: How long NEST may take to be imported.
PROBE_DEADLINE_S = 120.0
#: The module that the command ``nest-server`` of this project starts.
_OWN_COMMAND = "nestd.server.cli"

PackageProbe = Callable[[str], dict[str, Any]]


class Level(enum.Enum):
    """Severity of a finding."""

    OK = "ok"
    #: The server works, but not as well as it could.
    NOTE = "note"
    #: The server does not work as wanted.
    PROBLEM = "PROBLEM"


@dataclass(frozen=True)
class Finding:
    """Result of a check."""

    #: What was checked.
    label: str
    level: Level
    #: Text for a person, in one line.
    found: str
    #: What to do; empty if nothing is to be done.
    advice: str = ""


@dataclass(frozen=True)
class WantedServer:
    """Server that is to be checked."""

    host: str
    ports: tuple[int, ...]
    ranks: int
    #: Threads of each rank.
    threads: int


def probe_package(name: str) -> dict[str, Any]:
    """Return what ``nestd.server.doctor.probe`` reports about ``nest`` or ``mpi``.

    The facts have ``problem`` if the package can't be imported.
    """
    try:
        done = subprocess.run(
            python_command("nestd.server.doctor.probe", name),
            capture_output=True,
            text=True,
            timeout=PROBE_DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"its import takes longer than {PROBE_DEADLINE_S:.0f} s"}
    if done.returncode == 0:
        facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return facts
    lines = (done.stderr or done.stdout).strip().splitlines()
    return {"problem": lines[-1] if lines else f"its import ends with {done.returncode}"}


def check(wanted: WantedServer, probe: PackageProbe = probe_package) -> list[Finding]:
    """Run all checks, and return their findings.

    Parameters
    ----------
    wanted : the server
    probe : returns facts about ``nest`` and ``mpi``
    """
    nest = probe("nest")
    found = [python(sys.version_info[:3]), simulator(nest)]
    if wanted.ranks > 1 or nest.get("mpi"):
        found += mpi(wanted, nest, probe("mpi"), shutil.which("mpirun") or shutil.which("mpiexec"))
    found += [
        command(shutil.which("nest-server")),
        *ports(wanted),
        directory(),
        seccomp(seccomp_problem()),
        landlock(landlock_problem()),
        cores(wanted, len(os.sched_getaffinity(0))),
    ]
    return found


def python(version: tuple[int, ...]) -> Finding:
    """Check whether this Python is new enough."""
    named = f"{platform.python_implementation()} {'.'.join(map(str, version))}, {sys.prefix}"
    if version < (3, 10):
        return Finding("Python", Level.PROBLEM, named, "use Python 3.10 or newer")
    return Finding("Python", Level.OK, named)


def simulator(nest: dict[str, Any]) -> Finding:
    """Check whether NEST is installed, and what it was built with."""
    if "problem" in nest:
        advice = "pip install nest-simulator, or load the module of your cluster; with MPI: "
        advice += "scripts/install-nest-mpi"
        return Finding("NEST", Level.PROBLEM, f"can't be imported: {nest['problem']}", advice)
    has = ", ".join(
        f"{'with' if nest[name] else 'without'} {title}"
        for name, title in (("mpi", "MPI"), ("threads", "threads"), ("gsl", "GSL"))
    )
    missing = {
        "threads": "no simulation can use more than one core of a rank",
        "gsl": "models with conductances (iaf_cond_*, aeif_*, hh_*) are missing",
    }
    lacks = [why for name, why in missing.items() if not nest[name]]
    advice = f"{'; '.join(lacks)}: build NEST with them" if lacks else ""
    return Finding("NEST", Level.NOTE if lacks else Level.OK, f"{nest['version']}, {has}", advice)


def mpi(
    wanted: WantedServer, nest: dict[str, Any], mpi4py: dict[str, Any], launcher: str | None
) -> list[Finding]:
    """Check whether NEST, mpi4py and the launcher use the same MPI."""
    # On one rank what is missing is not needed.
    level = Level.PROBLEM if wanted.ranks > 1 else Level.NOTE
    install = "scripts/install-nest-mpi installs NEST with MPI, mpi4py and says what else"
    found = []
    if "problem" not in nest and not nest["mpi"]:
        text = f"NEST has none, so {wanted.ranks} ranks would be {wanted.ranks} networks"
        found.append(Finding("MPI", level, text, install))
    if launcher is None:
        found.append(Finding("MPI launcher", level, "there is no mpirun or mpiexec", install))
    else:
        found.append(Finding("MPI launcher", Level.OK, launcher))
    if "problem" in mpi4py:
        text = f"can't be imported: {mpi4py['problem']}"
        found.append(Finding("mpi4py", level, text, "pip install mpi4py"))
        return found
    ours, nests = _real(mpi4py["libraries"]), _real(nest.get("libraries", []))
    text = f"{mpi4py['version']} ({', '.join(ours) or 'no library found'})"
    if nests and ours and set(ours) != set(nests):
        text += f", but NEST uses {', '.join(nests)}"
        advice = "build mpi4py for the MPI of NEST: pip install --force-reinstall --no-binary "
        found.append(Finding("mpi4py", level, text, advice + "mpi4py mpi4py"))
    else:
        found.append(Finding("mpi4py", Level.OK, text))
    return found


def _real(paths: list[str]) -> list[str]:
    return sorted({str(Path(path).resolve()) for path in paths})


def command(path: str | None) -> Finding:
    """Check whether ``nest-server`` is the command of this project."""
    if path is None:
        text = "there is no nest-server on the path"
        advice = f"activate the environment: . {sys.prefix}/bin/activate"
        return Finding("Command", Level.NOTE, text, advice)
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return Finding("Command", Level.NOTE, f"{path} can't be read: {error.strerror}")
    if _OWN_COMMAND not in text:
        text = f"{path} belongs to another package, probably to NEST's own"
        advice = "install this project last: pip install --force-reinstall --no-deps nestd; or "
        return Finding("Command", Level.PROBLEM, text, advice + f"call python -m {_OWN_COMMAND}")
    if Path(path).resolve().parent != Path(sys.executable).parent.resolve():
        own = Path(sys.executable).parent
        text = f"{path} is of another environment than this one in {own.parent}"
        advice = f"activate the environment that is meant: . {own}/activate"
        return Finding("Command", Level.NOTE, text, advice)
    return Finding("Command", Level.OK, path)


def ports(wanted: WantedServer) -> list[Finding]:
    """Check whether the ports are free, or used by a server of this user."""
    own = {port for server in instance.running() for port in server.ports}
    findings, usable = [], False
    for port in wanted.ports:
        label = f"Port {port}"
        if port in own:
            text = "used by a server of yours that runs, which nest-server status shows"
            advice = f"nest-server stop -p {port} ends that; start another beside it with -p PORT"
            findings.append(Finding(label, Level.NOTE, text, advice))
            continue
        try:
            for listener in open_listeners(wanted.host, (port,))[0]:
                listener.close()
        except PortTaken:
            text = f"taken by another program, or not allowed to this user, on {wanted.host}"
            advice = f"ss -ltnp 'sport = :{port}' shows by which; choose another with -p PORT"
            findings.append(Finding(label, Level.NOTE, text, advice))
        except (ConfigurationError, socket.gaierror) as error:
            advice = "choose an address of this machine with -h HOST"
            findings.append(Finding(label, Level.PROBLEM, str(error), advice))
        else:
            usable = True
            findings.append(Finding(label, Level.OK, f"free on {wanted.host}"))
    if not usable:
        # One usable port is enough.
        findings = [
            replace(finding, level=Level.PROBLEM) if finding.advice else finding
            for finding in findings
        ]
    return findings


def directory() -> Finding:
    """Check whether the runtime directory is private, and short enough for the names of sockets."""
    label = "Directory"
    try:
        user = RuntimeDirectory.of_user()
        # The longest of all names.
        check_socket_path(user.server(65535).events_socket("0" * 8))
    except ConfigurationError as error:
        return Finding(label, Level.PROBLEM, error.message, "set NESTD_RUNTIME_DIR")
    return Finding(label, Level.OK, f"{user.path}, private to you")


def seccomp(problem: str | None) -> Finding:
    """Check whether the system confines scripts (seccomp)."""
    if problem is None:
        return Finding("Scripts", Level.OK, "confined by Python and by the system (seccomp)")
    text = f"off, as the system can't confine them: {problem}"
    return Finding("Scripts", Level.NOTE, text, f"{REMEDY[0].lower()}{REMEDY[1:-1]}")


def landlock(problem: str | None) -> Finding:
    """Check whether the system confines the kernel (Landlock)."""
    if problem is None:
        text = "confined by the system (Landlock): reads and writes its own files alone"
        return Finding("Kernel", Level.OK, text)
    text = f"reads and writes all files of this account: {problem}"
    advice = "use an account of its own for the server, a container or the systemd unit; or boot "
    advice += "with landlock among lsm= (cat /sys/kernel/security/lsm)"
    return Finding("Kernel", Level.NOTE, text, advice)


def cores(wanted: WantedServer, available: int) -> Finding:
    """Check whether there are enough cores for all ranks and threads."""
    used = wanted.ranks * wanted.threads
    text = f"{available} for {wanted.ranks} rank(s) x {wanted.threads} thread(s)"
    if used > available:
        advice = f"ranks x threads of at most {available}; more wait for each other"
        return Finding("Cores", Level.NOTE, text, advice)
    return Finding("Cores", Level.OK, text)


def report(findings: list[Finding]) -> str:
    """Return the findings as text for a person."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level.value:8} {finding.label:13} {finding.found}")
        if finding.advice:
            lines.append(f"{'':8} {'':13} -> {finding.advice}")
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    lines.append(f"{problems} problem(s)." if problems else "A server can start here.")
    return "\n".join(lines)
