"""The units of systemd: valid, tightly shut, and alike where they have to be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "systemd"
NAMES = ["nestd", "nest-gateway"]
#: Highest exposure that systemd's own assessment may find, of 10.
EXPOSURE = {"nestd": 4.0, "nest-gateway": 2.5}

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """``install("--user")`` gives the directory below which everything is put."""

    def run(*arguments: str) -> Path:
        env = {**os.environ, "DESTDIR": str(tmp_path), "HOME": "/home/somebody"}
        env.pop("XDG_CONFIG_HOME", None)
        script = ROOT / "scripts" / "install-service"
        done = subprocess.run(
            [str(script), *arguments], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return tmp_path

    return run


def directives(unit: Path) -> list[str]:
    """Its lines but for comments."""
    return [line for line in unit.read_text().splitlines() if line and not line.startswith("#")]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("scope", "where"),
    [("system", "etc/systemd/system"), ("user", "home/somebody/.config/systemd/user")],
)
def test_installed_units_are_valid(install: Install, scope: str, where: str) -> None:
    below = install(*(["--user"] if scope == "user" else []), sys.prefix) / where
    units = sorted(below.iterdir())
    assert [unit.name for unit in units] == sorted(
        f"{name}{at}.service" for name in NAMES for at in ("", "@")
    )
    assert not any("@BIN@" in unit.read_text() for unit in units)
    done = analyze("verify", *map(str, units))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", ["", "@"])
def test_units_of_the_system_are_tightly_shut(install: Install, name: str, at: str) -> None:
    unit = install(sys.prefix) / "etc/systemd/system" / f"{name}{at}.service"
    threshold = str(int(EXPOSURE[name] * 10))
    done = analyze("security", "--offline=true", f"--threshold={threshold}", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE[name]
    assert done.returncode == 0


def test_removing_takes_away_what_installing_has_brought(install: Install) -> None:
    below = install(sys.prefix)
    install("--user", sys.prefix)
    (token,) = (below / "etc/nestd").glob("token")
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text().strip()) == 48
    # Settings and token of before are kept by an upgrade.
    before = token.read_text()
    install(sys.prefix)
    assert token.read_text() == before
    install("--remove")
    install("--remove", "--user")
    assert [path for path in below.rglob("*") if path.is_file()] == []


def test_template_is_the_unit_with_a_port_in_its_name(install: Install) -> None:
    below = install(sys.prefix) / "etc/systemd/system"
    for name, other in (("nestd", "After=nest-gateway"), ("nest-gateway", "Wants=nestd")):
        plain, template = (directives(below / f"{name}{at}.service") for at in ("", "@"))
        changed = [line for line in template if line not in plain]
        title = next(line for line in plain if line.startswith("Description="))
        assert changed == [
            f"{title} on port %i",
            f"{other}@%i.service",
            "Environment=NEST_SERVER_PORT=%i",
            "EnvironmentFile=-/etc/nestd/%i.env",
            "Environment=NEST_SERVER_DATA=%S/nestd/files-%i",
        ]
        assert len(template) == len(plain) + 1


@pytest.mark.parametrize("scope", ["system", "user"])
@pytest.mark.parametrize("name", NAMES)
def test_services_say_when_they_serve_and_are_watched(scope: str, name: str) -> None:
    found = directives(UNITS / scope / f"{name}.service")
    assert "Type=notify" in found
    assert any(line.startswith("WatchdogSec=") for line in found)
    # The supervisor stops its children in order; systemd kills what is left.
    assert "KillMode=mixed" in found


def test_settings_of_a_service_are_documented() -> None:
    named = re.findall(
        r"^#?(NEST_SERVER_\w+|NESTD_\w+)=", (UNITS / "nestd.env").read_text(), re.MULTILINE
    )
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert len(named) >= 4
    assert [name for name in named if f"`{name}`" not in page] == []


@pytest.mark.parametrize("scope", ["system", "user"])
def test_kernel_stops_before_the_gateway(scope: str) -> None:
    # Units stop in the reverse order of their start.
    assert "After=nest-gateway.service" in directives(UNITS / scope / "nestd.service")
    gateway = directives(UNITS / scope / "nest-gateway.service")
    assert not any(line.startswith("After=") and "nestd" in line for line in gateway)
