"""Sends each request to several servers and compares what they reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol.wire.unpack import Unpacker
from tests.acceptance.oracle.known import comparable
from tests.integration.servers import Server

#: The same for any number of ranks, so that NEST computes the same.
VIRTUAL_PROCESSES = 4

_PRINTED = 300


@dataclass(frozen=True)
class Difference:
    """A request that the servers did not reply to equally."""

    call: str
    body: str
    #: One a server: status and the body from shortly before where they part.
    replies: list[str]

    def __str__(self) -> str:
        return "\n".join([f"{self.call} {self.body:.200}", *(f"    {r}" for r in self.replies)])


@dataclass
class Ask:
    """``ask(call, *args, **kwargs)`` gives what all servers answer; keeps where they differ.

    Parameters
    ----------
    servers : that are asked, each with an empty network
    """

    servers: Sequence[Server]
    #: Number of requests so far, and of those among them that were refused.
    asked: int = 0
    refused: int = 0
    calls: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)
    #: Of each server, where its files go.
    _directories: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        for server in self.servers:
            self._directories.append(Path(server.call("GetKernelStatus", ["data_path"])))

    def __call__(self, call: str, *args: Any, **kwargs: Any) -> Any:
        """The answer, which may be no error."""
        answer = self.maybe(call, *args, **kwargs)
        assert not (isinstance(answer, dict) and "error" in answer), (call, args, kwargs, answer)
        return answer

    def maybe(self, call: str, *args: Any, **kwargs: Any) -> Any:
        """The answer, or the error as a dictionary."""
        return self._ask(call, args, kwargs, None)

    def refusal(self, call: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The error, which has to be one of the caller's."""
        error = self.maybe(call, *args, **kwargs)
        assert isinstance(error, dict), (call, args, kwargs, error)
        assert error["status"] in (400, 403), (call, args, kwargs, error)
        return error

    def anew(self, threads: int | None = None) -> None:
        """Begin with an empty network again, on ``threads`` of each rank."""
        for server in self.servers:
            emptied(server)
            if threads is not None:
                ranks = server.get("/").json()["ranks"]
                server.call("SetKernelStatus", [{"total_num_virtual_procs": threads * ranks}])

    def measured(self, call: str, *args: Any) -> Any:
        """An answer that is measured, of which only the type has to be the same."""
        return self._ask(call, args, {}, lambda text: type(json.loads(text)).__name__)

    def held(self, call: str, *args: Any, **kwargs: Any) -> Held:
        """References to what ``call`` gives, one a server, for use as an argument."""
        self.calls.add(call)
        self.asked += 1
        found = []
        for number, server in enumerate(self.servers):
            body = _body(args, kwargs, number)
            reply = server.post(f"/api/{call}", body, headers={"Accept": "application/x-msgpack"})
            assert reply.status_code == 200, (call, args, reply.text)
            found.append(Unpacker().unpack(reply.content))
        contents = [(f.type, None if f.ids is None else f.ids.tolist()) for f in found]
        if not _same(contents):
            self.differences.append(
                Difference(call, json.dumps(_body(args, kwargs, 0)), [str(c) for c in contents])
            )
        return Held([{"$ref": f.id, "type": f.type, "generation": f.generation} for f in found])

    def files(self) -> None:
        """Compare all files that the servers have written."""
        written = []
        for path in self._directories:
            # Lines of one step come in the order in which NEST delivers events (``nest_itself``).
            files = sorted(file for file in path.iterdir() if file.is_file())
            written.append({f.name: "\n".join(sorted(f.read_text().split("\n"))) for f in files})
        assert written[0]
        if not _same(written):
            names = [sorted(each) for each in written]
            name = next((n for n in names[0] if not _same([w.get(n) for w in written])), "")
            texts = [(200, w.get(name, str(names))) for w in written]
            self.differences.append(Difference("files", name, _parting(texts)))

    def file(self, call: str, *args: Any) -> None:
        """Compare the file that ``call`` writes."""
        self.asked += 1
        self.calls.add(call)
        texts = []
        for server, path in zip(self.servers, self._directories, strict=True):
            server.call(call, [*args, "dump"])
            texts.append((path / "dump").read_text())
            (path / "dump").unlink()
        assert texts[0]
        if not _same(texts):
            self.differences.append(Difference(call, json.dumps(args), texts))

    def close(self) -> None:
        """Remove the files."""
        for path in self._directories:
            for file in path.iterdir():
                file.unlink()

    def _ask(
        self,
        call: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        seen: Callable[[str], str] | None,
    ) -> Any:
        self.asked += 1
        self.calls.add(call)
        for name in _calls_within([*args, *kwargs.values()]):
            self.calls.add(name)
        replies = []
        for number, server in enumerate(self.servers):
            reply = server.post(f"/api/{call}", _body(args, kwargs, number))
            text = reply.text.replace(str(self._directories[number]), "…")
            replies.append((reply.status_code, text))
        # Equal to the byte is the rule; what may differ is looked for only where it does.
        if len(set(replies)) > 1 and not _same(
            forms := [(status, (seen or comparable)(text)) for status, text in replies]
        ):
            said = json.dumps(_body(args, kwargs, 0))
            self.differences.append(Difference(call, said, _parting(forms)))
        status, text = replies[0]
        answer = json.loads(text)
        if status != 200:
            self.refused += 1
            return answer | {"status": status}
        return answer


@dataclass(frozen=True)
class Held:
    """A reference, which each server has its own of."""

    references: list[dict[str, Any]]


def _body(args: Sequence[Any], kwargs: dict[str, Any], server: int) -> Any:
    """What ``server`` is sent for these arguments."""
    if args and kwargs:
        body: Any = {"args": list(args), **kwargs}
    else:
        body = dict(kwargs) if kwargs else list(args)
    return _own(body, server)


def _own(value: Any, server: int) -> Any:
    if isinstance(value, Held):
        return value.references[server]
    if isinstance(value, (list, tuple)):
        return [_own(item, server) for item in value]
    if isinstance(value, dict):
        return {key: _own(item, server) for key, item in value.items()}
    return value


def _calls_within(value: Any) -> list[str]:
    """Names of the calls in an expression."""
    if isinstance(value, dict):
        own = [value["$call"]] if "$call" in value else []
        return own + [name for item in value.values() for name in _calls_within(item)]
    if isinstance(value, (list, tuple)):
        return [name for item in value for name in _calls_within(item)]
    return []


def _same(items: Sequence[Any]) -> bool:
    return all(item == items[0] for item in items[1:])


def _parting(forms: list[tuple[int, str]]) -> list[str]:
    texts = [text for _, text in forms]
    shortest = min(map(len, texts))
    first = next((i for i in range(shortest) if len({text[i] for text in texts}) > 1), shortest)
    start = max(0, first - 60)
    return [f"{status} …{text[start : start + _PRINTED]}" for status, text in forms]


def emptied(server: Server) -> Server:
    """The server with no network, on as many virtual processes as all others."""
    server.call("ResetKernel")
    server.call("SetKernelStatus", [{"total_num_virtual_procs": VIRTUAL_PROCESSES}])
    return server


def expression(call: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """A call within an argument."""
    return {"$call": call, "args": list(args), "kwargs": kwargs}
