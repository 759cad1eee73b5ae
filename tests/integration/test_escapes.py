"""Table of escapes, posted to a server: no attempt has an effect, and the server goes on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.escapes import BOMBS, ESCAPES, MODULES, Escape, Target
from tests.integration.servers import Runtime, Server, start_server

VARIABLE = "NESTD_TEST_SECRET_VARIABLE"
#: Small, so that bombs meet them soon.
LIMITS = {
    "NEST_SERVER_EXEC_TIME_LIMIT_S": "2",
    "NEST_SERVER_EXEC_MEMORY_MIB": "512",
    "NEST_SERVER_EXEC_OUTPUT_MIB": "1",
}


@dataclass
class AttackedServer:
    """A server to be attacked, and where effects would be seen."""

    server: Server
    target: Target

    def attack(self, escape: Escape) -> tuple[list[str], Any]:
        """Make the attempt; return what it has achieved, and the body of the reply."""
        source = self.target.source(escape, VARIABLE)
        reply = self.server.post("/exec", {"source": source, "return": "result"})
        assert reply.status_code in (200, 400), reply.text
        body = reply.json()
        achieved = self.target.effects(reply.text, body.get("stdout", ""))
        if self.server.token and self.server.token in reply.text:
            achieved.append("the token came out")
        return achieved, body

    def check_usable(self) -> None:
        """The server answers, with the kernel it has had."""
        assert self.server.call("GetKernelStatus", {"keys": "resolution"}) == 0.1
        reply = self.server.post("/exec", {"source": "x = nest.resolution", "return": "x"})
        assert reply.json() == {"data": 0.1}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttackedServer]:
    """One server with the restriction on for the whole table."""
    secret = secrets.token_hex(16)
    runtime = Runtime()
    env = {"NEST_SERVER_ENABLE_EXEC_CALL": "1", "NEST_SERVER_MODULES": MODULES}
    env |= {VARIABLE: secret, **LIMITS}
    with Target.made(tmp_path_factory.mktemp("escapes"), secret) as target:
        server = start_server(runtime, env)
        made = AttackedServer(server, target)
        try:
            generation = server.get("/").json()["generation"]
            yield made
            made.check_usable()
            assert server.get("/").json()["generation"] == generation
        finally:
            server.stop()
            left = runtime.leftovers()
            runtime.remove()
    assert left == []


@pytest.mark.parametrize("escape", [pytest.param(one, id=one.name) for one in ESCAPES])
def test_no_attempt_has_an_effect(attacked: AttackedServer, escape: Escape) -> None:
    achieved, body = attacked.attack(escape)
    assert achieved == [], body
    # What is refused is explained: it never ends the process instead.
    if "message" in body:
        assert " at line " in body["message"]
        assert body["lineNumber"] >= 1


@pytest.mark.parametrize("bomb", [pytest.param(one, id=one.name) for one in BOMBS])
def test_bomb_ends_and_the_server_goes_on(attacked: AttackedServer, bomb: Escape) -> None:
    achieved, body = attacked.attack(bomb)
    assert achieved == [], body
    attacked.check_usable()


def test_server_answers_others_while_bombs_go_off(attacked: AttackedServer) -> None:
    loops = [bomb for bomb in BOMBS if bomb.name.startswith("endless")]
    with ThreadPoolExecutor(len(loops)) as threads:
        posted = [
            threads.submit(attacked.server.post, "/exec", {"source": bomb.source}) for bomb in loops
        ]
        while not all(one.done() for one in posted):
            assert attacked.server.get("/").status_code == 200
        assert {one.result().status_code for one in posted} <= {200, 400, 503}
    attacked.check_usable()
