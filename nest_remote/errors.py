"""Exceptions that a caller's program sees when a remote call fails."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from protocol import errors
from protocol.errors import NestdError


class NESTServerError(Exception):
    """Error of a call that the server refused or that failed there.

    Attributes
    ----------
    message : what NEST or the server said, NEST's error name included
    error_name : NEST's or Python's name of the error, such as ``UnknownModelName``
    status : HTTP status; 400 and 404 mean that the call was wrong, 403 the token, 503 that
        it may work later; 0 if no server answered
    line : of a script, where it failed; ``None`` if no script did
    trace : the script's traceback; empty if there is none
    output : what the script had printed; empty if nothing
    index, results : of a batch, which call failed, and what those before it return
    """

    index: int | None = None
    results: Sequence[Any] = ()

    def __init__(
        self,
        message: str,
        error_name: str,
        status: int,
        line: int | None = None,
        trace: str = "",
        output: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_name = error_name
        self.status = status
        self.line = line
        self.trace = trace
        self.output = output


#: Name of PyNEST's module of exceptions.
MODULE = "NESTErrors"


class ErrorClasses(ModuleType):
    """``nest.NESTErrors``: exception classes of NEST's names.

    Parameters
    ----------
    names : name of each class, and of the one it derives from
    """

    def __init__(self, names: dict[str, str]) -> None:
        super().__init__(MODULE, "NEST's exceptions.")
        made: dict[str, type[Exception]] = {}

        def make(name: str) -> type[Exception]:
            if name not in made:
                parent = names.get(name)
                base = make(parent) if parent in names else Exception
                made[name] = type(name, (base,), {"__module__": MODULE})
            return made[name]

        for name in names:
            make(name)
        self.__dict__.update(made)

    def exception(self, error: NestdError) -> Exception:
        """Return the exception that PyNEST would have raised for ``error``."""
        name, text = error.error_name, error.message
        # A program that tries parameters catches NEST's error, be the network lost with it or not.
        if isinstance(error, (errors.KernelError, errors.Diverged)):
            text = text.removeprefix(f"{name} in {error.call}: ")
            if error.module != MODULE:
                return _of_python(name, text)
            found = self.__dict__.get(name)
            if isinstance(found, type):
                raised: Exception = found(text)
                return raised
        if isinstance(error, errors.UnknownCall):
            return AttributeError(text)
        if isinstance(error, errors.ArgumentError):
            return _of_python(name, text) if hasattr(builtins, name) else ValueError(text)
        if isinstance(error, errors.CallerError):
            refused: Exception = self.__dict__.get("KernelException", RuntimeError)(text)
            return refused
        return NESTServerError(text, name, 503 if isinstance(error, errors.Unavailable) else 500)


def _of_python(name: str, text: str) -> Exception:
    """Return Python's exception class ``name``; a class of that name if Python has none."""
    found = getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return RuntimeError(f"{name}: {text}")
    if found is KeyError:
        try:
            # Its text is what Python writes for the key.
            return KeyError(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            return KeyError(text)
    try:
        raised: Exception = found(text)
    except TypeError:
        # Such as UnicodeDecodeError, which wants more to be made.
        return ValueError(f"{name}: {text}")
    return raised
