"""Heads of requests: what is one, what is none, and where it ends."""

from __future__ import annotations

import pytest

from gateway.server.environ import make_environ
from gateway.server.head import RequestHead, UnreadableRequest, head_end, parse_head
from gateway.server.limits import HEAD_BYTES, LINE_BYTES

LINE = b"POST /api/Create?a=1 HTTP/1.1\r\n"


def parse(data: bytes) -> RequestHead:
    end = head_end(bytearray(data))
    assert end is not None
    return parse_head(data[:end])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LINE + b"Host: a\r\n\r\n", (0, False, True, False)),
        (LINE + b"Content-Length: 7\r\n\r\n{}", (7, False, True, False)),
        (LINE + b"Content-Length: 007\r\n\r\n", (7, False, True, False)),
        (LINE + b"transfer-encoding: CHUNKED\r\n\r\n", (0, True, True, False)),
        (LINE + b"Connection: x, Close\r\n\r\n", (0, False, False, False)),
        (LINE + b"Connection: a\r\nConnection: close\r\n\r\n", (0, False, False, False)),
        (LINE + b"Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", (1, False, True, True)),
        (b"GET / HTTP/1.0\r\n\r\n", (0, False, False, False)),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", (0, False, True, False)),
        # Callers of HTTP/1.0 are not told to go on.
        (
            b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
            (1, False, False, False),
        ),
        # A change of protocol is not done, and the body is the request's.
        (
            LINE + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
            (2, False, True, False),
        ),
    ],
)
def test_head_says_how_the_body_comes_and_what_follows(
    data: bytes, expected: tuple[int, bool, bool, bool]
) -> None:
    head = parse(data)
    assert (head.length, head.is_chunked, head.keeps_alive, head.expects_continue) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\r\nGET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / RTSP/1.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\n\r\n",
        LINE + b"Host: a\r\nhost: b\r\n\r\n",
        LINE + b"no header\r\n\r\n",
        LINE + b"A : b\r\n\r\n",
        LINE + b"A: b\r\n c\r\n\r\n",
        LINE + b"A: b\nC: d\r\n\r\n",
        LINE + b"A: b\x00\r\n\r\n",
        LINE + b"Content-Length: +1\r\n\r\n",
        LINE + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        LINE + b"Content-Length: 1, 1\r\n\r\n",
        LINE + b"Content-Length: 99999999999999999999999\r\n\r\n",
        LINE + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        LINE + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        LINE + b"Transfer-Encoding: identity\r\n\r\n",
        LINE + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        LINE + b"Transfer-Encoding:\x0bchunked\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_no_request_or_could_be_two_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableRequest) as refusal:
        parse(data)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"G" * (LINE_BYTES + 1), 414),
        (b"GET /" + b"a" * LINE_BYTES + b" HTTP/1.1\r\n\r\n", 414),
        (LINE + b"A: " + b"b" * LINE_BYTES, 431),
        (LINE + b"A: b\r\n" * 101, 431),
        (LINE + (b"A: " + b"b" * 8000 + b"\r\n") * 9, 431),
    ],
)
def test_what_is_too_large_is_refused_before_its_end(data: bytes, status: int) -> None:
    with pytest.raises(UnreadableRequest) as refusal:
        head_end(bytearray(data.ljust(HEAD_BYTES) if status == 431 else data))
    assert refusal.value.status == status


def test_head_that_goes_on_has_no_end_yet() -> None:
    data = LINE + b"A: b\r\n\r\n"
    assert [head_end(bytearray(data[:end])) for end in range(len(data))] == [None] * len(data)


def test_nothing_but_what_http_is_about_comes_from_the_caller() -> None:
    names = [
        "SCRIPT_NAME: /x",
        "Script_Name: /x",
        "PATH_INFO: /x",
        "Remote-Addr: 192.0.2.1",
        "REMOTE_USER: root",
        "HTTP_HOST: evil.example",
        "wsgi.url_scheme: https",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Prefix: /x",
        "X-Forwarded-For: 192.0.2.1",
        "Forwarded: for=192.0.2.1;proto=https",
    ]

    def environ(*more: str) -> dict[str, object]:
        lines = ["GET /a%2Fb?c=d HTTP/1.1", "Host: own", *more, "", ""]
        head = parse("\r\n".join(lines).encode())
        return make_environ(head, None, ("192.0.2.9", 1), ("127.0.0.1", 2))  # type: ignore[arg-type]

    without, with_them = environ(), environ(*names)
    assert {name: with_them[name] for name in without} == without
    assert all(name.startswith("HTTP_") for name in with_them.keys() - without.keys())
    assert (without["SCRIPT_NAME"], without["PATH_INFO"]) == ("", "/a/b")
    assert without["QUERY_STRING"] == "c=d"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("http://other.example/a?b#c", "/a", "b"),
        ("http://other.example?b", "/", "b"),
        ("http://other.example", "/", ""),
        ("*", "*", ""),
        ("//a/b", "//a/b", ""),
        ("/a#b?c", "/a", ""),
    ],
)
def test_target_may_be_a_whole_address(target: str, path: str, query: str) -> None:
    head = parse(f"GET {target} HTTP/1.1\r\n\r\n".encode())
    environ = make_environ(head, None, ("192.0.2.9", 1), ("127.0.0.1", 2))  # type: ignore[arg-type]
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)
