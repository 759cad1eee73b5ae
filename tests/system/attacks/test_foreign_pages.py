"""Pages of other sites, names of others, and NEST Desktop's page: what they may ask for."""

from __future__ import annotations

import http.client
import json
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.system.attacks.targets import Target, attacked

# With authentication off: pages of other sites, and names that lead here.


def plain(target: Target, method: str, path: str, headers: dict[str, str], body: str | None) -> int:
    """Send a request as it is; return the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", target.server.port, timeout=30.0)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if body else None)
        return connection.getresponse().status
    finally:
        connection.close()


JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
NODES = '["iaf_psc_alpha", 7]'
PARTS = '--x\r\nContent-Disposition: form-data; name="model"\r\n\r\niaf_psc_alpha\r\n--x--\r\n'
CREATE = "/api/Create?model=iaf_psc_alpha"
SCRIPT = "/exec?source=nest.Create('iaf_psc_alpha')"
FOREIGN = "http://evil.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

#: Method, path, headers and body of what pages of other sites can have a browser send.
FOREIGN_REQUESTS: dict[str, tuple[str, str, dict[str, str], str | None]] = {
    "image": ("GET", CREATE, {}, None),
    "image of another site": ("GET", CREATE, {"Sec-Fetch-Site": "cross-site"}, None),
    "image of another port": (
        "GET",
        CREATE,
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "image"},
        None,
    ),
    "image with a referrer": ("GET", CREATE, {"Referer": f"{FOREIGN}/x"}, None),
    "page that is opened": (
        "GET",
        CREATE,
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        None,
    ),
    "script as an image": ("GET", SCRIPT.replace("'", "%27"), {}, None),
    "simulation as an image": ("GET", "/api/Simulate?t=10", {}, None),
    "parameters as an image": (
        "GET",
        "/api/SetKernelStatus?params=%7B%22rng_seed%22:7%7D",
        {},
        None,
    ),
    "reset as an image": ("GET", "/api/ResetKernel", {}, None),
    "reset of another port": ("GET", "/api/ResetKernel", {"Sec-Fetch-Site": "same-site"}, None),
    "cancelling by a form": ("POST", "/jobs/0123456789abcdef", {"Content-Type": FORM}, "x=1"),
    "text": ("POST", "/api/Create", {"Content-Type": "text/plain"}, NODES),
    "text of another port": (
        "POST",
        "/api/Create",
        {"Content-Type": "text/plain", "Sec-Fetch-Site": "same-site"},
        NODES,
    ),
    "text that says it is JSON, too": (
        "POST",
        "/api/Create",
        {"Content-Type": f"text/plain; {JSON}"},
        NODES,
    ),
    "nothing said of the type": ("POST", "/api/Create", {}, NODES),
    "form": ("POST", "/api/Create", {"Content-Type": FORM}, "model=iaf_psc_alpha&n=7"),
    "form of another origin": (
        "POST",
        "/api/Create",
        {"Content-Type": FORM, "Origin": FOREIGN},
        "model=iaf_psc_alpha",
    ),
    "form without an origin to show": (
        "POST",
        "/api/Create",
        {"Content-Type": FORM, "Origin": "null"},
        "model=iaf_psc_alpha",
    ),
    "form in parts": ("POST", "/api/Create", {"Content-Type": MULTIPART}, PARTS),
    "script in a form": (
        "POST",
        "/exec",
        {"Content-Type": FORM},
        "source=nest.Create('iaf_psc_alpha')",
    ),
    "script in a text": (
        "POST",
        "/exec",
        {"Content-Type": "text/plain"},
        json.dumps({"source": "nest.Create('iaf_psc_alpha')"}),
    ),
    "batch in a text": (
        "POST",
        "/batch",
        {"Content-Type": "text/plain"},
        json.dumps([{"call": "Create", "args": ["iaf_psc_alpha"]}]),
    ),
    "JSON of another site": (
        "POST",
        "/api/Create",
        {"Content-Type": JSON, "Sec-Fetch-Site": "cross-site"},
        NODES,
    ),
    "JSON of another origin": (
        "POST",
        "/api/Create",
        {"Content-Type": JSON, "Origin": FOREIGN},
        NODES,
    ),
    "JSON of another port that is marked": (
        "POST",
        "/api/Create",
        {"Content-Type": JSON, "Sec-Fetch-Site": "same-site", "Origin": FOREIGN},
        NODES,
    ),
    "address that is another": (
        "POST",
        "/api/Create?x",
        {"Content-Type": FORM, "X-HTTP-Method-Override": "POST", "Content-Encoding": JSON},
        NODES,
    ),
}

#: Names under which other sites may lead here.
HOSTS = [
    "evil.example",
    "evil@localhost",
    "localhost@evil.example",
    "user:password@localhost",
    "localhost.evil.example",
    "localhost:80@evil.example",
    "127.0.0.1.nip.io",
    "127.0.0.1@evil",
    "[::1].evil.example",
    "[::1]evil",
    "localhost, evil.example",
    "localhost evil.example",
    "localhost/evil",
    "localhost?evil",
    "localhost#evil",
    "localhost:port",
    "localhost:99999",
    "localhost:-1",
    "evil.example:80",
    "",
    "LOCALHOST.EVIL",
    "\x7flocalhost",
    "0x7f.1",
    "2130706433",
    "[::ffff:127.0.0.1%25evil]",
]


@contextmanager
def without_effect(target: Target) -> Iterator[None]:
    """Check that the network is the same before and after."""
    target.ready()
    call = target.server.call
    call("Create", ["iaf_psc_alpha", 3])
    seed = call("rng_seed")
    yield
    assert (call("network_size"), call("rng_seed"), call("biological_time")) == (3, seed, 0.0)


@pytest.mark.parametrize("name", FOREIGN_REQUESTS)
def test_pages_of_other_sites_have_no_effect(open_target: Target, name: str) -> None:
    method, path, headers, body = FOREIGN_REQUESTS[name]
    headers = {"User-Agent": BROWSER} | headers
    with open_target.unharmed(), without_effect(open_target):
        assert 400 <= plain(open_target, method, path, headers, body) < 500


@pytest.mark.parametrize("host", HOSTS)
def test_names_of_others_have_no_effect(open_target: Target, host: str) -> None:
    with open_target.unharmed(), without_effect(open_target):
        try:
            status = plain(
                open_target, "POST", "/api/Create", {"Host": host, "Content-Type": JSON}, NODES
            )
        except (http.client.HTTPException, ValueError, OSError):
            status = 400
        assert 400 <= status < 500


@pytest.mark.parametrize("second", ["Host: evil.example", "host:evil.example"])
@pytest.mark.parametrize("first", [True, False])
def test_two_names_have_no_effect(open_target: Target, second: str, first: bool) -> None:
    lines = [second, f"Host: localhost:{open_target.server.port}"]
    head = "\r\n".join(lines if first else reversed(lines))
    with open_target.unharmed(), without_effect(open_target):
        answer = raw(
            open_target,
            f"POST /api/Create HTTP/1.1\r\n{head}\r\nContent-Type: {JSON}\r\n"
            f"Content-Length: {len(NODES)}\r\nConnection: close\r\n\r\n{NODES}",
        )
        assert re.match(rb"HTTP/1\.1 4\d\d ", answer), answer


def raw(target: Target, request: str) -> bytes:
    """Send bytes; return what comes back."""
    with socket.create_connection(("127.0.0.1", target.server.port), 10.0) as caller:
        caller.sendall(request.encode("latin-1"))
        answer = b""
        with suppress(OSError):
            while data := caller.recv(65536):
                answer += data
        return answer


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/api/Create", {"Content-Type": JSON}, NODES),
        ("POST", "/api/Create", {"Content-Type": "application/vnd.api+json"}, NODES),
        ("GET", "/api/GetKernelStatus", {}, None),
        ("POST", "/api/Create", {"Content-Type": JSON, "Origin": "http://localhost:54286"}, NODES),
        ("GET", "/api/ResetKernel", {"Origin": "http://localhost:54286"}, None),
    ],
)
def test_callers_who_are_meant_are_let_in(
    open_target: Target, method: str, path: str, headers: dict[str, str], body: str | None
) -> None:
    open_target.ready()
    assert plain(open_target, method, path, headers, body) == 200


@pytest.mark.parametrize("path", ["/elsewhere", "/api", "/healthz"])
@pytest.mark.parametrize("name", ["SCRIPT_NAME", "SCRIPT-NAME", "PATH_INFO", "X-Script-Name"])
def test_headers_do_not_change_paths(open_target: Target, name: str, path: str) -> None:
    """A proxy in front decides by the path; a header must not make another of it."""
    asked = {"Content-Type": JSON, name: path}
    expected = plain(open_target, "GET", "/api/rng_seed", {}, None)
    assert plain(open_target, "GET", "/api/rng_seed", asked, None) in (expected, 400)
    assert plain(open_target, "GET", f"{path}/healthz", asked, None) in (404, 400)


# NEST Desktop.


@pytest.fixture(scope="module")
def desktop() -> Iterator[Target]:
    """A server with the pages of NEST Desktop, of which only the frame is here."""
    with tempfile.TemporaryDirectory(prefix="nestd-desktop-") as place:
        files = Path(place) / "nest_desktop" / "app"
        files.mkdir(parents=True)
        (files.parent / "__init__.py").touch()
        (files / "index.html").write_text("<!doctype html><title>NEST Desktop</title>")
        Path(place).chmod(0o755)
        with attacked({"PYTHONPATH": place}, "--desktop") as target:
            yield target


@pytest.mark.parametrize("path", ["/desktop/", "/desktop/start", "/desktop/index.html", "/"])
def test_pages_may_ask_no_other_server_of_this_machine(desktop: Target, path: str) -> None:
    """M2: an address in the link must not have the page send the token to another port."""
    reply = desktop.server.get(path, headers={"Accept": "text/html"})
    assert reply.status_code == 200
    policy = reply.headers["Content-Security-Policy"]
    found = re.findall(r"(?:connect-src|default-src) ([^;]*)", policy)
    assert found, policy
    own = str(desktop.server.port)
    other = [
        source
        for source in " ".join(found).split()
        if source in ("*", "http:", "https:", "ws:")
        or re.match(r"(http|ws)s?://(localhost|127|\[)", source)
        if not source.endswith(f":{own}")
    ]
    assert other == []
    assert "connect-src" in policy or "default-src 'none'" in policy or "'self'" in found[0]


@pytest.mark.parametrize("address", ["http://localhost:1", "http://127.0.0.1:1", "//evil.example"])
def test_start_page_takes_no_address_from_the_link(desktop: Target, address: str) -> None:
    reply = desktop.server.get("/desktop/start", params={"nest_server_url": address})
    text = reply.text
    assert address not in text
    scripts = re.findall(r'src="([^"]+)"', text)
    for name in scripts:
        text += desktop.server.get(f"/{name.lstrip('./')}").text
    assert (desktop.server.token or "-") not in text


def test_path_is_a_path(target: Target) -> None:
    """Pages and their files are those that there are."""
    for name in ("../token", "..%2ftoken", "%2e%2e/%2e%2e/token", ".%00/x", "....//token"):
        answer = raw(target, f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (target.server.token or "-").encode() not in answer
