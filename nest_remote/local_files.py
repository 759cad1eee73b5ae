"""Directories of this machine in which a program wants NEST's files: ``data_path``, and others.

Files of a server lie in its data directory, and names from callers never lead out of it. Libraries
such as PyNN name a directory of their own, on the machine on which they run, and look for NEST's
files there. So the directory is kept here; the kernel never hears of it, and the files that NEST
has written are brought there. So are layers that are dumped into a file with a directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from protocol.errors import ArgumentError
from protocol.runtime.data_directory import FILE_LIMIT_BYTES, check_file_name
from protocol.wire.messages import Action, Operation

_KEY = "data_path"
#: Calls after which NEST has written files.
_WRITING = frozenset(["Simulate", "Run", "Cleanup", "ResetKernel"])
#: Calls that write a file at once: the place of its name among their parameters, and its name.
_DUMPING = {"DumpLayerNodes": (1, "outname"), "DumpLayerConnections": (3, "outname")}
#: Reads the server's own directory, which no local one replaces there.
_ASK = Operation(Action.GET, _KEY)

Execute = Callable[[Operation], Any]
#: Name and what tells whether a file has changed.
_Stamps = dict[str, tuple[Any, ...]]


class LocalFiles:
    """Directory for NEST's files on this machine, if the program has named one.

    Parameters
    ----------
    list_files : returns what the server says of its files
    save_file : saves the file of a name under a path
    """

    def __init__(
        self,
        list_files: Callable[[], list[dict[str, Any]]],
        save_file: Callable[[str, Path], object],
    ) -> None:
        self._list_files = list_files
        self._save_file = save_file
        #: As the program has named it; ``None`` if NEST's files stay where they are.
        self._named: str | None = None
        self._directory = Path()
        #: The server's data directory, as the kernel names it.
        self._remote = ""
        self._seen: _Stamps = {}

    def concerns(self, operation: Operation) -> bool:
        """Return whether an operation is to go through :meth:`execute`."""
        if self._named is not None or _dumps(operation):
            return True
        return operation.call == "SetKernelStatus" or (
            operation.call == _KEY and operation.action is Action.SET
        )

    def execute(self, operation: Operation, execute: Execute) -> Any:
        """Execute an operation with the names of this machine.

        Parameters
        ----------
        operation : what to do
        execute : has the kernel do what it hears of

        Raises
        ------
        ArgumentError
            If a file of the server has a name that leads out of a directory.
        OSError
            If a file can't be written here.
        """
        if _dumps(operation):
            return self._dump(operation, execute)
        path = _path_in(operation)
        if path is not None:
            if _is_directory(path):
                remote = execute(_ASK)
                if Path(path).absolute() != Path(remote):
                    return self._choose(operation, execute, path, remote)
            answer = execute(operation)
            self._named = None
            return answer
        if self._named is None:
            return execute(operation)
        answer = execute(operation)
        if operation.call in _WRITING:
            self._bring()
            if operation.call == "ResetKernel":
                self._named = None
        return self._localized(answer)

    def _dump(self, operation: Operation, execute: Execute) -> Any:
        """Have NEST write into its own directory, and bring the file to the one that is named."""
        place, key = _DUMPING[operation.call]
        is_positional = len(operation.args) > place
        given = operation.args[place] if is_positional else operation.kwargs.get(key)
        if not isinstance(given, (str, os.PathLike)):
            return execute(operation)
        target = Path(given)
        if os.fspath(given) == target.name or not target.parent.is_dir():
            return execute(operation)
        check_local_name(target.name)
        if is_positional:
            args = [*operation.args[:place], target.name, *operation.args[place + 1 :]]
            answer = execute(replace(operation, args=args))
        else:
            answer = execute(replace(operation, kwargs={**operation.kwargs, key: target.name}))
        self._save_file(target.name, target)
        return answer

    def after_batch(self) -> None:
        """Bring what a batch of calls has made NEST write."""
        if self._named is not None:
            self._bring()

    def _choose(self, operation: Operation, execute: Execute, named: str, remote: str) -> Any:
        """Set all but the directory, and keep that here."""
        if operation.action is Action.SET:
            answer = None
        elif operation.args:
            answer = execute(replace(operation, args=[_without_path(operation.args[0])]))
        else:
            params = _without_path(operation.kwargs["params"])
            answer = execute(replace(operation, kwargs={**operation.kwargs, "params": params}))
        self._named, self._directory = named, Path(named).absolute()
        self._remote = remote.rstrip("/")
        self._seen = self._stamps()
        return answer

    def _stamps(self) -> _Stamps:
        return {file["name"]: (file["size"], file["modified"]) for file in self._list_files()}

    def _bring(self) -> None:
        """Bring the files that were written since the last time."""
        for name, stamp in self._stamps().items():
            if self._seen.get(name) != stamp:
                check_local_name(name)
                self._save_file(name, self._directory / name)
                self._seen[name] = stamp

    def _localized(self, value: Any) -> Any:
        """Return an answer with the paths of this machine."""
        kind = type(value)
        if kind is str and value == self._remote:
            return self._named
        if kind is str and value.startswith(self._remote + "/"):
            return str(Path(self._named or "") / value[len(self._remote) + 1 :])
        if kind is dict:
            return {key: self._localized(item) for key, item in value.items()}
        # Numbers are most of all data.
        if kind in (list, tuple) and value and type(value[0]) in (str, dict, list, tuple):
            return kind(self._localized(item) for item in value)
        return value


def check_local_name(name: str) -> None:
    """Check that the name of a file on the server never leads out of a directory here.

    Raises
    ------
    ArgumentError
        If it could.
    """
    check_file_name(name, FILE_LIMIT_BYTES)
    if PureWindowsPath(name).name != name or PurePosixPath(name).name != name:
        raise ArgumentError(f"the file name {name:.80} would be a path on some systems")


def _dumps(operation: Operation) -> bool:
    """Return whether an operation is a call that writes a file at once."""
    return operation.call in _DUMPING and operation.action is not Action.INSPECT


def _path_in(operation: Operation) -> str | None:
    """Return the ``data_path`` that an operation sets; ``None`` if it sets none."""
    value = operation.args[0] if operation.args else operation.kwargs.get("params")
    if operation.action is not Action.SET:
        value = value.get(_KEY) if isinstance(value, dict) else None
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return value if isinstance(value, str) else None


def _is_directory(path: str) -> bool:
    """Tell a directory of this machine from short names of the server's own."""
    return path not in ("", ".", "./") and Path(path).is_dir()


def _without_path(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != _KEY}
