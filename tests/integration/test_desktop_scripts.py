"""NEST Desktop's scripts run restricted, and answer what it reads."""

from __future__ import annotations

import pytest

from tests.integration.desktop_scripts import (
    CURRENT_STEP,
    SCRIPTS,
    SPIKES,
    DesktopScript,
    check_answer,
)
from tests.integration.servers import Server

# Servers restrict scripts unless told otherwise, and these are told nothing.


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_of_nest_desktop_answer_what_it_reads(
    server: Server, script: DesktopScript
) -> None:
    reply = server.post("/exec", script.body())
    assert reply.status_code == 200, reply.text
    check_answer(server, script, reply.json())


def test_same_script_has_the_same_answer_when_it_is_sent_again(server: Server) -> None:
    answers = {server.post("/exec", SPIKES.body(threads)).content for threads in (2, 1, 2, 1)}
    assert len(answers) == 2


@pytest.mark.parametrize(
    ("right", "wrong", "line", "error"),
    [
        ("# Nodes", "x = 1/0", 13, "ZeroDivisionError"),
        ('"amplitude": 400', '"amplitude": amplitude', 15, "NameError"),
        ("nest.Simulate(70)", "nest.Simulate(-70)", 31, "BadParameter"),
        ('params={\n  "C_m"', 'parms={\n  "C_m"', 19, "TypeError"),
        ("[meter.events, ]", "[meter.events, ", 35, "SyntaxError"),
    ],
)
def test_line_that_is_wrong_is_the_one_to_be_marked(
    server: Server, right: str, wrong: str, line: int, error: str
) -> None:
    body = CURRENT_STEP.body()
    assert right in body["source"]
    body["source"] = body["source"].replace(right, wrong)
    reply = server.post("/exec", body)
    assert reply.status_code == 400
    found = reply.json()
    assert (found["error"], found["lineNumber"]) == (error, line)
    assert found["message"].startswith(f"{error} at line {line}: ")
