"""Names of requests and jobs, and whether their callers wait."""

from __future__ import annotations

import pytest
from flask import Request

from gateway.http.delivery import Delivery, read_delivery, wants_async
from protocol.errors import MalformedRequest
from protocol.runtime.job_store import NAME
from tests.unit.gateway.requests import request


def read(asked: Request) -> Delivery:
    return read_delivery(asked, lambda key: f"0000{key.encode().hex()}")


def test_request_without_headers_gets_a_new_name_and_is_no_job() -> None:
    deliveries = [read(request()) for _ in range(2)]
    assert deliveries[0].id != deliveries[1].id
    for delivery in deliveries:
        assert NAME.fullmatch(delivery.id)
        assert not delivery.is_job
        assert not delivery.is_named


def test_requests_of_one_key_have_one_name_and_are_jobs() -> None:
    names = [
        read(request(Idempotency_Key=key, **headers)).id
        for key in ("k-1", "k-2", "ä/../x")
        for headers in ({}, {"Prefer": "respond-async"})
    ]
    assert names[0::2] == names[1::2]
    assert len(set(names)) == 3
    assert all(NAME.fullmatch(name) for name in names)
    assert read(request(Idempotency_Key="k-1")).is_job
    assert not read(request(Idempotency_Key="k-1")).is_async


@pytest.mark.parametrize("key", ["", " "])
def test_empty_key_is_refused(key: str) -> None:
    with pytest.raises(MalformedRequest, match="Idempotency-Key is empty: give each request"):
        read(request(Idempotency_Key=key))


@pytest.mark.parametrize(
    ("headers", "query", "is_async"),
    [
        ({"Prefer": "respond-async"}, "", True),
        ({"Prefer": "wait=10, Respond-Async; foo=bar"}, "", True),
        ({"Prefer": "respond-asynchronously"}, "", False),
        ({}, "async=1", True),
        ({}, "async=true", True),
        ({}, "async=0", False),
        ({}, "async", False),
    ],
)
def test_caller_says_that_it_does_not_wait(
    headers: dict[str, str], query: str, is_async: bool
) -> None:
    asked = request(query=query, **headers)
    assert wants_async(asked) is is_async
    assert read(asked).is_job is is_async


def test_caller_who_waits_may_choose_the_name() -> None:
    delivery = read(request(X_Job_ID="chosen0by0the0caller"))
    assert (delivery.id, delivery.is_named, delivery.is_job) == (
        "chosen0by0the0caller",
        True,
        False,
    )


@pytest.mark.parametrize("name", ["../token", "short", "UPPERCASE", "a" * 65, "", "with space"])
def test_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(MalformedRequest, match="X-Job-ID must be 8 to 64"):
        read(request(X_Job_ID=name))


@pytest.mark.parametrize(
    "headers", [{"Prefer": "respond-async"}, {"Idempotency_Key": "k"}], ids=str
)
def test_name_beside_what_makes_a_job_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(MalformedRequest, match="whose caller waits"):
        read(request(X_Job_ID="0123456789", **headers))
