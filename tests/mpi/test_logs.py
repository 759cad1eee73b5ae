"""The log of several ranks: each writes its own lines, and one name finds all of a request's."""

from __future__ import annotations

from typing import Any

from protocol.logging.lines import parse
from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port
from tests.mpi.jobs import TOKEN, Launch, answering


def lines(server: Server) -> list[dict[str, Any]]:
    """The fields of all lines; each has to be one."""
    found = [parse(one) for one in server.log().splitlines()]
    assert all(one and one["program"] for one in found)
    return found


def test_every_rank_tells_of_a_named_request(two_ranks: Server) -> None:
    headers = {"NESTServerAuth": two_ranks.token or "", "X-Request-ID": "ranks-1"}
    assert two_ranks.post("/api/Create", ["iaf_psc_alpha", 2], headers=headers).ok

    def look() -> bool:
        return {"0", "1"} == {
            one["rank"]
            for one in lines(two_ranks)
            if one.get("request") == "ranks-1" and one["msg"] == "a rank has executed it"
        }

    assert poll_until(look, DEADLINE_S), two_ranks.log()


def test_messages_of_nest_have_their_rank(two_ranks: Server) -> None:
    two_ranks.call("set_verbosity", ["M_ALL"])
    two_ranks.call("Create", ["iaf_psc_alpha", 4])
    two_ranks.call("Simulate", [1.0])
    # Others share the server, and ResetKernel leaves it.
    two_ranks.call("set_verbosity", ["M_INFO"])

    def look() -> bool:
        said = [one for one in lines(two_ranks) if one.get("printed") == "nest"]
        return {one["rank"] for one in said} == {"0", "1"}

    assert poll_until(look, DEADLINE_S), two_ranks.log()


def test_job_does_not_print_its_token(launch: Launch, runtime: Runtime) -> None:
    # Its output is a file of the job, or the log of a container.
    port = free_port()
    job = launch(2, port)
    server = answering(job, runtime, port)
    assert poll_until(lambda: server.get("/readyz").ok, DEADLINE_S)
    server.session.close()
    job.terminate()
    said, _ = job.communicate(timeout=DEADLINE_S)
    assert "NEST Server is now running" in said
    assert "nest-server token" in said
    assert TOKEN not in said
