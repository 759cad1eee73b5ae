"""The reference pages say what the code does, as far as a table can be compared."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from gateway.http.errors import STATUS
from gateway.settings import MIB, from_environment
from nestd.settings import DEFAULT_QUEUE_LIMIT
from protocol.errors import ERROR_KINDS, NestdError, facts_of
from protocol.runtime.connection_file import ConnectionInfo
from protocol.version import WIRE_VERSION
from protocol.wire import bounds, values
from protocol.wire.messages import Action
from protocol.wire.values import ARRAY_TYPES

DOCS = Path(__file__).parents[3] / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text(encoding="utf-8")
HTTP = (DOCS / "http.md").read_text(encoding="utf-8")


def test_protocol_page_is_about_this_version() -> None:
    assert f"Version **{WIRE_VERSION}**" in PROTOCOL


def test_protocol_page_lists_every_error_with_its_class() -> None:
    table = PROTOCOL[PROTOCOL.index("| kind | class |") : PROTOCOL.index("## The connection file")]
    rows = re.findall(r"^\| `(\w+)` \| (?:&emsp; )?[├│└ ]*(\w+) \|", table, re.MULTILINE)
    assert dict(rows) == {kind: error.__name__ for kind, error in ERROR_KINDS.items()}


def test_protocol_page_lists_every_fact_of_an_error() -> None:
    facts = facts_of(NestdError("m", call="c", parameter="p", ranks=(0,), retry_after_s=1))
    assert all(f"| `{fact}` |" in PROTOCOL for fact in facts)


def test_protocol_page_lists_every_action() -> None:
    assert all(f"| `{action.value}` |" in PROTOCOL for action in Action)


def test_protocol_page_lists_every_extension_and_array_type() -> None:
    codes = {code for name, code in vars(values).items() if name.startswith("EXT_")}
    assert {int(code) for code in re.findall(r"\| extension (\d):", PROTOCOL)} == codes
    listed = re.search(r"type strings `([^`]*)`", PROTOCOL)
    assert listed is not None
    assert set(listed.group(1).split()) == ARRAY_TYPES


def test_protocol_page_states_the_limits() -> None:
    assert f"| frames in one message | {bounds.FRAME_LIMIT:_} |".replace("_", " ") in PROTOCOL
    assert f"{bounds.SIZE_LIMIT_BYTES // 2**30} GiB" in PROTOCOL
    assert f"header itself included | {values.NESTING_LIMIT} |" in PROTOCOL
    assert f"sends and gets | {values.VALUE_NESTING_LIMIT} |" in PROTOCOL
    assert f"{DEFAULT_QUEUE_LIMIT} unless set otherwise" in PROTOCOL


def test_protocol_page_lists_every_field_of_the_connection_file() -> None:
    table = PROTOCOL[PROTOCOL.index("## The connection file") :]
    for field in dataclasses.fields(ConnectionInfo):
        assert f"`{field.name}`" in table


def test_http_page_lists_every_status_and_the_limits() -> None:
    assert all(f"| {status} |" in HTTP for status in {*STATUS.values(), 200, 405})
    settings = from_environment({"NESTD_INSTANCE_DIR": "-", "NEST_SERVER_ACCESS_TOKEN": "0" * 16})
    assert f"| {settings.body_limit_bytes // MIB} MiB |" in HTTP
    assert f"wait for the kernel | {settings.queue_limit} |" in HTTP
    assert f"| {values.VALUE_NESTING_LIMIT} levels |" in HTTP


PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(((?!http)[^)#\s]*)(?:#([\w-]+))?\)", text):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            names = [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings]
            assert anchor in names, (target, anchor)


@pytest.mark.parametrize("page", [DOCS / "architecture.md", DOCS.parent / "CONTRIBUTING.md"])
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", page.read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (DOCS.parent / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_that_a_page_imports_from_this_project_are_there(page: Path) -> None:
    ours = "protocol|nestd|gateway|nest_remote|NESTServerClient"
    text = page.read_text(encoding="utf-8")
    for module, names in re.findall(rf"^from ((?:{ours})[\w.]*) import (.*)$", text, re.MULTILINE):
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), (module, name)
