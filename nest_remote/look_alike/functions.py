"""Functions of PyNEST that the kernel executes."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from nest_remote.look_alike.import_paths import home_of

if TYPE_CHECKING:
    from nest_remote.look_alike.module import PyNest

#: Signatures of calls that the server takes in more ways than PyNEST, as PyNEST has them.
_NARROWER = {
    "Disconnect": "(*args, conn_spec=None, syn_spec=None)",
    "GetNodes": "(properties={}, local_only=False)",
    "GetStatus": "(nodes_or_conns, keys=None, output='')",
}


class RemoteFunction:
    """Function of PyNEST that the kernel executes: that of the session which its module has.

    Parameters
    ----------
    nest : module whose session executes
    name : dotted name
    """

    def __init__(self, nest: PyNest, name: str) -> None:
        self._nest = nest
        self._name = name
        name_as(self, nest, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._nest._connected().call(self._name, *args, **kwargs)

    # As functions have it, with which Python's help takes it for one.
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    # A class's __doc__ is a string, an instance's is asked for when somebody reads it.
    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return self._said("getdoc") or f"{self._name} of PyNEST, executed by the server."

    @property
    def __signature__(self) -> inspect.Signature:
        text = _NARROWER.get(self._name) or self._said("signature")
        if not text:
            # Python then takes that of __call__.
            raise AttributeError("__signature__")
        return read_signature(text)

    def _said(self, what: str) -> str:
        """Return what the kernel says of the function; empty while nobody can be asked."""
        try:
            return self._nest._connected().inspect(self._name, what)
        except Exception:
            # Who prints a function, or completes its name, wants no error of the network.
            return ""

    def __copy__(self) -> RemoteFunction:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> RemoteFunction:
        return self

    def __reduce__(self) -> str:
        if sys.modules.get(self._nest.__name__) is not self._nest:
            raise TypeError(
                "a client's functions can't be pickled: make a client in each process, there"
            )
        return self._name.rpartition(".")[2]

    def __repr__(self) -> str:
        return f"<function {self._name} of NEST, executed by the server>"


def name_as(item: Any, nest: PyNest, name: str) -> Any:
    """Name a function or class as PyNEST does, by which pickles find it, and return it."""
    if isinstance(item, MethodType):
        item = _function_of(item)
    home = home_of(name)
    item.__name__ = item.__qualname__ = name.rpartition(".")[2]
    item.__module__ = nest.__name__ if home is None else f"{nest.__name__}.{home}"
    if isinstance(item, FunctionType):
        # Without types, as PyNEST's.
        signature = inspect.signature(item)
        plain = [it.replace(annotation=it.empty) for it in signature.parameters.values()]
        item.__dict__["__signature__"] = inspect.Signature(plain)
    return item


def _function_of(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, which can have a name of its own, that does what a method does."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


class _Default:
    """Default that has no form as a literal, by its text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def read_signature(text: str) -> inspect.Signature:
    """Return the signature that ``text`` says, such as ``(model, n=1, **kwargs)``."""
    # What is no Python, such as <VerbosityLevel.INFO: 10>, becomes something that is.
    python = re.sub("<[^<>]*>", lambda shown: f"_({shown[0]!r})", text)
    found = ast.parse(f"def f{python}: pass").body[0]
    assert isinstance(found, ast.FunctionDef)
    names = found.args
    kind = inspect.Parameter

    def value(default: ast.expr | None) -> Any:
        if default is None:
            return kind.empty
        try:
            return ast.literal_eval(default)
        except ValueError:
            match default:
                case ast.Call(func=ast.Name("_"), args=[ast.Constant(str(shown))]):
                    return _Default(shown)
            return _Default(ast.unparse(default))

    plain = [*names.posonlyargs, *names.args]
    required: list[ast.expr | None] = [None] * (len(plain) - len(names.defaults))
    parameters = [
        kind(
            argument.arg,
            kind.POSITIONAL_ONLY if argument in names.posonlyargs else kind.POSITIONAL_OR_KEYWORD,
            default=value(default),
        )
        for argument, default in zip(plain, [*required, *names.defaults], strict=True)
    ]
    if names.vararg is not None:
        parameters.append(kind(names.vararg.arg, kind.VAR_POSITIONAL))
    parameters += [
        kind(argument.arg, kind.KEYWORD_ONLY, default=value(default))
        for argument, default in zip(names.kwonlyargs, names.kw_defaults, strict=True)
    ]
    if names.kwarg is not None:
        parameters.append(kind(names.kwarg.arg, kind.VAR_KEYWORD))
    return inspect.Signature(parameters)
