"""Names of ``GET /api``, all of them, and what the kernel's attributes answer."""

from __future__ import annotations

import pytest

from tests.contract.steps import strict
from tests.integration.servers import Server


def test_every_name_that_is_listed_can_be_inspected(server: Server) -> None:
    listed = server.get("/api").json()
    assert len(listed) > 150
    for name in listed:
        signature = server.get(f"/api/{name}", params={"inspect": "signature"})
        assert signature.status_code == 200, name
        assert signature.json()["data"].startswith("("), name


@pytest.mark.parametrize("name", ["node_models", "synapse_models", "kernel_status"])
def test_large_attributes_equal_what_getkernelstatus_says(server: Server, name: str) -> None:
    found = server.get(f"/api/{name}").json()
    whole = server.call("GetKernelStatus")
    if name == "kernel_status":
        assert found.keys() == whole.keys()
        assert found["resolution"] == 0.1
    else:
        assert found == whole[name]
        assert len(found) > 10


def test_every_kernel_attribute_is_strict_json(server: Server) -> None:
    attributes = server.call("kernel_status").keys() & set(server.get("/api").json())
    assert len(attributes) > 40
    for name in attributes | {"kernel_status"}:
        reply = server.get(f"/api/{name}")
        assert reply.status_code == 200, name
        strict(reply.content)


def test_defaults_of_every_model_are_strict_json(server: Server) -> None:
    for model in server.call("node_models") + server.call("synapse_models"):
        strict(server.post("/api/GetDefaults", [model]).content)


def test_every_readable_name_answers_or_explains(server: Server) -> None:
    for name in server.get("/api").json():
        if server.get(f"/api/{name}?inspect=signature").json()["data"] == "()":
            reply = server.get(f"/api/{name}")
            assert reply.status_code in (200, 400), (name, reply.text)
            strict(reply.content)
