"""Errors of NEST and PyNEST as errors of the protocol, and NEST's limit of memory."""

from __future__ import annotations

import re
from types import TracebackType

from nestd.call_traits import TRAITS
from nestd.confinement.memory import limit
from nestd.kernel.pynest import nest
from nestd.logs.nest_messages import messages
from protocol.errors import KernelError, NestdError

#: Calls that may make NEST take much memory. Others have the reserve, too: a full network can be
#: asked, and small calls, such as setting a parameter, don't pay for the limit.
#: The value is the part of the reserve that they have: where a simulation begins, most allocations
#: that fail end the process.
_GROWING = {
    name: 0.5 if traits.simulates or traits.prepares else 0.0
    for name, traits in TRAITS.items()
    if (traits.builds or traits.simulates or traits.prepares) and name != "ResetKernel"
}

#: Name of a function at the beginning of what Python says about arguments that don't fit it.
_CALLED = re.compile(r"^[\w.<>]+\(\)")


def is_without_text(error: BaseException) -> bool:
    """Return whether an error has no text, or its class's name alone."""
    return str(error).strip() in ("", type(error).__name__)


class raised_by_nest:  # noqa: N801  # reads like the function that contextmanager would make
    """Turns what NEST or PyNEST raises in ``call`` into an error with its name and place.

    Meanwhile a call that may make NEST take memory is bound by the limit of the kernel's memory.

    NEST 3.10 has no error names of its own; the class name is what PyNEST users know.

    Raises
    ------
    KernelError
        Instead of any error but the protocol's own.
    """

    __slots__ = ("_call", "_reserve")

    def __init__(self, call: str) -> None:
        self._call = call
        self._reserve = _GROWING.get(call)

    def __enter__(self) -> None:
        """Begin the call."""
        if self._reserve is not None:
            limit.enforce(self._reserve)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the call."""
        if self._reserve is not None:
            limit.release()
        if error is None or isinstance(error, NestdError) or not isinstance(error, Exception):
            return
        if isinstance(error, MemoryError):
            raise limit.refusal(self._call, error) from error
        name = type(error).__name__
        if is_without_text(error):
            text = messages.explanation() or "NEST gives no further explanation"
        else:
            text = str(error).strip()
        if isinstance(error, TypeError) and traceback is not None and traceback.tb_next is None:
            # The arguments don't fit what is called in place of PyNEST's function.
            text = _CALLED.sub(f"{self._call.rpartition('.')[2]}()", text)
        raise KernelError(
            f"{name} in {self._call}: {text}",
            error_name=name,
            call=self._call,
            module=type(error).__module__,
        ) from error


def nest_errors() -> dict[str, str]:
    """Return the name of each of NEST's exception classes, and of the class it derives from."""
    classes = {
        name: error
        for name, error in vars(nest.NESTErrors).items()
        if isinstance(error, type) and issubclass(error, BaseException)
    }
    return {name: error.__mro__[1].__name__ for name, error in classes.items()}
