"""Errors of NEST and PyNEST as errors of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nestd.kernel.pynest import nest
from protocol.errors import KernelError, NestdError


@contextmanager
def raised_by_nest(call: str) -> Iterator[None]:
    """Turn what NEST or PyNEST raises in ``call`` into an error with its name and place.

    NEST 3.10 has no error names of its own; the class name is what PyNEST users know.

    Raises
    ------
    KernelError
        Instead of any error but the protocol's own.
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
    """Return the name of each of NEST's exception classes, and of the class it derives from."""
    classes = {
        name: error
        for name, error in vars(nest.NESTErrors).items()
        if isinstance(error, type) and issubclass(error, BaseException)
    }
    return {name: error.__mro__[1].__name__ for name, error in classes.items()}
