"""Kernel's interface, read from the file in which a kernel describes its PyNEST.

A kernel that computes answers nobody, and clients ask for this when they connect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol.api_description import ApiDescription, Call
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.message_file import message_of
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import open_regular
from protocol.wire.messages import Action, Operation, Result
from protocol.wire.values import Text, Value

#: Length of a file that describes no PyNEST; that of NEST 3.10 has a hundredth of it.
_LIMIT_BYTES = 16 << 20


class KernelInterface:
    """Description of one kernel's PyNEST.

    Parameters
    ----------
    generation : of the kernel
    described : the kernel's answers to :attr:`Action.DESCRIBE` and :attr:`Action.DESCRIBE_API`, by
        these names
    """

    def __init__(self, generation: str, described: Any) -> None:
        self.generation = generation
        self._look_alike: dict[str, Any] = described[Action.DESCRIBE.value]
        self.api = ApiDescription.from_value(described[Action.DESCRIBE_API.value])
        self._calls = {call.name: call for call in self.api.calls}

    @classmethod
    def of(
        cls, files: RuntimeDirectory, info: ConnectionInfo, ask: Callable[[Operation], Result]
    ) -> KernelInterface:
        """Return the interface of the kernel of ``info``.

        Parameters
        ----------
        files : of the server
        info : of the kernel
        ask : asks the kernel, which takes until the kernel is idle; a kernel on another host may
            have written its file there
        """
        described = _read(files, info.generation)
        if described is not None:
            return cls(info.generation, described)
        answers = {
            action.value: ask(Operation(action))
            for action in (Action.DESCRIBE, Action.DESCRIBE_API)
        }
        generation = answers[Action.DESCRIBE_API.value].generation
        return cls(generation, {name: answer.value for name, answer in answers.items()})

    @property
    def names(self) -> list[str]:
        """Return the sorted names that can be called or read."""
        return list(self._look_alike["names"])

    def answer(self, operation: Operation) -> Value:
        """Return what the kernel would answer; ``None`` if only the kernel can tell."""
        if operation.action is Action.DESCRIBE:
            return self._look_alike
        call = self._calls.get(operation.call)
        if operation.action is Action.INSPECT and call is not None and len(operation.args) == 1:
            return _inspected(call, operation.args[0])
        return None


def _inspected(call: Call, label: Value) -> str | None:
    wanted = label.values[0] if isinstance(label, Text) else label
    return {"signature": call.signature, "getdoc": call.documentation}.get(str(wanted))


def _read(files: RuntimeDirectory, generation: str) -> Any:
    """Return what a kernel has written of its interface; ``None`` without a file of it."""
    try:
        with open_regular(files.interface(generation)) as file:
            message = message_of(memoryview(file.read(_LIMIT_BYTES)))
    except OSError:
        return None
    return message.value if isinstance(message, Result) else None
