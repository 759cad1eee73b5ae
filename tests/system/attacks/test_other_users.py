"""Other accounts of the machine: ports, names in /tmp, modes of files, secrets that show."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, free_port
from tests.system.attacks.accounts import ROOT, Account
from tests.system.attacks.elf import shared_object
from tests.system.attacks.targets import AccountRuntime, Target, attacked
from tests.system.attacks.written import ASCII, LAYER, recorded

#: Binds an address, says so, and prints what arrives there.
_TRAP = """
import socket, sys
host, port, options = sys.argv[1], int(sys.argv[2]), sys.argv[3].split()
trap = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
if ':' in host:
    trap.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 'only' in options)
if 'reuse' in options:
    trap.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    trap.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
try:
    trap.bind((host, port))
    trap.listen()
except OSError as error:
    print('refused', error.errno, flush=True)
    sys.exit()
print('bound', flush=True)
while True:
    caller, _ = trap.accept()
    caller.settimeout(5)
    print(caller.recv(65536).decode('latin-1').replace('\\n', ' '), flush=True)
    caller.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}')
    caller.close()
"""


@contextmanager
def trap(account: Account, host: str, port: int, *options: str) -> Iterator[tuple[str, Path]]:
    """Have the account listen; yield what it says of that, and the file of what arrives."""
    heard = account.home / f"heard-{port}"
    with heard.open("w") as file:
        process = account.popen(_TRAP, host, str(port), " ".join(options), stdout=file)
        try:
            assert poll_until(lambda: "\n" in heard.read_text(), DEADLINE_S)
            yield heard.read_text().splitlines()[0], heard
        finally:
            process.kill()
            process.wait(DEADLINE_S)


@pytest.mark.parametrize("options", [("only",), ("only", "reuse"), (), ("reuse",)])
@pytest.mark.parametrize("host", ["::1", "::", "127.0.0.1", "0.0.0.0"])
def test_nobody_else_listens_on_the_server_s_port(
    target: Target, other: Account, host: str, options: tuple[str, ...]
) -> None:
    with trap(other, host, target.server.port, *options) as (said, _):
        assert said.startswith("refused"), "localhost may lead callers, and their token, there"


@pytest.mark.parametrize("host", ["::1", "::"])
def test_server_does_not_start_beside_somebody_else(other: Account, host: str) -> None:
    port = free_port()
    with Account.made() as account, trap(other, host, port, "only") as (said, _):
        assert said == "bound"
        runtime = AccountRuntime(account=account)
        try:
            done = runtime.run("start", "-d", "-p", str(port))
            runtime.run("stop", "-p", str(port))
        finally:
            runtime.remove()
    assert done.returncode != 0, done.stdout
    assert str(port) in done.stderr


_CLIENTS = {
    "NESTServerClient": (
        "NESTServerClient(port={port}, token='{token}').GetKernelStatus('resolution')"
    ),
    "nest_remote": (
        "nest_remote.connect(nest_remote.connect.__defaults__[0].replace('52425', '{port}'), "
        "token='{token}'); nest_remote.GetKernelStatus('resolution')"
    ),
}


#: What most systems say of ``localhost``, whatever this one says.
_LOCALHOST = """
import socket
own = socket.getaddrinfo
def getaddrinfo(host, *rest, **named):
    return own('::1' if host == 'localhost' else host, *rest, **named)
socket.getaddrinfo = getaddrinfo
"""


@pytest.mark.parametrize("client", _CLIENTS)
def test_clients_send_the_token_to_no_other_account(other: Account, client: str) -> None:
    """``localhost`` is ``::1`` first on most systems, where another account may listen."""
    port, token = free_port(), "t" * 48
    call = _CLIENTS[client].format(port=port, token=token)
    source = _LOCALHOST + "import nest_remote\nfrom NESTServerClient import NESTServerClient\n"
    source += f"try:\n    {call}\nexcept Exception:\n    pass\n"
    with trap(other, "::1", port, "only") as (said, heard):
        assert said == "bound"
        with Account.made() as account:
            account.python(source)
        assert token not in heard.read_text()


def test_printed_links_lead_to_the_server_alone(target: Target) -> None:
    runtime = target.server.runtime
    runtime.run("status")
    runtime.run("token", "-p", str(target.server.port))
    assert isinstance(runtime, AccountRuntime)
    printed = "\n".join(runtime.printed)
    assert f":{target.server.port}" in printed
    assert "localhost" not in printed


DOCUMENTS = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
PAGES = ["gateway/static/index.html", "gateway/static/desktop-start.html"]
#: Links that are printed, to NEST Desktop, too.
PRINTED = ["nestd/server/banner.py"]


def test_documents_and_pages_lead_to_the_server_alone() -> None:
    leads = re.compile(r"localhost(:52425|:54286|:5000\b|\", |</span>)")
    lines = [
        f"{name}: {line}"
        for name in (*DOCUMENTS, *PAGES, *PRINTED)
        for line in (ROOT / name).read_text().splitlines()
        # Tunnels begin on a machine of the caller's own.
        if leads.search(line) and "ssh -L" not in line and "origin" not in line
    ]
    assert lines == []


# Names that somebody else has taken before.


def test_extensions_are_not_taken_from_a_directory_that_others_make(
    target: Target, other: Account
) -> None:
    """H5: NEST's library looks below the directory in /tmp in which its wheel was built."""
    found = target.account.python(
        "import importlib.util as u; print(u.find_spec('nest').submodule_search_locations[0])"
    ).strip()
    library = next(Path(found).glob("nestkernel_api*.so")).read_bytes()
    prefixes = {
        Path(name.decode()) for name in re.findall(rb"/tmp/[\w.]+/wheel/platlib(?=\0)", library)
    }
    marker = target.account.home / "loaded"
    with ExitStack() as made:
        for prefix in prefixes:
            top = Path(*prefix.parts[:3])
            assert not top.exists(), "somebody has made it already"
            made.callback(other.python, f"import shutil; shutil.rmtree({str(top)!r})")
            for below in ("lib64/nest", "lib/nest", "lib64", "lib"):
                place = prefix / below
                other.python(
                    "import os, sys; p = sys.argv[1]; os.makedirs(p, 0o755, True); "
                    "open(p + '/evil.so', 'wb').write(bytes.fromhex(sys.argv[2])); "
                    "os.chmod(p + '/evil.so', 0o755)",
                    str(place),
                    shared_object(str(marker)).hex(),
                )
        with target.unharmed() as said:
            said += [target.call("Install", [name]) for name in ("evil", "evil.so")]


_TAKEN = {
    "directory": "os.mkdir(path)",
    "open directory": "os.mkdir(path); os.chmod(path, 0o777)",
    "link to the other account's directory": (
        "os.mkdir(path + 'x', 0o777); os.chmod(path + 'x', 0o777); os.symlink(path + 'x', path)"
    ),
    "link to the account's own home": "os.symlink(sys.argv[2], path)",
    "link to nothing": "os.symlink(sys.argv[2] + '/new', path)",
    "link to /tmp": "os.symlink('/tmp', path)",
    "file": "open(path, 'w').close()",
    "pipe": "os.mkfifo(path)",
}


@pytest.mark.parametrize("name", _TAKEN)
def test_runtime_directory_that_somebody_else_made_is_refused(other: Account, name: str) -> None:
    with Account.made() as account:
        before = {path.name for path in account.home.iterdir()}
        path = Path("/tmp") / f"nestd-{account.uid}"
        other.python(
            f"import os, sys; path = sys.argv[1]; {_TAKEN[name]}", *map(str, (path, account.home))
        )
        try:
            env = {"NESTD_RUNTIME_DIR": "", "TMPDIR": "/tmp", "XDG_RUNTIME_DIR": ""}
            runtime = AccountRuntime(account=account)
            done = runtime.run("start", "-d", "-p", str(free_port()), env=env)
            runtime.remove()
            written = list(path.iterdir()) if path.is_dir() and "/tmp" not in name else []
        finally:
            other.python(
                "import os, shutil, sys\n"
                "for path in (sys.argv[1], sys.argv[1] + 'x'):\n"
                "    if os.path.isdir(path) and not os.path.islink(path): shutil.rmtree(path)\n"
                "    elif os.path.lexists(path): os.unlink(path)\n",
                str(path),
            )
        assert (done.returncode, written) == (78, []), done.stderr
        assert {path.name for path in account.home.iterdir()} == before


# A server that others may look at, with a token that is hard to blacken.

#: As an operator may choose one: what JSON, Python and URLs write in other ways.
ODD_TOKEN = "quote\"back\\slash'per%25cent plus+and/more-of-it-0123456789"


@pytest.fixture(scope="module")
def shown() -> Iterator[Target]:
    """A server in a directory that all may enter, started without a mask of modes."""
    env = {"NEST_SERVER_ACCESS_TOKEN": ODD_TOKEN, "NEST_SERVER_ENABLE_EXEC_CALL": "1"}
    before = os.umask(0)
    try:
        with attacked(env | {"NEST_SERVER_LOG_LEVEL": "debug"}) as target:
            target.server.runtime.directory.chmod(0o755)
            target.directory.chmod(0o755)
            target.account.home.chmod(0o755)
            yield target
    finally:
        os.umask(before)


def test_others_can_neither_read_nor_write_what_the_server_keeps(
    shown: Target, other: Account
) -> None:
    shown.ready()
    headers = {"Prefer": "respond-async"}
    shown.server.post("/exec", {"source": "print(1)"}, headers=headers)
    for name, body in (
        ("SetKernelStatus", [{"overwrite_files": True}]),
        *recorded(ASCII | {"label": "open"}),
        LAYER,
        ("DumpLayerNodes", [[3, 4, 5, 6], "layer.txt"]),
    ):
        shown.call(name, body)
    runtime = shown.server.runtime.directory
    others = other.python(_LOOK, str(runtime), str(shown.account.home))
    assert json.loads(others) == []


#: Prints what an account can read, write or connect to below some directories.
_LOOK = """
import json, os, socket, stat, sys
found = []
for top in sys.argv[1:]:
    for path, directories, names in os.walk(top):
        for name in names:
            file = path + '/' + name
            mode = os.lstat(file).st_mode
            if stat.S_ISSOCK(mode):
                try:
                    socket.socket(socket.AF_UNIX).connect(file)
                    found.append('connected to ' + file)
                except OSError:
                    pass
            elif os.access(file, os.R_OK):
                found.append('read ' + file)
            if not stat.S_ISLNK(mode) and os.access(file, os.W_OK):
                found.append('write ' + file)
        if os.access(path, os.W_OK):
            found.append('write ' + path)
print(json.dumps(found))
"""


def test_no_process_shows_the_token(shown: Target, other: Account) -> None:
    """Command lines are for everyone; environments of what runs NEST or scripts are for callers."""
    seen = other.python(
        "import glob\n"
        "for path in glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/[0-9]*/environ'):\n"
        "    try: print(open(path, 'rb').read())\n"
        "    except OSError: pass\n"
    )
    assert ODD_TOKEN not in seen
    assert repr(ODD_TOKEN.encode())[2:-1] not in seen
    holders = []
    for pid in shown.account.processes():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        runs_others_code = b"nestd.cli" in command or b"fork_server" in command
        shown_there = command + environment if runs_others_code else command
        if ODD_TOKEN.encode() in shown_there:
            holders.append(command.replace(b"\0", b" ").decode())
    assert holders == []


def test_log_does_not_show_the_token(shown: Target) -> None:
    forms = {
        ODD_TOKEN,
        json.dumps(ODD_TOKEN)[1:-1],
        json.dumps(json.dumps(ODD_TOKEN))[1:-1],
        repr(ODD_TOKEN)[1:-1],
        quote(ODD_TOKEN),
        quote(ODD_TOKEN, safe=""),
        ODD_TOKEN.replace("\\", "\\\\"),
    }
    server = shown.server
    server.post("/exec", {"source": f"print({ODD_TOKEN!r})"})
    server.post("/exec", {"source": f"print({json.dumps(ODD_TOKEN)!r})"})
    server.post("/exec", {"source": f"raise ValueError({ODD_TOKEN!r})"})
    server.post("/api/message", [10, "caller", ODD_TOKEN])
    server.post("/api/Create", [ODD_TOKEN])
    server.post("/api/SetDefaults", ["iaf_psc_alpha", {ODD_TOKEN: 1}])
    server.get(f"/api/{quote(ODD_TOKEN, safe='')}")
    server.get("/", params={"token": ODD_TOKEN})
    server.get("/api", headers={"X-Request-ID": ODD_TOKEN, "User-Agent": ODD_TOKEN})
    server.get("/api", headers={"Origin": f"http://{ODD_TOKEN}"})
    server.get("/jobs/0123456789abcdef")

    def has_all() -> bool:
        return "0123456789abcdef" in server.log()

    poll_until(has_all, 10.0)
    log = server.log()
    assert [form for form in sorted(forms) if form in log] == []


@pytest.mark.parametrize("token", ["x", "12345", "a" * 7, "\u00fc" * 30, "a b\tc" * 9])
def test_tokens_that_can_be_guessed_or_not_be_sent_are_refused(token: str) -> None:
    with Account.made() as account:
        runtime = AccountRuntime(account=account)
        port = str(free_port())
        try:
            done = runtime.run("start", "-d", "-p", port, env={"NEST_SERVER_ACCESS_TOKEN": token})
            runtime.run("stop", "-p", port)
        finally:
            runtime.remove()
    assert done.returncode == 78, done.stderr
    assert token not in done.stderr.replace("NEST_SERVER_ACCESS_TOKEN", "") or len(token) < 3


def test_files_of_the_server_are_private_by_their_own_mode(shown: Target) -> None:
    weak = []
    for path in shown.server.runtime.directory.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISLNK(mode) and mode & 0o077:
            weak.append(f"{stat.filemode(mode)} {path.name}")
    assert weak == []


def test_other_account_cannot_end_the_server(target: Target, other: Account) -> None:
    with target.unharmed() as said:
        source = "import glob, os, sys\n"
        source += "for path in glob.glob('/proc/[0-9]*'):\n"
        source += "    try:\n"
        source += "        if os.stat(path).st_uid == int(sys.argv[1]): os.kill(int(path[6:]), 9)\n"
        source += "    except OSError: pass\n"
        said.append(other.python(source, str(target.account.uid)))
        for command in ("stop", "token", "status"):
            done = subprocess.run(
                other.command(target.server.runtime.python, "-m", "nestd.server.cli", command),
                env=other.environment({"NESTD_RUNTIME_DIR": str(target.server.runtime.directory)}),
                cwd=other.home,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
            said.append(done.stdout + done.stderr)
            assert done.returncode != 0
