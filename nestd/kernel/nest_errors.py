"""Errors that NEST and PyNEST raise, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nestd.kernel.pynest import nest
from protocol.errors import KernelError, NestdError


@contextmanager
def raised_by_nest(call: str) -> Iterator[None]:
    """Give what NEST or PyNEST raises while it executes ``call`` its name and place.

    NEST 3.10 has no error names of its own; the class name is what PyNEST users know.

    Raises
    ------
    KernelError
        Instead of whatever else was raised.
    """
    try:
        yield
    except NestdError:
        raise
    except Exception as error:
        name = type(error).__name__
        text = str(error).strip()
        if not text or text == name:
            text = "NEST gives no further explanation"
        raise KernelError(
            f"{name} in {call}: {text}",
            error_name=name,
            call=call,
            module=type(error).__module__,
        ) from error


def nest_errors() -> dict[str, str]:
    """NEST's own exception classes: name of each, and of the one it derives from."""
    found = {
        name: error
        for name, error in vars(nest.NESTErrors).items()
        if isinstance(error, type) and issubclass(error, BaseException)
    }
    return {name: error.__mro__[1].__name__ for name, error in found.items()}
