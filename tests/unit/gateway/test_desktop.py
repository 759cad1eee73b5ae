"""Policies of NEST Desktop's pages: the token goes to the server that they come from alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from gateway.services import EXTENSION
from gateway.settings import MIB, JobLimits
from tests.unit.gateway.fakes import gateway_settings

BACKENDS = "assets/workspaces/nest/config/backends.json"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    files = tmp_path / "desktop"
    (files / BACKENDS).parent.mkdir(parents=True)
    (files / BACKENDS).write_text('{"insite": {"enabled": false}}')
    (files / "index.html").write_text("<title>NEST Desktop</title>")
    app = create_app(gateway_settings(tmp_path, JobLimits(1, MIB, 1.0), desktop=files))
    yield app.test_client()
    app.extensions[EXTENSION].kernel.close()


@pytest.mark.parametrize("path", ["", "start", "index.html", BACKENDS, "registerSW.js"])
def test_pages_may_ask_no_other_port_of_any_host(client: FlaskClient, path: str) -> None:
    reply = client.get(f"/desktop/{path}", headers={"Host": "localhost:52425"})
    reply.close()
    assert reply.status_code == 200
    header = reply.headers["Content-Security-Policy"]
    policy = {name: rest for name, *rest in (part.split() for part in header.split(";"))}
    github = {"https://api.github.com", "https://raw.githubusercontent.com"}
    assert set(policy["connect-src"]) <= {"'self'", "data:", "blob:"} | github
    assert policy["default-src"] in (["'self'"], ["'none'"])
    assert policy["form-action"] == policy["base-uri"] == ["'none'"]
    for sources in policy.values():
        assert not [source for source in sources if "*" in source or source.startswith("http:")]
