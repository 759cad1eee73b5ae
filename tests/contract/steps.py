"""What a case of the contract is made of: requests, and what their answers have to be."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import Reference
from tests.integration.servers import DEADLINE_S, Server

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MSGPACK = "application/x-msgpack"

Check = Callable[[Any], None]
#: Values of the answers so far.
Answers = Sequence[Any]


class _Any:
    """Stands where an answer may be anything."""


ANYTHING = _Any()
NOTHING = _Any()


@dataclass(frozen=True)
class Expected:
    """What an answer has to be.

    Attributes
    ----------
    status : of HTTP
    body : the JSON value, the bytes of the body, a check of the value, or ANYTHING
    headers : a value, ``None`` for a header that must not be there, or a check of the value
    """

    status: int = 200
    body: Any = ANYTHING
    headers: Mapping[str, Any] = field(default_factory=dict)

    def compare(self, reply: Reply) -> None:
        """Assert that ``reply`` is as expected."""
        assert reply.status == self.status, (reply.status, reply.body)
        for name, wanted in self.headers.items():
            found = reply.headers.get(name)
            if callable(wanted):
                wanted(found)
            else:
                assert found == wanted, (name, found)
        if self.body is ANYTHING:
            return
        if isinstance(self.body, bytes):
            assert reply.body == self.body
        elif callable(self.body):
            self.body(reply.value())
        else:
            assert reply.headers["Content-Type"] == JSON
            assert reply.value() == self.body


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def value(self) -> Any:
        """The body, decoded by what it says it is."""
        kind = self.headers.get("Content-Type", "") if self.body else ""
        if kind == MSGPACK:
            return Unpacker().unpack(self.body)
        if kind == JSON:
            return strict(self.body)
        return self.body.decode()


@dataclass(frozen=True)
class Step:
    """One request.

    Attributes
    ----------
    method, path : of the request; in the path, too, ``{token}`` is the server's
    body : bytes, a value for JSON (or MessagePack, if the content type says so), or a function
        that makes the value of the answers so far
    headers : in their order, nothing is added but Host, Content-Length and the token
    expected : of the answer
    token : send the token, if the server has one
    varies : whether the answer may differ from one server to another
    """

    method: str
    path: str
    body: Any = NOTHING
    headers: tuple[tuple[str, str], ...] = ()
    expected: Expected = field(default_factory=Expected)
    token: bool = True
    varies: bool = False

    def run(self, server: Server, answers: Answers) -> Reply:
        """Send the request and check its answer."""
        reply = self._send(server, answers)
        try:
            self.expected.compare(reply)
        except AssertionError as error:
            said = f"{self.method} {self.path} was answered {reply.status}: {reply.body[:2000]!r}"
            raise AssertionError(f"{said}\n{error}") from error
        return reply

    def _send(self, server: Server, answers: Answers) -> Reply:
        headers = [
            (name, value.replace("{token}", server.token or "")) for name, value in self.headers
        ]
        names = {name.lower() for name, _ in headers}
        body = self._encoded(answers, headers)
        if "host" not in names:
            headers.insert(0, ("Host", f"localhost:{server.port}"))
        if self.token and server.token:
            headers.append(("NESTServerAuth", server.token))
        if body is not None and "content-length" not in names:
            headers.append(("Content-Length", str(len(body))))
        path = quote(self.path.replace("{token}", server.token or ""), safe="/?&=%+,:;@!$'()*~[]")
        connection = http.client.HTTPConnection(server.host, server.port, timeout=DEADLINE_S)
        try:
            connection.putrequest(self.method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def _encoded(self, answers: Answers, headers: list[tuple[str, str]]) -> bytes | None:
        """The body; a value that is none yet gets a content type, unless it has one."""
        body = self.body(answers) if callable(self.body) else self.body
        if body is NOTHING:
            return None
        if isinstance(body, bytes):
            return body
        kinds = [value for name, value in headers if name.lower() == "content-type"]
        if not kinds:
            headers.append(("Content-Type", JSON))
        return Packer().pack(body) if kinds == [MSGPACK] else json.dumps(body).encode()


@dataclass(frozen=True)
class Case:
    """One row: requests to a server with an empty network, in their order.

    Attributes
    ----------
    name : what is promised
    steps : the requests
    on : the servers it holds for, "guarded" by a token, "open" without authentication and with
        scripts unrestricted
    """

    name: str
    steps: tuple[Step, ...]
    on: tuple[str, ...] = ("guarded",)

    def run(self, server: Server) -> list[Reply]:
        """Run all steps; what came back."""
        replies: list[Reply] = []
        values: list[Any] = []
        for step in self.steps:
            replies.append(step.run(server, values))
            values.append(replies[-1].value())
        return replies


GUARDED = ("guarded",)
OPEN = ("open",)
BOTH = ("guarded", "open")


def case(name: str, *steps: Step, on: tuple[str, ...] = GUARDED) -> Case:
    """A row of the contract."""
    return Case(name, steps, on)


def request(
    method: str,
    path: str,
    body: Any = NOTHING,
    answer: Any = ANYTHING,
    *,
    kind: str | None = None,
    headers: Mapping[str, str] | None = None,
    token: bool = True,
    varies: bool = False,
) -> Step:
    """A request.

    Parameters
    ----------
    method, path, body, token, varies : as in :class:`Step`
    answer : :class:`Expected`, or what the body of an answer with status 200 has to be
    kind : the content type
    headers : further ones
    """
    expected = answer if isinstance(answer, Expected) else Expected(200, answer)
    named = ({"Content-Type": kind} if kind else {}) | dict(headers or {})
    return Step(method, path, body, tuple(named.items()), expected, token, varies)


def get(path: str, answer: Any = ANYTHING, **options: Any) -> Step:
    """``GET path``."""
    return request("GET", path, options.pop("body", NOTHING), answer, **options)


def post(path: str, body: Any = NOTHING, answer: Any = ANYTHING, **options: Any) -> Step:
    """``POST path``."""
    return request("POST", path, body, answer, **options)


def call(name: str, body: Any = NOTHING, answer: Any = ANYTHING, **options: Any) -> Step:
    """``POST /api/name`` with ``body`` as JSON."""
    return post(f"/api/{name}", body, answer, **options)


def binary(name: str, body: Any = None, answer: Any = ANYTHING) -> Step:
    """``POST /api/name``, both ways in the binary form; answers may hold other references."""
    headers = {"Content-Type": MSGPACK, "Accept": MSGPACK}
    expected = Expected(200, answer, {"Content-Type": MSGPACK})
    return post(f"/api/{name}", body, expected, headers=headers, varies=True)


def differing(step: Step) -> Step:
    """``step``, whose answers are not compared between servers."""
    return replace(step, varies=True)


# Answers.


def strict(text: bytes) -> Any:
    """``text`` as the strictest of JSON parsers reads it: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def has(**wanted: Any) -> Check:
    """An object with these values, or with values that these checks accept."""

    def check(found: Any) -> None:
        for key, value in wanted.items():
            assert key in found, (key, found)
            if callable(value):
                value(found[key])
            else:
                assert found[key] == value, (key, found[key])

    return check


def containing(*words: str) -> Check:
    """Text, or anything else, in which all of these are."""

    def check(found: Any) -> None:
        for word in words:
            assert found is not None, word
            assert word in found, (word, found)

    return check


def satisfying(condition: Callable[[Any], bool]) -> Check:
    """A value for which ``condition`` holds."""

    def check(found: Any) -> None:
        assert condition(found), found

    return check


def error(status: int, name: str | None = None, *words: str, **facts: Any) -> Expected:
    """A JSON error of moderate length, with these words in its message."""

    def check(found: Any) -> None:
        assert isinstance(found["message"], str)
        assert isinstance(found["error"], str)
        assert name is None or found["error"] == name, found
        assert len(found["message"]) < 2000
        containing(*words)(found["message"])
        has(**facts)(found)

    return Expected(status, check, {"Content-Type": JSON})


UNAUTHORIZED = Expected(
    403, b"Unauthorized", {"Content-Type": containing("text/plain"), "Retry-After": None}
)


def reference(found: Reference) -> dict[str, Any]:
    """The JSON form of ``found``."""
    return {"$ref": found.id, "type": found.type, "generation": found.generation}
