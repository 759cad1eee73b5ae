"""Where a server finds NEST Desktop, and who it serves it to."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import from_environment
from nestd.server.desktop_files import desktop_files
from nestd.server.settings import Flags, ServerSettings, build
from protocol.errors import ConfigurationError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package like that of NEST Desktop; gives the directory of its files."""
    files = tmp_path / "nest_desktop" / "app"
    files.mkdir(parents=True)
    (files / "index.html").touch()
    # Its own module is a server; nobody should run it.
    (tmp_path / "nest_desktop" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    return files


def test_flag_or_variable_finds_the_files_without_running_the_package(installed: Path) -> None:
    assert desktop_files() == installed
    assert build(Flags(desktop=True), {}).desktop == installed
    assert build(Flags(), {"NEST_SERVER_DESKTOP": "yes"}).desktop == installed
    assert build(Flags(), {"NEST_SERVER_DESKTOP": "0"}).desktop is None
    assert build(Flags(), {}).desktop is None


def test_files_reach_a_server_in_the_background(installed: Path) -> None:
    settings = build(Flags(desktop=True), {})
    assert ServerSettings.from_json(settings.to_json()) == settings


def test_package_without_its_files_is_none(installed: Path) -> None:
    (installed / "index.html").unlink()
    with pytest.raises(ConfigurationError, match="install it with pip install"):
        desktop_files()


def test_what_is_missing_is_said_with_all_else_that_is_wrong() -> None:
    with pytest.raises(
        ConfigurationError, match=r"NEST Desktop is not installed.*NEST_SERVER_QUEUE"
    ):
        build(Flags(desktop=True), {"NEST_SERVER_QUEUE_LIMIT": "many"})


def test_gateway_serves_it_only_where_it_is_told(tmp_path: Path) -> None:
    variables = {
        "NESTD_INSTANCE_DIR": str(tmp_path),
        "NEST_SERVER_ACCESS_TOKEN": "0123456789abcdef",
    }
    assert from_environment(variables | {"NESTD_DESKTOP_DIR": "/files"}).desktop == Path("/files")
    # As the supervisor has it in its own environment, and may not have found it.
    assert from_environment(variables | {"NEST_SERVER_DESKTOP": "1"}).desktop is None
