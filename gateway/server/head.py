"""Head of a request: found, held to its limits, and parsed.

llhttp (``httptools``) parses it, strictly. What it leaves open is refused before: HTTP/0.9 and 2,
other protocols, absent or several spaces, codings of a body other than plain chunks.
"""

from __future__ import annotations

import re

import httptools

from gateway.server.limits import HEAD_BYTES, HEADER_COUNT, LINE_BYTES

_REQUEST_LINE = re.compile(
    rb"([A-Z][A-Z0-9._-]{0,19}) (/[\x21-\x7e]*|\*|https?://[\x21-\x7e]+) HTTP/1\.([01])"
)
#: Nothing here changes the protocol; llhttp would take what follows for another one.
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


class UnreadableRequest(Exception):
    """Request that is refused before anybody looks at what it asks for.

    Parameters
    ----------
    status : of the answer
    name : of the error
    message : for the caller
    """

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name


class RequestHead:
    """What the head of a request says."""

    __slots__ = (
        "expects_continue",
        "headers",
        "is_chunked",
        "keeps_alive",
        "length",
        "method",
        "target",
        "version",
    )

    def __init__(self) -> None:
        self.method = ""
        self.target = b""
        self.version = "1.1"
        self.headers: list[tuple[bytes, bytes]] = []
        #: Length of the body, 0 without one and for chunks.
        self.length = 0
        self.is_chunked = False
        self.keeps_alive = False
        self.expects_continue = False

    def on_url(self, url: bytes) -> None:
        """Take the target, which llhttp has found."""
        self.target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, which llhttp has found."""
        self.headers.append((name, value))


def head_end(received: bytearray) -> int | None:
    """Return where the head at the beginning of ``received`` ends; ``None`` if it goes on.

    Raises
    ------
    UnreadableRequest
        If it is too large, or begins like no request.
    """
    end = received.find(b"\r\n\r\n", 0, HEAD_BYTES)
    line_end = received.find(b"\r\n", 0, LINE_BYTES + 2)
    if line_end < 0:
        if len(received) > LINE_BYTES:
            raise UnreadableRequest(
                414, "UriTooLong", f"the first line is longer than {LINE_BYTES} bytes"
            )
        return None
    if _REQUEST_LINE.fullmatch(received, 0, line_end) is None:
        raise _malformed("the first line is none of HTTP/1.1")
    so_far = end if end >= 0 else len(received)
    if received.count(b"\r\n", line_end + 2, so_far) >= HEADER_COUNT:
        raise _too_large(f"there are more than {HEADER_COUNT} headers")
    if so_far > LINE_BYTES and max(map(len, received[:so_far].split(b"\r\n"))) > LINE_BYTES:
        raise _too_large(f"a header is longer than {LINE_BYTES} bytes")
    if end >= 0:
        return end + 4
    if len(received) >= HEAD_BYTES:
        raise _too_large(f"the headers are longer than {HEAD_BYTES} bytes together")
    return None


def parse_head(data: bytes) -> RequestHead:
    """Parse a whole head.

    Raises
    ------
    UnreadableRequest
        If it is malformed, or says more than one thing about the body.
    """
    method, _, rest = _UPGRADE.sub(b"", data).partition(b" ")
    head = RequestHead()
    parser = httptools.HttpRequestParser(head)
    try:
        # Of which llhttp knows only some; an application says itself which it takes.
        parser.feed_data(b"POST " + rest)
    except httptools.HttpParserError as error:
        raise _malformed(str(error)) from error
    head.method = method.decode()
    head.version = parser.get_http_version()
    hosts, options = 0, b""
    for name, value in head.headers:
        # Few headers have these lengths, so that most are not looked at.
        size = len(name)
        if size == 4:
            hosts += name.lower() == b"host"
        elif size == 6:
            if name.lower() == b"expect":
                # A caller of HTTP/1.0 would take the word to go on for the answer.
                head.expects_continue = value.lower() == b"100-continue" and head.version == "1.1"
        elif size == 10:
            if name.lower() == b"connection":
                options += b"," + value
        elif size == 14:
            if name.lower() == b"content-length":
                head.length = int(value)
        elif size == 17 and name.lower() == b"transfer-encoding":
            if value.strip().lower() != b"chunked" or head.version != "1.1":
                raise _malformed("a body may be chunked, in HTTP/1.1, and nothing else")
            head.is_chunked = True
    if hosts > 1:
        raise _malformed("there is more than one Host")
    # llhttp says so only before the end of a request, which is in its head if there is no body.
    named = {option.strip() for option in options.lower().split(b",")}
    head.keeps_alive = b"close" not in named and (head.version == "1.1" or b"keep-alive" in named)
    return head


def _malformed(message: str) -> UnreadableRequest:
    return UnreadableRequest(400, "MalformedRequest", f"this is no request: {message}")


def _too_large(message: str) -> UnreadableRequest:
    return UnreadableRequest(431, "HeadersTooLarge", message)
