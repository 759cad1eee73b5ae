"""What is refused with authentication off: whatever a foreign page can send and has effects.

Over plain HTTP to another host browsers mark nothing: neither ``Origin`` nor ``Sec-Fetch-Site``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from gateway.jobs.reconciler import JobReconciler
from gateway.services import EXTENSION, Services
from gateway.settings import DEFAULT_ORIGINS, MIB, JobLimits
from tests.sections import read_rows
from tests.unit.gateway.fakes import JobsUnderTest, gateway_settings, jobs_under_test

LIMITS = JobLimits(10, MIB, 3600.0)
ROWS = read_rows(Path(__file__).with_name("without_token.txt"))

#: What a browser sends with each request of a page, and the page can't change.
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobsUnderTest:
    monkeypatch.setattr(JobReconciler, "watch", lambda self: None)
    return jobs_under_test(tmp_path, LIMITS)


@pytest.fixture
def client(
    made: JobsUnderTest, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[FlaskClient]:
    token: str | None = getattr(request, "param", None)
    origins = tuple(DEFAULT_ORIGINS.split(","))
    settings = gateway_settings(tmp_path, LIMITS, token)
    app = create_app(replace(settings, host="lab", origins=origins))
    services: Services = app.extensions[EXTENSION]
    kernel: Any = made.kernel
    app.extensions[EXTENSION] = replace(services, kernel=kernel, jobs=made.jobs)
    yield app.test_client()
    services.kernel.close()


def send(
    client: FlaskClient, method: str, path: str, kind: str | None, headers: dict[str, str]
) -> tuple[int, str]:
    """Send a request with a body, unless it is a GET or its type ``-``; return status, message."""
    body = {"data": b'{"model": "iaf_psc_alpha"}'} if method == "POST" and kind != "-" else {}
    content = {} if kind in (None, "-") else {"Content-Type": str(kind)}
    sent = {"Host": "lab:52425"} | headers | content
    reply = client.open(path, method=method, headers=sent, **body)
    message = reply.json.get("message", "") if isinstance(reply.json, dict) else ""
    return reply.status_code, message


@pytest.mark.parametrize(("method", "path", "kind"), ROWS["FOREIGN"])
@pytest.mark.parametrize(
    "headers", [BROWSER, {}, BROWSER | {"Accept": "application/json"}], ids=["browser", "-", "json"]
)
def test_what_a_page_sends_without_a_mark_has_no_effects(
    client: FlaskClient,
    made: JobsUnderTest,
    method: str,
    path: str,
    kind: str | None,
    headers: dict[str, str],
) -> None:
    status, message = send(client, method, path, kind, headers)
    assert status == 403
    assert "POST with Content-Type: application/json" in message
    assert made.kernel.sent == []
    assert made.jobs.all() == []


def test_empty_post_of_a_browser_is_refused(client: FlaskClient) -> None:
    for headers in (BROWSER, {"User-Agent": "curl"} | {"Sec-Fetch-Site": "none"} | BROWSER):
        assert send(client, "POST", "/api/ResetKernel", "-", headers)[0] == 403
    assert send(client, "POST", "/api/ResetKernel?x=1", "-", {"User-Agent": "curl/8"})[0] == 403


@pytest.mark.parametrize(("method", "path", "kind", "headers"), ROWS["ACCEPTED"])
def test_programs_and_own_pages_are_served(
    client: FlaskClient, method: str, path: str, kind: str | None, headers: dict[str, str]
) -> None:
    status, message = send(client, method, path, kind, headers)
    # The fake kernel has no answer to some of these.
    assert status != 403, message


@pytest.mark.parametrize(("headers"), ROWS["MARKED"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_browser_marks_as_foreign_is_refused_whatever_it_is(
    client: FlaskClient, made: JobsUnderTest, method: str, headers: dict[str, str]
) -> None:
    status, _ = send(client, method, "/api/GetNodes", "application/json", headers)
    assert status == 403
    assert made.kernel.sent == []


@pytest.mark.parametrize("client", ["0123456789abcdef"], indirect=True)
@pytest.mark.parametrize(("method", "path", "kind"), ROWS["FOREIGN"])
def test_with_the_token_nothing_of_this_counts(
    client: FlaskClient, method: str, path: str, kind: str | None
) -> None:
    status, _ = send(client, method, path, kind, {"NESTServerAuth": "0123456789abcdef"})
    assert status != 403
