"""The tree of errors: every one travels, and every one has an HTTP status."""

from __future__ import annotations

import inspect
import json

import pytest
from flask import Flask, Response

from gateway.http.errors import REASON_KEY, STATUS, error_reply
from protocol import errors
from protocol.errors import ERROR_KINDS, NestdError, error_from_facts, facts_of

ALL_ERRORS = sorted(
    (
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, NestdError)
    ),
    key=lambda found: found.__name__,
)


def test_every_error_of_the_tree_has_a_name_on_the_wire_of_its_own() -> None:
    assert set(ERROR_KINDS.values()) == set(ALL_ERRORS)
    assert len({found.kind for found in ALL_ERRORS}) == len(ALL_ERRORS)
    assert all("kind" in vars(found) for found in ALL_ERRORS)


@pytest.mark.parametrize("kind", ALL_ERRORS, ids=lambda kind: kind.__name__)
def test_error_travels_as_its_own_class_with_all_facts(kind: type[NestdError]) -> None:
    sent = kind(
        "message", error_name="Name", call="Create", parameter="n", ranks=(0, 2), retry_after_s=3
    )
    found = error_from_facts(facts_of(sent))
    assert type(found) is kind
    assert vars(found) == vars(sent)
    assert str(found) == "message"


def test_error_without_facts_sends_none() -> None:
    facts = facts_of(errors.QueueFull("full"))
    assert facts == {"kind": "queue_full", "message": "full", "error_name": "QueueFull"}


def drawn(error: type[NestdError], before: str = "") -> list[str]:
    """Draw the tree below ``error``, as the module of the errors has it."""
    lines = []
    children = error.__subclasses__()
    for child in children:
        is_last = child is children[-1]
        lines.append(f"{before}{'└── ' if is_last else '├── '}{child.__name__}")
        lines += drawn(child, before + ("    " if is_last else "│   "))
    return lines


def test_tree_is_drawn_as_it_is() -> None:
    picture = "\n".join(f"    {line}" for line in ["NestdError", *drawn(NestdError)])
    assert picture in (errors.__doc__ or "")


def test_every_error_has_an_http_status_and_nothing_else_has() -> None:
    assert set(STATUS) == set(ALL_ERRORS)


@pytest.mark.parametrize("kind", ALL_ERRORS, ids=lambda kind: kind.__name__)
def test_status_says_who_has_to_act(kind: type[NestdError]) -> None:
    status = STATUS[kind]
    if issubclass(kind, errors.CallerError):
        assert 400 <= status < 500
    elif issubclass(kind, errors.Unavailable):
        assert status == 503
    elif kind is errors.TooManyValues:
        # Of the caller's, in a message between our processes.
        assert status == 413
    else:
        assert status == 500


def replied(error: NestdError) -> Response:
    """Return the reply to a request that has failed; the log finds the reason with the request."""
    with Flask("test").test_request_context() as context:
        reply = error_reply(error)
        assert context.request.environ[REASON_KEY] == error.message
        return reply


@pytest.mark.parametrize("kind", ALL_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_a_json_reply_and_503_says_when_to_retry(kind: type[NestdError]) -> None:
    reply = replied(kind("what happened", call="Create", parameter="n", ranks=(1,)))
    assert reply.mimetype == "application/json"
    assert json.loads(reply.get_data()) == {
        "message": "what happened",
        "error": kind.__name__,
        "call": "Create",
        "parameter": "n",
        "ranks": [1],
    }
    assert ("Retry-After" in reply.headers) == (reply.status_code == 503)


def test_retry_after_is_what_the_error_says() -> None:
    reply = replied(errors.KernelUnavailable("starting", retry_after_s=7))
    assert reply.headers["Retry-After"] == "7"
