"""A server of an account, what must stay as it is, and what must not come out."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server, start_server
from tests.system.attacks.accounts import Account, remove

#: Time in which a server that was attacked answers somebody else.
ANSWERS_S = 5.0
#: What each server here has; small, so that attacks meet them soon.
LIMITS = {
    "NEST_SERVER_EXEC_TIME_LIMIT_S": "10",
    "NEST_SERVER_MEMORY_MIB": "2048",
}
#: Files of the account that are worth something to somebody else; their content is a secret.
_PRECIOUS = {
    "bashrc": ".bashrc",
    "keys": ".ssh/authorized_keys",
    "identity": ".ssh/id_ed25519",
    "notes": "notes.rst",
    "pth": ".local/lib/python3/site-packages/a.pth",
}
#: What processes that run NEST write into the directory of a server, and what gateways do.
_WRITABLE = ("data", "kernel", "jobs")
#: What changes there by itself.
_LIVELY = (".sock", ".bin")


@dataclass
class AccountRuntime(Runtime):
    """Runtime directory of an account, whose commands run as that account, in its home."""

    account: Account = field(kw_only=True)
    #: What the commands have printed.
    printed: list[str] = field(default_factory=list, kw_only=True)

    def __post_init__(self) -> None:
        self.account.own(self.directory)

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        name, _, value = self.mark.partition("=")
        own = {"NESTD_RUNTIME_DIR": str(self.directory), name: value}
        return self.account.environment(own | (extra or {}))

    def run(
        self, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.account.command(self.python, "-m", "nestd.server.cli", *arguments),
            env=self.environment(env),
            cwd=self.account.home,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        self.printed.append(done.stdout + done.stderr)
        return done


@dataclass
class Target:
    """A server that is attacked."""

    server: Server
    account: Account
    #: Stands in each precious file, and nowhere else.
    secret: str

    @property
    def directory(self) -> Path:
        """Directory of the server in the runtime directory."""
        return self.server.runtime.directory / f"server-{self.server.port}"

    @property
    def gaps(self) -> dict[str, str]:
        """What stands in tables for places: ``@home@``, ``@up@`` and the like."""
        home = str(self.account.home)
        places = {
            "home": home,
            "up": "../" * 20 + home.lstrip("/"),
            "server": str(self.directory),
            "runtime": str(self.server.runtime.directory),
            "port": str(self.server.port),
        }
        return places | {name: f"{home}/{path}" for name, path in _PRECIOUS.items()}

    def fill(self, value: Any) -> Any:
        """Return ``value`` with the places of this server."""
        if isinstance(value, str):
            for name, place in self.gaps.items():
                value = value.replace(f"@{name}@", place)
            return value
        if isinstance(value, dict):
            return {self.fill(key): self.fill(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.fill(entry) for entry in value]
        return value

    def files(self) -> dict[str, FileState]:
        """Return the files that no caller may change, as they are."""
        found = {}
        for top in (self.account.home, self.directory):
            for path, directories, names in os.walk(top):
                if Path(path) == self.directory:
                    directories[:] = [name for name in directories if name not in _WRITABLE]
                for name in [*names, *directories]:
                    if not name.endswith(_LIVELY):
                        found[f"{path}/{name}"] = FileState.of(Path(path) / name)
        for place in ("/tmp", "/var/tmp", "/dev/shm"):
            for path in Path(place).iterdir():
                known = (self.account.home, self.server.runtime.directory)
                if path not in known and self.account.owns(path):
                    found[str(path)] = FileState.of(path)
        return found

    def ready(self) -> None:
        """Wait until the server is, and empty its network."""

        def is_ready() -> bool:
            try:
                return self.server.get("/readyz").status_code == 200
            except requests.ConnectionError:
                return False

        if not poll_until(is_ready, 60.0):
            # An attack before this one has left a kernel that does not answer.
            self.end_kernel()
            assert poll_until(is_ready, DEADLINE_S), self.server.log()
        self.server.call("ResetKernel")
        # Names that outlive a reset, where they may be set at all.
        for name, value in (("data_path", ""), ("data_prefix", ""), ("overwrite_files", False)):
            self.server.post("/api/SetKernelStatus", [{name: value}])

    def end_kernel(self) -> None:
        """Kill the kernel, so that there is another."""
        for pid in self.account.processes():
            with contextlib.suppress(OSError):
                if b"nestd.cli" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)

    def generation(self) -> str:
        """Return the generation of the kernel."""
        return str(self.server.get("/").json()["generation"])

    @contextlib.contextmanager
    def unharmed(self) -> Iterator[list[str]]:
        """Check what is inside for harm, from outside; what came out goes into the list."""
        self.ready()
        before, generation = self.files(), self.generation()
        said: list[str] = []
        yield said
        after = self.files()
        harm = [f"{path} was changed" for path, state in after.items() if before.get(path) != state]
        harm += [f"{path} was removed" for path in before.keys() - after.keys()]
        # Undone, so that each test stands for itself.
        self._undo(before, after)
        text = "\n".join(said)
        harm += ["a secret came out"] if self.secret in text else []
        token = self.server.token
        harm += ["the token came out"] if token and token in text else []
        harm += self.silence(generation)
        assert harm == [], (harm, text[:2000])

    def _undo(self, before: dict[str, FileState], after: dict[str, FileState]) -> None:
        for path in sorted(after.keys() - before.keys(), reverse=True):
            remove(Path(path))
        for path in sorted(before):
            if before[path] != after.get(path):
                before[path].write(Path(path))
        for pid in self.account.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def silence(self, generation: str) -> list[str]:
        """Return in which way the server does not answer somebody else."""
        try:
            health = requests.get(self.server.url + "/healthz", timeout=ANSWERS_S)
            reply = requests.post(
                self.server.url + "/api/GetKernelStatus",
                json={"keys": "resolution"},
                headers={"NESTServerAuth": self.server.token or ""},
                timeout=DEADLINE_S,
            )
        except requests.RequestException as error:
            return [f"the server does not answer: {type(error).__name__}"]
        found = []
        if health.status_code != 200:
            found.append(f"/healthz: {health.status_code}")
        if (reply.status_code, reply.text) != (200, "0.1"):
            found.append(f"a small call: {reply.status_code} {reply.text:.200}")
        elif reply.headers["NEST-Kernel-Generation"] != generation:
            found.append("the kernel has ended")
        return found

    def call(self, name: str, body: Any = None) -> str:
        """Call ``name`` with the places filled in; return what the caller gets to see."""
        reply = self.server.post(f"/api/{name}", self.fill(body))
        return f"{name}: {reply.status_code} {reply.text}"

    def script(self, source: str, returns: Any = None, **options: Any) -> requests.Response:
        """Run a script with the places filled in."""
        body = {"source": self.fill(source)} | ({"return": returns} if returns else {})
        return self.server.post("/exec", body, **options)


@dataclass(frozen=True)
class FileState:
    """What a file was at a moment."""

    mode: int
    uid: int
    content: bytes

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Return what a file is now."""
        try:
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        except OSError:
            return cls(0, 0, b"")
        return cls(status.st_mode, status.st_uid, content)

    def write(self, path: Path) -> None:
        """Make the file what it was."""
        if stat.S_ISDIR(self.mode):
            path.mkdir(exist_ok=True)
        elif stat.S_ISREG(self.mode):
            path.write_bytes(self.content)
        else:
            return
        os.chown(path, self.uid, self.uid)
        path.chmod(stat.S_IMODE(self.mode))


@contextlib.contextmanager
def attacked(
    env: dict[str, str] | None = None,
    *arguments: str,
    prepare: Callable[[Account], object] | None = None,
) -> Iterator[Target]:
    """Have a server of a new account, and end both; nothing of them is left.

    Parameters
    ----------
    env : variables of the server; ``@home@`` in them is the account's home
    arguments : of ``nest-server start``
    prepare : called before the server is started
    """
    with Account.made() as account:
        secret = secrets.token_hex(16)
        for path in _PRECIOUS.values():
            account.write(path, f"# {secret}\n")
        if prepare is not None:
            prepare(account)
        asked = LIMITS | (env or {})
        asked = {name: text.replace("@home@", str(account.home)) for name, text in asked.items()}
        runtime = AccountRuntime(account=account)
        try:
            server = start_server(runtime, asked, *arguments)
            try:
                yield Target(server, account, secret)
            finally:
                server.session.close()
                runtime.run("stop", "-p", str(server.port))
            left = runtime.leftovers()
        finally:
            runtime.remove()
        assert left == []
