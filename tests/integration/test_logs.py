"""The log of a running server: a request's way through it, its form, and no secrets in it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from protocol.logging.lines import parse
from protocol.process.polling import poll_until
from tests.integration.pending import await_new_kernel
from tests.integration.servers import DEADLINE_S, Runtime, Server, Start, start_server


def lines(server: Server) -> list[dict[str, Any]]:
    """The fields of all lines; each has to be one."""
    found = [parse(one) for one in server.log().splitlines()]
    assert all(one and one["time"] and one["level"] and one["program"] for one in found)
    return found


def about(server: Server, request: str, wanted: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """The lines about a request, when there are those of ``wanted``: program and message."""

    def look() -> list[dict[str, Any]] | None:
        found = [one for one in lines(server) if one.get("request") == request]
        return found if wanted <= {(one["program"], one["msg"]) for one in found} else None

    found = poll_until(look, DEADLINE_S)
    assert found, server.log()
    return found


def named(name: str) -> dict[str, str]:
    return {"X-Request-ID": name}


def test_named_request_shows_its_way(server: Server) -> None:
    reply = server.post("/api/Create", ["iaf_psc_alpha"], headers=token(server) | named("way-1"))
    assert (reply.status_code, reply.headers["X-Request-ID"]) == (200, "way-1")
    found = about(
        server,
        "way-1",
        {
            ("nestd", "a rank has executed it"),
            ("nestd", "the kernel has executed it"),
            ("gateway", "answered"),
        },
    )
    assert {one["call"] for one in found if "call" in one} == {"Create"}
    assert [str(one["rank"]) for one in found if one["msg"] == "a rank has executed it"] == ["0"]


def token(server: Server) -> dict[str, str]:
    return {"NESTServerAuth": server.token or ""}


def test_script_and_all_its_calls_belong_to_its_request(server: Server) -> None:
    source = "nodes = nest.Create('iaf_psc_alpha', 2)\nnest.Simulate(1.0)"
    headers = token(server) | named("script-1")
    assert server.post("/exec", {"source": source}, headers=headers).status_code == 200
    wanted = {
        ("nestd", "a process begins with the script"),
        ("nestd", "the kernel has executed it"),
        ("gateway", "answered"),
    }
    calls = [one.get("call") for one in about(server, "script-1", wanted)]
    assert "Create" in calls and "Simulate" in calls


def test_job_carries_the_name_of_the_request_it_came_with(server: Server) -> None:
    headers = token(server) | named("job-1") | {"Prefer": "respond-async"}
    assert server.post("/api/Simulate", [1.0], headers=headers).status_code == 202
    wanted = {("gateway", "a job is accepted"), ("nestd", "the kernel has executed it")}
    about(server, "job-1", wanted)


def test_request_without_a_name_gets_one_and_no_line_if_it_is_quick(server: Server) -> None:
    reply = server.get("/api/biological_time")
    name = reply.headers["X-Request-ID"]
    failed = server.post("/api/Create", ["nope"]).headers["X-Request-ID"]
    assert name != failed
    (line,) = about(server, failed, {("gateway", "answered")})
    assert str(line["status"]) == "400"
    assert name not in server.log()


@pytest.mark.parametrize("name", ["two words", "x" * 129, 'a"b'])
def test_name_that_is_none_is_refused(server: Server, name: str) -> None:
    reply = server.get("/", headers=token(server) | named(name))
    assert (reply.status_code, reply.json()["error"]) == (400, "MalformedRequest")
    assert reply.headers["X-Request-ID"] != name


def test_every_reply_names_its_request(server: Server) -> None:
    for path in ("/healthz", "/nowhere", "/metrics", "/jobs/12345678"):
        reply = server.get(path, headers=token(server) | named("every-1"))
        assert reply.headers["X-Request-ID"] == "every-1"
    assert server.get("/", headers=named("every-2")).headers["X-Request-ID"] == "every-2"
    too_long = server.get("/" + "x" * 10_000)
    assert too_long.status_code == 414
    about(server, too_long.headers["X-Request-ID"], {("gateway", "a request can't be read")})


@pytest.fixture(params=["text", "json"])
def eventful(request: pytest.FixtureRequest, runtime: Runtime) -> Iterator[Server]:
    server = start_server(
        runtime, {"NEST_SERVER_LOG_LEVEL": "debug"}, "--log-format", request.param
    )
    yield server
    if runtime.run("status", "-p", str(server.port)).returncode == 0:
        server.stop()


def test_token_is_never_in_the_log(eventful: Server) -> None:
    server = eventful
    secret = server.token
    assert secret
    server.call("Create", ["iaf_psc_alpha"])
    # Wherever a client may put it by mistake.
    server.get(f"/api/Create?token={secret}")
    server.get(f"/{secret}")
    server.get(f"/api/{secret}")
    server.get("/", headers=token(server) | named(secret))
    server.get("/api/Create", headers={"NESTServerAuth": "wrong"} | named(secret))
    server.post("/api/Create", [secret])
    server.post("/exec", {"source": f"print('{secret}')\nraise ValueError('{secret}')"})
    server.post("/api/message", [30, "test", secret])
    server.request("POST", "/api/Simulate", data=f"{{{secret}", headers=token(server))
    generation = server.connection_info()["generation"]
    assert server.request("DELETE", "/kernel").status_code == 200
    await_new_kernel(server, generation)
    server.stop()
    found = lines(server)
    assert {"nest-server", "gateway", "nestd"} <= {one["program"] for one in found}
    assert any(one["level"] == "debug" for one in found)
    assert secret not in server.log()
    assert "[secret]" in server.log()
    assert found[-1]["msg"] == "NEST Server has stopped"


def test_log_goes_on_when_its_process_is_killed(start: Start) -> None:
    server = start()
    command = ["pgrep", "-f", f"nestd.logs.writer_process {server.runtime.directory}"]
    (pid,) = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["kill", "-9", pid], check=True)
    server.post("/api/Create", ["iaf_psc_alpha"], headers=token(server) | named("after-1"))
    about(server, "after-1", {("nestd", "the kernel has executed it"), ("gateway", "answered")})


def test_restart_keeps_the_form_of_the_log(start: Start) -> None:
    server = start(None, "--log-format", "json")
    done = server.runtime.run("restart", "-p", str(server.port))
    assert done.returncode == 0, done.stderr
    assert all(one.startswith("{") for one in server.log().splitlines())
