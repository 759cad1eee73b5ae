"""Runtime directory: whose it may be, what mode it keeps, and what is removed from it."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from protocol.errors import ConfigurationError
from protocol.runtime.paths import RuntimeDirectory, directory_problem, make_private

USER, OTHER = 1000, 1001


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def status(permissions: int, user: int, kind: int = stat.S_IFDIR) -> os.stat_result:
    """What the system says of a directory, or of another kind of file."""
    return os.stat_result((kind | permissions, 0, 0, 1, user, user, 0, 0, 0, 0))


def test_directory_is_made_private_with_its_parents(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        assert make_private(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


@pytest.mark.parametrize("permissions", [0o700, 0o750, 0o755, 0o2755])
def test_directory_of_the_user_keeps_its_mode(tmp_path: Path, permissions: int) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(permissions)
    assert RuntimeDirectory.of(home / "x.json").make().connection_file == home / "x.json"
    assert mode(home) == permissions


@pytest.mark.parametrize("permissions", [0o1777, 0o777, 0o775, 0o2770])
def test_directory_that_others_can_write_to_is_refused_and_left_as_it_is(
    tmp_path: Path, permissions: int
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(permissions)
    with pytest.raises(ConfigurationError, match=r"others can write to it.*NESTD_RUNTIME_DIR"):
        make_private(shared)
    assert mode(shared) == permissions
    assert list(shared.iterdir()) == []


def test_link_of_the_user_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    link = tmp_path / "link"
    link.symlink_to(target)
    assert make_private(link) == link
    assert mode(target) == 0o755


def test_file_and_link_to_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "missing")
    for unusable in (path, path / "below", link):
        with pytest.raises(ConfigurationError, match="NESTD_RUNTIME_DIR"):
            make_private(unusable)
    assert not (tmp_path / "missing").exists()


def test_directory_and_link_belong_to_the_user_or_to_root() -> None:
    own, of_root, foreign = (status(0o755, user) for user in (USER, 0, OTHER))
    for itself in (own, of_root):
        for target in (own, of_root):
            assert directory_problem(itself, target, USER) is None
    for itself, target in ((foreign, own), (own, foreign), (foreign, foreign)):
        assert directory_problem(itself, target, USER) == (
            f"it belongs to user {OTHER}, not to user {USER}"
        )
    assert directory_problem(own, status(0o755, USER, stat.S_IFREG), USER) == "it is no directory"
    assert directory_problem(of_root, status(0o1777, 0), USER) == "others can write to it"


def test_directory_of_the_user_is_the_named_one_then_that_of_the_session_then_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tmp_path / "session"
    session.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(tmp_path / "chosen"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    assert RuntimeDirectory.of_user().path == tmp_path / "chosen"
    monkeypatch.delenv("NESTD_RUNTIME_DIR")
    assert RuntimeDirectory.of_user().path == session / "nestd"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    assert RuntimeDirectory.of_user().path == tmp_path / f"nestd-{os.getuid()}"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert RuntimeDirectory.of_user().path == tmp_path / f"nestd-{os.getuid()}"
    assert mode(RuntimeDirectory.of_user().path) == 0o700


def test_servers_are_found_by_their_directories(tmp_path: Path) -> None:
    user = RuntimeDirectory(tmp_path)
    servers = {user.server(port) for port in (5000, 5001)}
    for server in servers:
        server.make()
    user.server_log(5000).touch()
    assert set(user.servers()) == servers


def test_files_of_each_kernel_have_names_of_their_own(tmp_path: Path) -> None:
    server = RuntimeDirectory(tmp_path)
    names = [
        name(generation)
        for generation in ("0a1b", "0a1c")
        for name in (
            server.commands_socket,
            server.events_socket,
            server.ranks_socket,
            server.zap_requests_socket,
            server.failed_handshakes_socket,
            server.status,
            server.rank_activity,
            server.rejected_connections,
        )
    ]
    assert len(set(names)) == len(names)
    assert {path.parent for path in names} == {tmp_path, server.kernel_directory}


def test_what_is_removed_of_a_kernel_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    server = RuntimeDirectory(tmp_path, "x.json")
    kernel = [server.connection_file, server.commands_socket("1"), server.ranks_socket("1")]
    kernel += [server.events_socket("2"), server.status("1"), server.rank_activity("2")]
    instance = [server.instance_file, server.token_file]
    reports = [server.exit_file, server.crash_report]
    server.make_kernel_directory()
    assert mode(server.kernel_directory) == 0o700
    for path in (*kernel, *instance, *reports, tmp_path / "notes.txt"):
        path.touch()
    server.jobs.mkdir()
    server.remove_kernel()
    left = {path for path in tmp_path.rglob("*") if path != server.kernel_directory}
    assert left == {*instance, *reports, server.jobs, tmp_path / "notes.txt"}
    server.remove_reports()
    server.remove_instance()
    assert set(tmp_path.iterdir()) == {server.jobs, tmp_path / "notes.txt"}


def test_directory_is_cleared_but_never_what_a_link_leads_to(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "kept").touch()
    link = tmp_path / "server-1"
    link.symlink_to(target)
    RuntimeDirectory(link).clear()
    server = RuntimeDirectory(tmp_path / "server-2").make()
    (server.path / "link").symlink_to(target)
    server.jobs.mkdir()
    server.token_file.touch()
    server.clear()
    assert list(server.path.iterdir()) == []
    assert (target / "kept").exists()
    server.remove()
    assert not server.path.exists()


def test_directories_in_place_of_the_files_of_a_kernel_are_removed(tmp_path: Path) -> None:
    """Code in a kernel can make them, and must not end the supervisor, which clears up."""
    files = RuntimeDirectory(tmp_path)
    for remove in (files.remove_kernel, lambda: files.remove_kernel_files("g1")):
        files.make_kernel_directory()
        for path in (files.commands_socket("g1"), files.interface("g1"), files.crash_report):
            (path / "within").mkdir(parents=True)
        remove()
        files.remove_reports()
        assert not files.kernel_directory.exists()


def test_directories_too_deep_for_python_end_nobody(tmp_path: Path) -> None:
    files = RuntimeDirectory(tmp_path)
    files.make_kernel_directory()
    here = os.open(files.kernel_directory, os.O_RDONLY)
    name = files.crash_report.name
    for _ in range(3000):
        os.mkdir(name, dir_fd=here)
        within = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = within
    os.close(here)
    files.remove_reports()
    # The next server on the port begins with this.
    files.clear()
    subprocess.run(["rm", "-rf", files.crash_report], check=True)
