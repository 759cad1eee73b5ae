"""Functions of ``nest.lib.hl_api_helper`` that libraries import; PyNEST's do the same.

Hand-written, as PyNEST's need NEST itself.
"""

from __future__ import annotations

import contextlib
import functools
import os
import textwrap
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nest_remote.look_alike.module import PyNest


def is_iterable(seq: Any) -> bool:
    """Tell whether ``seq`` can be iterated over."""
    try:
        iter(seq)
    except TypeError:
        return False
    return True


def is_iterable_not_str(seq: Any) -> bool:
    """Tell whether ``seq`` can be iterated over and is no text."""
    return not isinstance(seq, str) and is_iterable(seq)


def stringify_path(filepath: Any) -> Any:
    """Return a path as text; anything else as it is."""
    return os.fspath(filepath) if isinstance(filepath, os.PathLike) else filepath


def broadcast(item: Any, length: int, allowed_types: Any, name: str = "item") -> Any:
    """Return ``item`` as a sequence of ``length``.

    Raises
    ------
    TypeError
        If it has another length.
    """
    if isinstance(item, allowed_types):
        return length * (item,)
    if len(item) == 1:
        return length * item
    if len(item) != length:
        raise TypeError(
            f"'{name}' must be a single value, a list with one element or a list with {length} "
            "elements."
        )
    return item


def get_wrapped_text(text: str, width: int = 80) -> str:
    """Return ``text`` with each of its lines wrapped."""
    lines = (textwrap.fill(" ".join(line.split()), width=width) for line in text.split("\n"))
    return "\n".join(lines)


#: Functions whose use has been warned of.
_warned: set[str] = set()


def show_deprecation_warning(
    func_name: str, alt_func_name: str | None = None, text: str | None = None
) -> None:
    """Warn once that a function is deprecated."""
    if func_name not in _warned:
        _warned.add(func_name)
        text = text or get_wrapped_text(
            f"{func_name} is deprecated and will be removed in a future version of NEST.\n"
            f"Please use {alt_func_name} instead!"
        )
        warnings.warn("\n" + text, stacklevel=3)


def deprecated(alt_func_name: str, text: str | None = None) -> Callable[..., Any]:
    """Return a decorator for deprecated functions."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def warning(*args: Any, **kwargs: Any) -> Any:
            show_deprecation_warning(function.__name__, alt_func_name, text)
            return function(*args, **kwargs)

        return warning

    return decorate


@contextlib.contextmanager
def SuppressedDeprecationWarning(no_dep_funcs: Any) -> Iterator[None]:  # noqa: N802
    """Keep warnings of some functions back, as a context."""
    names = {no_dep_funcs} if isinstance(no_dep_funcs, str) else {*no_dep_funcs}
    added = names - _warned
    _warned.update(added)
    try:
        yield
    finally:
        _warned.difference_update(added)


def functions(nest: PyNest) -> dict[str, Any]:
    """Return everything that ``nest.lib.hl_api_helper`` has for the kernel behind ``nest``."""

    def load_help(obj: str) -> str:
        """Return NEST's documentation of a model.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        try:
            text: str = nest._connected().call("help", obj, True)
        except ValueError as error:
            raise FileNotFoundError(f"Sorry, there is no help for '{obj}'.") from error
        return text

    def show_help_with_pager(obj: str) -> None:
        """Print NEST's documentation of a model."""
        print(load_help(obj))

    def get_parameters(nc: Any, param: Any) -> Any:
        """Return one or several parameters of nodes."""
        return nc.get(param)

    found = (
        broadcast,
        deprecated,
        get_parameters,
        get_wrapped_text,
        is_iterable,
        is_iterable_not_str,
        load_help,
        show_deprecation_warning,
        show_help_with_pager,
        stringify_path,
        SuppressedDeprecationWarning,
    )
    return {function.__name__: function for function in found}
