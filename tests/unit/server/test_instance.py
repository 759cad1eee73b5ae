"""The directory of a server that begins, and who may use it already."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nestd.server import instance
from nestd.server.instance import directory_for, find, make_instance
from nestd.server.settings import Part, ServerSettings
from protocol.errors import ConfigurationError
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo
from tests.unit.kernels import kernel_in


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(instance, "ENDING_DEADLINE_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def kernel(listener: socket.socket) -> ConnectionInfo:
    """A kernel that has its files where a server on the listener's port has: this process."""
    directory = directory_for(listener.getsockname()[1])
    directory.mkdir(mode=0o700)
    info = kernel_in()
    connection_file.write(directory / "connection.json", info)
    return info


@pytest.mark.parametrize("part", [Part.BOTH, Part.KERNEL])
def test_no_second_kernel_takes_the_files_of_one_that_runs(
    listener: socket.socket, kernel: ConnectionInfo, part: Part
) -> None:
    port = listener.getsockname()[1]
    settings = ServerSettings(ports=(port,), part=part)
    with pytest.raises(ConfigurationError, match=f"process {os.getpid()}.*-p PORT"):
        make_instance(settings, [listener] if part is Part.BOTH else [])
    assert connection_file.read(directory_for(port) / "connection.json") == kernel


def test_gateway_comes_to_a_kernel_that_runs(
    listener: socket.socket, kernel: ConnectionInfo
) -> None:
    settings = ServerSettings(ports=(listener.getsockname()[1],), part=Part.GATEWAY)
    made = make_instance(settings, [listener])
    assert connection_file.read(made.connection_file) == kernel


def test_what_a_killed_server_has_left_goes(
    listener: socket.socket, kernel: ConnectionInfo
) -> None:
    port = listener.getsockname()[1]
    # A process of that number that began at another time.
    left = replace(kernel, start_ticks=kernel.start_ticks + 1)
    connection_file.write(directory_for(port) / "connection.json", left)
    made = make_instance(ServerSettings(ports=(port,)), [listener])
    assert not made.connection_file.exists()
    assert made.is_running()


def test_data_directory_is_made_and_found_again(listener: socket.socket, tmp_path: Path) -> None:
    port = listener.getsockname()[1]
    made = make_instance(ServerSettings(ports=(port,)), [listener])
    assert (made.data, (made.directory / "data").is_dir()) == (None, True)
    made = make_instance(ServerSettings(ports=(port,), data=tmp_path / "mine"), [listener])
    assert ((tmp_path / "mine").is_dir(), (made.directory / "data").exists()) == (True, False)
    assert [server.data for server in find(port)] == [tmp_path / "mine"]
    (tmp_path / "mine").chmod(0o777)
    with pytest.raises(ConfigurationError, match="NEST_SERVER_DATA"):
        make_instance(ServerSettings(ports=(port,), data=tmp_path / "mine"), [listener])
