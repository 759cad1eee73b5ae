"""Exceptions that a caller's program sees when a remote call fails."""

from __future__ import annotations

import ast
import builtins
import functools
from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeVar

from protocol import errors
from protocol.errors import NestdError

E = TypeVar("E", bound=Exception)


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
    data : what was asked for of a script that exited with an error status; ``None`` of others
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
        data: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_name = error_name
        self.status = status
        self.line = line
        self.trace = trace
        self.output = output
        self.data = data

    def __reduce__(self) -> Any:
        # Exceptions are made anew of what they print, which is not enough here.
        return type(self), (self.message, self.error_name, self.status), _picklable(vars(self))

    def __copy__(self) -> NESTServerError:
        return _copied(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> NESTServerError:
        return _copied(self)


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

        def make(name: str) -> type[Exception]:
            parent = names.get(name)
            return _class(name, make(parent) if parent in names else Exception)

        self.__dict__.update({name: make(name) for name in names})

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


#: Classes of all sessions: one that a program keeps catches what comes after it connects again.
_classes: dict[tuple[str, type[Exception]], type[Exception]] = {}


def _class(name: str, base: type[Exception]) -> type[Exception]:
    """Return the exception class of NEST's name ``name``."""
    namespace = {
        "__module__": MODULE,
        "__reduce__": _reduced,
        "__copy__": _copied,
        "__deepcopy__": lambda self, memo: _copied(self),
    }
    return _classes.setdefault((name, base), type(name, (base,), namespace))


def _reduced(self: Exception) -> Any:
    """Return what pickles are made of: no module has the class, so its ancestors' names say it."""
    lineage = [cls.__name__ for cls in type(self).__mro__ if cls.__module__ == MODULE]
    return _restored, (lineage[::-1], self.args), _picklable(vars(self))


def _restored(lineage: list[str], args: tuple[Any, ...]) -> Exception:
    """Return the exception of a pickle."""
    made: Exception = functools.reduce(lambda base, name: _class(name, base), lineage, Exception)(
        *args
    )
    return made


def _copied(error: E) -> E:
    """Return a copy of an error; nodes and the like in it are the same."""
    reduced: Any = error.__reduce__()
    made: E = reduced[0](*reduced[1])
    made.__dict__.update(vars(error))
    return made


def _picklable(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts of an error, with text for objects of the kernel, which can't be pickled."""
    return facts | {"results": _plain(facts["results"])} if facts.get("results") else facts


def _plain(item: Any) -> Any:
    if hasattr(type(item), "wire"):
        return f"<{type(item).__name__} of NEST's kernel>"
    if isinstance(item, (list, tuple)):
        return type(item)(map(_plain, item))
    return {key: _plain(value) for key, value in item.items()} if isinstance(item, dict) else item


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
