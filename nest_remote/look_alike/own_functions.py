"""Functions of PyNEST that this side executes, by one or more calls of the kernel."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nest_remote import output_formats
from nest_remote.look_alike.functions import RemoteFunction

if TYPE_CHECKING:
    from nest_remote.look_alike.module import PyNest


def functions(nest: PyNest) -> dict[str, Callable[..., Any]]:
    """Return the functions for the kernel behind ``nest``, by their names."""

    @contextlib.contextmanager
    def RunManager() -> Iterator[None]:  # noqa: N802  # PyNEST's name
        """Prepare before, and Cleanup after, a series of ``Run``."""
        session = nest._connected()
        session.call("Prepare")
        try:
            yield
        finally:
            session.call("Cleanup")

    def PrintNodes() -> None:  # noqa: N802  # PyNEST's name
        """Print ranges of node ids with their models."""
        print(nest._connected().call("PrintNodes"))

    def help(obj: Any = None, return_text: bool = False) -> str | None:
        """Show, or return, NEST's documentation of a model, or PyNEST's of a function or class."""
        if obj is None:
            print(
                "PyNEST, executed elsewhere. Functions have their documentation: help(nest.Create)."
            )
            return None
        if isinstance(obj, str):
            try:
                text: str = nest._connected().call("help", obj, True)
            except ValueError as error:
                print(error)
                return None
        else:
            head = getattr(obj, "__name__", type(obj).__name__)
            if isinstance(obj, RemoteFunction):
                head += str(obj.__signature__)
            text = f"{head}\n\n{inspect.getdoc(obj) or 'There is no documentation.'}\n"
        if return_text:
            return text
        print(text)
        return None

    def files() -> list[dict[str, Any]]:
        """Return name, size, time of change and media type of each file that NEST has written."""
        return nest._connected().files()

    def get(*args: Any) -> Any:
        """Return kernel attributes: all, one, or several."""
        if not args:
            return nest.GetKernelStatus()
        return nest.GetKernelStatus(args[0] if len(args) == 1 else args)

    def set(**kwargs: Any) -> None:
        """Set kernel attributes by keywords."""
        nest.SetKernelStatus(kwargs)

    def serialize_data(data: Any) -> Any:
        """Convert ``data`` into what JSON has: lists, dicts, numbers and text."""
        return output_formats.serialize_data(data)

    def to_json(data: Any, **kwargs: Any) -> str:
        """Convert ``data`` into JSON text; ``kwargs`` are those of ``json.dumps``."""
        return output_formats.to_json(data, **kwargs)

    found = (RunManager, PrintNodes, help, files, get, set, serialize_data, to_json)
    return {function.__name__: function for function in found}
