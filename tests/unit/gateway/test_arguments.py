"""Arguments of calls in all forms that clients send, without a server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http import arguments
from gateway.http.arguments import (
    BATCH_LIMIT,
    CallArguments,
    read_arguments,
    read_batch,
    read_body,
    read_operations,
)
from gateway.routes.scripts import read_script
from protocol.errors import MalformedRequest, RequestTooLarge, UnknownCall
from protocol.wire.messages import OPEN_ACTIONS, Action, Operation, Script
from protocol.wire.values import Reference, Text
from tests.unit.gateway.requests import (
    BODY_LIMIT,
    FORM,
    JSON,
    MSGPACK,
    json_request,
    msgpack_request,
    request,
)

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner)
)


@given(st.lists(VALUES, max_size=4))
def test_list_is_positional_arguments(values: list[Any]) -> None:
    assert read_arguments(json_request(values)) == CallArguments(values)


@given(st.dictionaries(st.text("abc", min_size=1), VALUES), st.lists(VALUES, max_size=3))
def test_object_is_arguments_by_name_and_its_args_are_positional(
    by_name: dict[str, Any], positional: list[Any]
) -> None:
    body = {"args": positional, **by_name}
    assert read_arguments(json_request(body)) == CallArguments(positional, by_name)
    assert read_arguments(msgpack_request(body)) == CallArguments(positional, by_name)


@pytest.mark.parametrize(
    ("body", "args"),
    [
        ("10.5", [10.5]),
        ('"model"', ["model"]),
        ("false", [False]),
        ('{"args": 3}', [3]),
        ('{"args": null}', []),
        ("null", []),
        ('""', []),
        ("", []),
        (" \n", []),
    ],
)
@pytest.mark.parametrize("kind", [JSON, "application/vnd.api+json", "text/plain", None])
def test_any_other_value_is_one_argument_and_nothing_is_none(
    body: str, args: list[Any], kind: str | None
) -> None:
    assert read_arguments(request(body, kind)) == CallArguments(args)


@pytest.mark.parametrize("query", [False, True])
def test_form_and_query_string_are_text_by_name_and_args_by_position(query: bool) -> None:
    text = "args=a&args=b&n=2&n=3"
    asked = request(kind=None, query=text) if query else request(text, FORM)
    assert read_arguments(asked) == CallArguments(
        [Text(("a",)), Text(("b",))], {"n": Text(("2", "3"))}
    )


@pytest.mark.parametrize("body", ['{"n": 2}', '["x=y"]', '"x=y"', "2", " [1]"])
def test_json_that_is_marked_as_a_form_is_json(body: str) -> None:
    assert read_arguments(request(body, FORM)) == read_arguments(request(body))


def test_form_of_several_parts_is_a_form() -> None:
    body = '--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n--x--\r\n'
    arguments = read_arguments(request(body, "multipart/form-data; boundary=x"))
    assert arguments == CallArguments([], {"n": Text(("2",))})


def test_query_string_adds_to_a_body_and_async_is_no_argument() -> None:
    arguments = read_arguments(json_request({"n": 2}, query="model=x&async=1"))
    assert arguments == CallArguments([], {"n": 2, "model": Text(("x",))})


@pytest.mark.parametrize(("body", "query"), [({"n": 2}, "n=3"), ([1], "args=2")])
def test_argument_in_body_and_query_string_is_refused(body: Any, query: str) -> None:
    with pytest.raises(MalformedRequest, match="in the body and in the query string"):
        read_arguments(json_request(body, query=query))


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"{", JSON, "JSON"),
        (b"[1]", "application/json; charset=utf-16", "JSON is UTF-8, not utf-16"),
        (b"\xc1", MSGPACK, "no valid MessagePack"),
        (b"\x01\x01", MSGPACK, "no valid MessagePack"),
    ],
)
def test_body_that_cannot_be_read_is_refused(body: bytes, kind: str, message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        read_arguments(request(body, kind))


def test_compressed_body_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="Content-Encoding gzip"):
        read_arguments(request("[1]", Content_Encoding="gzip"))


def test_body_over_the_limit_is_refused() -> None:
    with pytest.raises(RequestTooLarge):
        read_arguments(request(b"[1" + b" " * BODY_LIMIT + b"]"))


@pytest.mark.parametrize("size", [3, 10_000])
def test_arrays_in_messagepack_are_read_whatever_their_size(size: int) -> None:
    (array,) = read_arguments(msgpack_request([np.arange(float(size))])).args
    assert np.array_equal(array, np.arange(float(size)))
    assert read_body(request(b"", MSGPACK)) is None


def test_batch_is_a_list_of_calls() -> None:
    calls = [{"call": "Create", "args": ["x"]}, {"call": "Connect", "kwargs": {"pre": [1]}}]
    assert read_batch(json_request(calls)) == [
        Operation(Action.CALL_JSON, "Create", ["x"]),
        Operation(Action.CALL_JSON, "Connect", [], {"pre": [1]}),
    ]


@pytest.mark.parametrize("body", [None, {}, [], [{"call": "Prepare"}] * (BATCH_LIMIT + 1)])
def test_batch_has_some_calls_and_not_too_many(body: Any) -> None:
    with pytest.raises(MalformedRequest, match=f"a list of 1 to {BATCH_LIMIT} calls"):
        read_batch(json_request(body))


@pytest.mark.parametrize(
    "call",
    [
        {},
        "Create",
        {"call": 1},
        {"call": "x", "args": {}},
        {"call": "x", "kwargs": []},
        {"call": "x", "more": 1},
    ],
)
def test_malformed_call_of_a_batch_is_named(call: Any) -> None:
    with pytest.raises(MalformedRequest, match="call 1 of the batch"):
        read_batch(json_request([{"call": "Prepare"}, call]))


@pytest.mark.parametrize("action", sorted(OPEN_ACTIONS, key=lambda action: action.value))
def test_operation_is_read_alone_and_in_a_batch(action: Action) -> None:
    args = [Reference("NodeCollection", 1, "0a1b2c3d")] if action is Action.RELEASE else [1]
    fields = [action.value, "Create", args, {"n": 2}]
    operation = Operation(action, "Create", args, {"n": 2})
    assert read_operations(msgpack_request(fields)) == operation
    assert read_operations(msgpack_request([fields, fields])) == [operation, operation]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (None, "an operation is"),
        ([], "an operation is"),
        (["get", "x", []], "an operation is"),
        (["get", "x", {}, {}], "an operation is"),
        ([["get", "x", [], {}], "get"], "an operation is"),
        ([Action.RESUME.value, "", [], {}], "no action"),
        (["nonesuch", "", [], {}], "no action nonesuch"),
        (["release", "", [1], {}], "only references"),
    ],
)
def test_malformed_operation_is_refused(fields: Any, message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        read_operations(msgpack_request(fields))


@pytest.mark.parametrize(
    ("more", "returns"),
    [({}, None), ({"return": None}, ""), ({"return": "x"}, "x"), ({"return": ["x"]}, ["x"])],
)
def test_script_is_its_source_and_the_names_of_what_is_asked_for(
    more: dict[str, Any], returns: Any
) -> None:
    script = read_script(json_request({"source": "x = 1", "response_keys": "x", **more}))
    assert script == Script("", "x = 1", returns)


@pytest.mark.parametrize(
    ("query", "returns"),
    [("return=x", "x"), ("return=x,y", ["x", "y"]), ("return=x&return=y", ["x", "y"])],
)
def test_script_in_a_query_string_names_several_between_commas(query: str, returns: Any) -> None:
    script = read_script(request(kind=None, query=f"source=x%3D1&{query}"))
    assert script == Script("", "x=1", returns)


def test_script_may_ask_for_a_kernel_as_a_new_process_has_it() -> None:
    assert read_script(json_request({"source": "x", "reset": True})) == Script("", "x", reset=True)
    assert read_script(request(kind=None, query="source=x&reset=true")).reset
    assert not read_script(request(kind=None, query="source=x&reset=false")).reset
    with pytest.raises(MalformedRequest, match="reset"):
        read_script(json_request({"source": "x", "reset": "yes"}))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (["x = 1"], "a script is an object"),
        ({}, '"source" must be'),
        ({"source": 1}, '"source" must be'),
        ({"source": "", "return": 1}, '"return" must be'),
        ({"source": "", "return": ["x", 1]}, '"return" must be'),
    ],
)
def test_malformed_script_is_refused(body: Any, message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        read_script(json_request(body))


def test_form_with_too_many_fields_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "FORM_LIMIT", 1000)
    assert len(read_arguments(request("args=1&" * 999, FORM)).args) == 999
    with pytest.raises(RequestTooLarge, match="1000 fields"):
        read_arguments(request("args=1&" * 1001, FORM))


@pytest.mark.parametrize("count", [257, 70_000])
def test_name_of_a_call_that_is_too_long_is_unknown(count: int) -> None:
    name = "x" * count
    with pytest.raises(UnknownCall, match=f"{count} characters"):
        read_operations(msgpack_request(["call_json", name, [], {}]))
    with pytest.raises(UnknownCall, match=f"{count} characters"):
        read_batch(json_request([{"call": name}]))
