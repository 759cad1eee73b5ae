"""Session with a kernel: sends calls and makes handles of PyNEST's objects in the answers."""

from __future__ import annotations

import enum
import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from nest_remote.description import Description
from nest_remote.errors import ErrorClasses
from protocol.errors import NestdError, ProtocolError
from protocol.wire.messages import Action, Operation
from protocol.wire.pack import has_wire_form
from protocol.wire.values import Array, Expression, Reference, Value

#: So many objects are let go together: each needs a place in a message, not a message of its own.
RELEASE_BATCH = 256


class Transport(Protocol):
    """Transport that carries operations to a kernel."""

    def execute(
        self,
        operation: Operation,
        convert: Callable[[Any], Value],
        reference: Callable[[Reference], Any],
    ) -> Any:
        """Execute ``operation`` and return its value.

        Parameters
        ----------
        operation : what to do; its arguments may hold objects that are no values
        convert : gives the value of such an object, or raises ``TypeError``
        reference : gives what stands for a reference in the answer

        Raises
        ------
        NestdError
            What the kernel, or what is in between, says.
        """

    def files(self) -> list[dict[str, Any]]:
        """Return what the server says of the files that NEST has written."""

    def close(self) -> None:
        """Close the connection."""


class Session:
    """Session with one kernel over a transport.

    Parameters
    ----------
    transport : how operations get there
    raised : makes the exception to raise of what the kernel said; ``None`` for PyNEST's own
        exceptions
    lenient : whether arguments may also be what JSON callers send: ids for nodes, and the like
    description : what PyNEST there offers; asked for when it is needed, if it is not known
    """

    def __init__(
        self,
        transport: Transport,
        raised: Callable[[NestdError], Exception] | None = None,
        lenient: bool = False,
        description: Description | None = None,
    ) -> None:
        self.transport = transport
        self._raised = raised
        self._call_action = Action.CALL_JSON if lenient else Action.CALL_PYNEST
        self._description = description
        self._errors: ErrorClasses | None = None
        self._dropped: deque[Reference] = deque()
        #: Type of a reference: what makes the object for it. Filled by the look-alike.
        self.makers: dict[str, Callable[[Any], Any]] = {}

    @property
    def description(self) -> Description:
        """Description of the kernel's PyNEST, asked for once."""
        if self._description is None:
            answer = self.transport.execute(Operation(Action.DESCRIBE), to_value, lambda ref: ref)
            self._description = Description.from_value(answer)
        return self._description

    @property
    def errors(self) -> ErrorClasses:
        """PyNEST's exception classes."""
        if self._errors is None:
            self._errors = ErrorClasses(self.description.errors)
        return self._errors

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call the function, method or constructor ``name``."""
        return self.execute(self.operation(name, *args, **kwargs))

    def operation(self, name: str, *args: Any, **kwargs: Any) -> Operation:
        """Make the operation that calls the function, method or constructor ``name``."""
        return Operation(self._call_action, name, list(args), kwargs)

    def read(self, name: str) -> Any:
        """Return the value of the kernel attribute ``name``."""
        return self.execute(Operation(Action.GET, name))

    def write(self, name: str, value: Any) -> None:
        """Set the kernel attribute ``name``."""
        self.execute(Operation(Action.SET, name, [value]))

    def inspect(self, name: str, what: str) -> str:
        """Return ``name``'s documentation (``getdoc``), ``getsource`` or ``signature``."""
        answer: str = self.execute(Operation(Action.INSPECT, name, [what]))
        return answer

    def execute(self, operation: Operation) -> Any:
        """Return the answer to ``operation``.

        Raises
        ------
        Exception
            As PyNEST would: its own exception classes, or Python's.
        """
        self.tidy()
        try:
            return self.transport.execute(operation, to_value, self.object_for)
        except NestdError as error:
            raise self.exception(error) from None

    def files(self) -> list[dict[str, Any]]:
        """Return what the server says of the files that NEST has written, by their names."""
        try:
            return self.transport.files()
        except NestdError as error:
            raise self.exception(error) from None

    def exception(self, error: NestdError) -> Exception:
        """Return the exception for an error of the kernel."""
        return self.errors.exception(error) if self._raised is None else self._raised(error)

    def object_for(self, reference: Reference) -> Any:
        """Return the handle that stands for an object of the kernel."""
        make = self.makers.get(reference.type)
        return reference if make is None else make(reference)

    def drop(self, reference: Reference) -> None:
        """Mark an object as dropped; a later call releases it in the kernel."""
        self._dropped.append(reference)

    def tidy(self) -> None:
        """Release dropped objects in the kernel, if there are many."""
        if len(self._dropped) >= RELEASE_BATCH:
            self.release()

    def release(self) -> None:
        """Release dropped objects in the kernel."""
        unused = [self._dropped.popleft() for _ in range(len(self._dropped))]
        if unused:
            self.transport.execute(
                Operation(Action.RELEASE, args=unused), to_value, self.object_for
            )

    def close(self) -> None:
        """Release all objects and close the transport."""
        self._dropped.clear()
        self.transport.close()


def to_value(item: Any) -> Value:
    """Return the value of an object among arguments, for a :class:`protocol.wire.pack.Packer`.

    Raises
    ------
    TypeError
        If there is none.
    """
    wire = getattr(type(item), "wire", None)
    if wire is not None:
        return item.wire
    if isinstance(item, enum.Enum):
        return item.value
    if isinstance(item, np.generic):
        return _plain_scalar(item)
    if isinstance(item, np.ndarray):
        return _plain_array(item)
    if isinstance(item, (set, frozenset, range, deque)):
        return list(item)
    if isinstance(item, os.PathLike):
        return os.fspath(item)
    if isinstance(item, (bytearray, memoryview)):
        return bytes(item)
    if hasattr(item, "__array__"):
        array = np.asarray(item)
        return array if has_wire_form(array) else _plain_array(array)
    if hasattr(item, "tolist"):
        return item.tolist()
    if isinstance(item, Iterable):
        return list(item)
    raise TypeError(f"a {type(item).__name__} can't be sent to NEST")


#: Wider and narrower numbers than the wire has: by their kind the type in which NEST takes them.
_NUMBERS = {"f": np.float64, "c": np.complex128}


def _plain_array(array: Array) -> Value:
    """Return what stands for an array of a type that the wire has not.

    Numbers become those that NEST computes with; anything else a list, which PyNEST takes where it
    takes an array of objects or of text.
    """
    kind = _NUMBERS.get(array.dtype.kind)
    if kind is None or isinstance(array, np.ma.MaskedArray):
        return array.tolist()
    return array.astype(kind)


def _plain_scalar(scalar: np.generic) -> Value:
    """Return the Python object for a scalar; NumPy has none for numbers wider than Python's."""
    kind = _NUMBERS.get(scalar.dtype.kind)
    return scalar.item() if kind is None else kind(scalar).item()


def unsendable(call: str, error: ProtocolError) -> Exception:
    """Return the exception for arguments of ``call`` that have no form on the wire."""
    kind = OverflowError if isinstance(error.__cause__, OverflowError) else TypeError
    return kind(f"{call}: {error}")


def selection(call: str, *args: Any) -> Expression:
    """Return a part of a collection, by the call that selects the part."""
    return Expression(call, list(args))
