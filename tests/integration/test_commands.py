"""The command nest-server: what each subcommand prints, leaves, and exits with."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from protocol.process.polling import poll_until
from tests.integration.pending import await_new_kernel, processes
from tests.integration.servers import (
    DEADLINE_S,
    Runtime,
    Server,
    Start,
    free_port,
    marked_processes,
)
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("commands.txt"))


SUBCOMMANDS = ["start", "stop", "restart", "status", "log", "token", "kernel", "gateway", "doctor"]


def loopback_address() -> str:
    """An address of this machine on which no other test listens."""
    return f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(2, 255)}"


@contextlib.contextmanager
def foreign_listener(host: str, port: int = 0) -> Iterator[int]:
    """Another program that listens; gives its port."""
    with socket.create_server((host, port)) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def console(
    runtime: Runtime, tmp_path: Path, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], str]]]:
    """``nest-server`` in the foreground; gives it and ``await_text``, which returns its output."""
    path = tmp_path / "console.txt"
    with path.open("w") as output:
        process = runtime.popen(*arguments, env=env, stdout=output, stderr=subprocess.STDOUT)

    def await_text(text: str) -> str:
        found = poll_until(
            lambda: path.read_text() if text in path.read_text() else None, DEADLINE_S
        )
        assert found, (text, path.read_text())
        return found

    try:
        yield process, await_text
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_every_command_explains_itself_and_its_exit_codes(runtime: Runtime, command: str) -> None:
    done = runtime.run(command, "--help")
    assert done.returncode == 0
    assert f"{command} [OPTIONS]" in done.stdout
    assert "Exit codes: 0 success" in done.stdout


def test_help_lists_all_commands(runtime: Runtime) -> None:
    done = runtime.run("--help")
    assert done.returncode == 0
    assert set(SUBCOMMANDS) <= set(re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "env", "code", "sentence"),
    ROWS["what can not be done is one sentence and an exit code"],
)
def test_what_can_not_be_done_is_one_sentence_and_an_exit_code(
    runtime: Runtime, arguments: list[str], env: dict[str, str], code: int, sentence: str
) -> None:
    # Another program may have the default ports, which only starts look at.
    port = {"NEST_SERVER_PORT": str(free_port())} if arguments[0] == "start" else {}
    done = runtime.run(*arguments, env=port | env)
    assert done.returncode == code
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code != 2:
        assert len(done.stderr.splitlines() or done.stdout.splitlines()) == 1


def test_commands_lead_a_server_through_its_life(
    start: Start, runtime: Runtime, tmp_path: Path
) -> None:
    server = start()
    port = str(server.port)
    assert runtime.run("token").stdout.strip() == server.token

    told = runtime.run("status")
    assert told.returncode == 0
    assert server.url in told.stdout
    assert "idle" in told.stdout
    (status,) = json.loads(runtime.run("status", "--json", "-p", port).stdout)
    assert (status["urls"], status["ports"]) == ([server.url], [server.port])
    assert (status["state"], status["mpi"], status["ranks"]) == ("idle", False, 1)
    assert status["generation"] == server.connection_info()["generation"]
    assert [status["pid"]] == processes(server, "nestd.server.background")
    assert server.token not in json.dumps(status)

    with console(runtime, tmp_path, "log") as (process, await_text):
        assert "Preparing 1 node" not in await_text("msg=ready")
        server.call("Create", ["iaf_psc_alpha"])
        server.call("Simulate", [1.0])
        # The log is followed as it grows.
        await_text("Preparing 1 node for simulation")
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE_S)

    done = runtime.run("restart")
    assert done.returncode == 0, done.stderr
    assert server.url in done.stdout
    assert runtime.run("token", "-p", port).stdout.strip() == server.token
    (restarted,) = json.loads(runtime.run("status", "--json").stdout)
    assert restarted["ports"] == status["ports"]
    assert restarted["generation"] != status["generation"]
    # Another kernel, with an empty network.
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]

    server.session.close()
    done = runtime.run("stop")
    assert (done.returncode, done.stdout) == (0, f"NEST Server at {server.url} has stopped.\n")
    assert runtime.leftovers() == []
    assert runtime.run("stop", "-p", port).returncode == 3
    # The log stays, for those who ask why.
    assert 'msg="NEST Server has stopped"' in runtime.run("log", "-p", port, "--no-follow").stdout
    assert len(runtime.run("log", "-p", port, "--no-follow", "-l", "1").stdout.splitlines()) == 1


def test_doctor_examines_this_very_environment(runtime: Runtime) -> None:
    port = str(free_port())
    done = runtime.run("doctor", "-p", port)
    assert (done.returncode, done.stderr) == (0, "")
    assert "NEST          3." in done.stdout
    assert f"Port {port}" in done.stdout
    assert done.stdout.endswith("A server can start here.\n")
    # The NEST of these tests has no MPI.
    done = runtime.run("doctor", "-p", port, "-n", "2")
    assert done.returncode == 1
    assert "2 ranks would be 2 networks" in done.stdout
    assert done.stdout.endswith("problem(s).\n")


def test_ctrl_c_ends_a_server_in_the_foreground_with_exit_code_0(
    runtime: Runtime, tmp_path: Path
) -> None:
    port = free_port()
    with console(runtime, tmp_path, "start", "-p", str(port)) as (process, await_text):
        said = await_text("Press Ctrl-C to stop.")
        assert f"NEST Server is now running at http://127.0.0.1:{port}." in said
        assert f"  Page          http://127.0.0.1:{port}/\n" in said
        token = runtime.run("token").stdout.strip()
        # Not on a terminal: this may be anybody's log.
        assert token not in said
        assert "nest-server token" in said
        assert "stopped" not in said
        reply = requests.get(
            f"http://127.0.0.1:{port}/api/biological_time",
            headers={"NESTServerAuth": token},
            timeout=DEADLINE_S,
        )
        assert reply.json() == 0.0
        # Impatient users press it twice.
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
        said = await_text("running")
        assert said.endswith("Press Ctrl-C to stop.\nNEST Server has stopped.\n")
        # Nothing is left by then, and the log says so, too.
        assert runtime.leftovers() == []
        log = (runtime.directory / f"nest-server-{port}.log").read_text()
        assert log.rstrip().endswith('msg="NEST Server has stopped"')
        assert "Traceback" not in said
        assert "Aborted" not in said


def test_kernel_comes_back_also_when_the_console_is_gone(runtime: Runtime) -> None:
    port = free_port()
    with runtime.popen(
        "start", "-p", str(port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert process.stdout is not None
            assert any("Press Ctrl-C" in line for line in process.stdout)
            process.stdout.close()
            server = Server(runtime, port, runtime.run("token").stdout.strip())
            info = server.connection_info()
            os.kill(info["pid"], signal.SIGKILL)
            await_new_kernel(server, info["generation"])
            process.terminate()
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


def test_terminal_shows_the_token_once_with_links_and_nests_output_with_o(runtime: Runtime) -> None:
    port = free_port()
    terminal, other_end = os.openpty()
    os.set_blocking(terminal, False)
    screen = bytearray()

    def shows(pattern: str) -> re.Match[str] | None:
        with contextlib.suppress(BlockingIOError, OSError):
            screen.extend(os.read(terminal, 65_536))
        return re.search(pattern, screen.decode())

    with runtime.popen(
        "start", "-o", "-p", str(port), stdout=other_end, stderr=other_end
    ) as process:
        try:
            os.close(other_end)
            assert poll_until(lambda: shows("Press Ctrl-C to stop."), DEADLINE_S), screen
            found = shows(r"Access token +([0-9a-f]{32,})\s")
            assert found
            token = found[1]
            # Behind "#" it is sent to nobody.
            assert shows(rf"Page +http://127.0.0.1:{port}/#token={token}\s")
            assert shows(
                rf"NEST Desktop +http://127.0.0.1:54286/#/nest\?"
                rf"nest_server_url=http%3A%2F%2F127.0.0.1%3A{port}"
                rf"&nest_server_access_token={token}\s"
            )
            headers = {"NESTServerAuth": token}
            url = f"http://127.0.0.1:{port}/api"
            for call, body in (("Create", ["iaf_psc_alpha"]), ("Simulate", [1.0])):
                requests.post(f"{url}/{call}", json=body, headers=headers, timeout=DEADLINE_S)
            assert poll_until(lambda: shows("Preparing 1 node for simulation"), DEADLINE_S), screen
            process.send_signal(signal.SIGINT)
            ended = poll_until(lambda: (shows("$"), process.poll() is not None)[1], DEADLINE_S)
            assert ended
            assert process.returncode == 0
            shows("$")
            assert screen.decode().endswith("\r\nNEST Server has stopped.\r\n")
            assert screen.decode().count(token) == 3
        finally:
            process.terminate()
            os.close(terminal)


def test_variables_choose_as_flags_do_and_no_secret_leaks(runtime: Runtime, tmp_path: Path) -> None:
    host, port, log_file = loopback_address(), free_port(), tmp_path / "elsewhere.log"
    token = "a-token-of-my-own"
    env = {
        "NEST_SERVER_HOST": host,
        "NEST_SERVER_PORT": str(port),
        "NEST_SERVER_DAEMON": "Yes",
        "NEST_SERVER_LOGFILE": str(log_file),
        "NEST_SERVER_ACCESS_TOKEN": token,
        "NEST_SERVER_STDOUT": "1",
    }
    done = runtime.run("start", env=env)
    try:
        assert done.returncode == 0, done.stderr
        assert token not in done.stdout
        server = Server(runtime, port, token)
        url = f"http://{host}:{port}"
        assert url in done.stdout
        for sent, status in (({}, 403), ({"NESTServerAuth": token}, 200)):
            for path in ("/", "/api/biological_time", f"/api/nothing?args={'x' * 20}"):
                reply = requests.get(url + path, headers=sent, timeout=DEADLINE_S)
                assert reply.status_code == (404 if status == 200 and "nothing" in path else status)
        with socket.socket() as probe:
            # The chosen address only.
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        assert runtime.run("token").stdout.strip() == token

        pids = marked_processes(runtime.mark)
        # Supervisor, nestd, gateway, and who writes the log, keeps the files, starts programs.
        assert len(pids) == 6
        for pid in pids:
            assert token.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
            assert token.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        assert len(processes(server, "nestd.cli")) == 1
        assert "msg=ready" in log_file.read_text()
        assert token not in log_file.read_text()

        for path in [runtime.directory, log_file, *runtime.directory.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path
    finally:
        assert runtime.run("stop").returncode == 0


def test_without_authentication_anyone_may_call_and_the_user_is_warned(runtime: Runtime) -> None:
    port = free_port()
    done = runtime.run("start", "-d", "-p", str(port), env={"NEST_SERVER_DISABLE_AUTH": "true"})
    try:
        assert done.returncode == 0, done.stderr
        assert "WARNING: authentication is off." in done.stdout
        reply = requests.get(f"http://127.0.0.1:{port}/api/biological_time", timeout=DEADLINE_S)
        assert (reply.status_code, reply.json()) == (200, 0.0)
        assert runtime.run("token").returncode == 1
        assert "authentication is off" in runtime.run("status").stdout

        again = runtime.run("start", "-d", "-p", str(port))
        assert again.returncode == 4
        assert f"Port {port} on 127.0.0.1 is taken by a server of your own" in again.stderr
        # The one that has it was not disturbed.
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=DEADLINE_S).ok
    finally:
        assert runtime.run("stop").returncode == 0


@pytest.mark.parametrize("where", [[], ["-d"]], ids=["foreground", "background"])
def test_port_of_another_program_is_refused_with_exit_code_4(
    runtime: Runtime, where: list[str]
) -> None:
    with foreign_listener("127.0.0.1") as port:
        done = runtime.run("start", *where, "-p", str(port))
    assert done.returncode == 4
    (sentence,) = done.stderr.splitlines()
    assert f"Port {port} on 127.0.0.1 is taken by another program." in sentence


def test_default_ports_are_both_and_a_taken_one_is_reported_and_left_out(runtime: Runtime) -> None:
    host = loopback_address()
    env = {"NEST_SERVER_HOST": host}
    with foreign_listener(host, 52425):
        done = runtime.run("start", "-d", env=env)
    try:
        assert done.returncode == 0, done.stderr
        assert f"Port 52425 on {host} is taken by another program." in done.stdout
        assert f"now running at http://{host}:5000.\n" in done.stdout
        assert requests.get(f"http://{host}:5000/healthz", timeout=DEADLINE_S).ok
    finally:
        assert runtime.run("stop").returncode == 0

    done = runtime.run("start", "-d", env=env)
    try:
        assert done.returncode == 0, done.stderr
        assert f"http://{host}:52425 and http://{host}:5000." in done.stdout
        for port in (52425, 5000):
            assert requests.get(f"http://{host}:{port}/healthz", timeout=DEADLINE_S).ok
        assert runtime.run("start", "-d", env=env).returncode == 4
        # Either of its ports names it.
        assert runtime.run("status", "-p", "5000").returncode == 0
    finally:
        assert runtime.run("stop", "-p", "5000").returncode == 0


def test_several_servers_have_to_be_told_apart(start: Start, runtime: Runtime) -> None:
    first, second = start(), start()
    done = runtime.run("stop")
    assert done.returncode == 1
    assert str(first.port) in done.stderr
    assert str(second.port) in done.stderr
    first.call("Create", ["iaf_psc_alpha", 3])
    assert second.call("Create", ["iaf_psc_alpha"]) == [1]
    second.stop()
    assert first.call("GetKernelStatus", ["network_size"]) == 3


def test_runtime_directory_that_others_can_write_to_is_refused(
    runtime: Runtime, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    done = runtime.run("start", "-d", env={"NESTD_RUNTIME_DIR": str(shared)})
    assert done.returncode == 78
    (sentence,) = done.stderr.splitlines()
    assert f"can't keep private files in {shared}: " in sentence
    assert list(shared.iterdir()) == []


def test_missing_nest_is_a_sentence_and_exit_code_5(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "nest").mkdir()
    (tmp_path / "nest" / "__init__.py").write_text(
        "raise ImportError('libnest.so: cannot open shared object file')\n"
    )
    done = runtime.run("start", "-d", "-p", str(free_port()), env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 5
    (sentence,) = done.stderr.splitlines()
    assert "NEST can't be imported (libnest.so: cannot open shared object file)" in sentence
    assert "pip install" in sentence


def test_ranks_without_mpi_are_refused_in_a_sentence_that_names_the_script(
    runtime: Runtime,
) -> None:
    done = runtime.run("start", "-d", "-n", "2", "-p", str(free_port()))
    assert done.returncode == 5
    (sentence,) = done.stderr.splitlines()
    assert "2 ranks" in sentence
    assert "scripts/install-nest-mpi" in sentence


def test_gateway_that_can_not_start_is_a_sentence_and_exit_code_5(
    runtime: Runtime, tmp_path: Path
) -> None:
    (tmp_path / "flask.py").write_text("raise RuntimeError('this Flask is broken')\n")
    done = runtime.run("start", "-d", "-p", str(free_port()), env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 5
    (sentence,) = done.stderr.splitlines()
    assert "gateway does not start, it ends with exit code 1" in sentence
    assert "RuntimeError: this Flask is broken" in sentence
