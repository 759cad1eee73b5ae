"""Session with a kernel: sends calls and makes handles of PyNEST's objects in the answers."""

from __future__ import annotations

import contextlib
import enum
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nest_remote import forks
from nest_remote.description import Description
from nest_remote.dropped import Dropped
from nest_remote.errors import ErrorClasses, NESTServerError
from nest_remote.local_files import LocalFiles
from protocol.errors import NestdError, ProtocolError
from protocol.http_status import STATUS
from protocol.wire.messages import Action, Operation
from protocol.wire.pack import has_wire_form
from protocol.wire.values import Array, Expression, Reference, Value

#: Calls after which connections may be others.
_CHANGE_CONNECTIONS = frozenset(
    ("ResetKernel", "Disconnect", "SynapseCollection.disconnect", "Simulate", "Run", "Prepare")
)


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

    def save_file(self, name: str, path: Path) -> None:
        """Save a file that NEST has written; at ``path`` is the whole of it or what was before."""

    def hold(self, tidy: Callable[[], None]) -> None:
        """Note that this process holds an object of the kernel.

        Parameters
        ----------
        tidy : method that releases dropped objects; to be called now and then
        """

    def close(self) -> None:
        """Release what this process holds, and close the connection."""


class Session:
    """Session with one kernel over a transport.

    Parameters
    ----------
    transport : how operations get there
    raised : makes the exception to raise of what the kernel said; ``None`` for PyNEST's own
        exceptions
    lenient : whether arguments may also be what JSON callers send: ids for nodes, and the like
    description : what PyNEST there offers; asked for when it is needed, if it is not known
    has_files : whether the program may have files, so that ``data_path`` may name a directory here
    """

    def __init__(
        self,
        transport: Transport,
        raised: Callable[[NestdError], Exception] | None = None,
        lenient: bool = False,
        description: Description | None = None,
        has_files: bool = True,
    ) -> None:
        self.transport = transport
        self._raised = raised
        self._call_action = Action.CALL_JSON if lenient else Action.CALL_PYNEST
        self._description = description
        self._errors: ErrorClasses | None = None
        #: In a forked process, the objects that it has itself; the others are its parent's.
        self._own: set[tuple[str, int]] | None = None
        self._dropped = Dropped()
        #: Type of a reference: what makes the object for it. Filled by the look-alike.
        self.makers: dict[str, Callable[[Any], Any]] = {}
        self.local_files = LocalFiles(self.files, self._save_file) if has_files else None
        #: Why the session has ended; empty while it has not.
        self.ended = ""
        #: Generation of the kernel when the session began, if somebody has looked.
        self.kernel: str | None = None
        #: How often calls were sent after which connections may be others.
        self.epoch = 0
        forks.watch(self)

    @property
    def description(self) -> Description:
        """Description of the kernel's PyNEST, asked for once.

        Raises
        ------
        NESTServerError
            If the kernel or the server does not answer.
        """
        if self._description is None:
            ask = Operation(Action.DESCRIBE)
            try:
                answer = self.transport.execute(ask, to_value, lambda reference: reference)
            except NestdError as error:
                # PyNEST's own exceptions are in the answer.
                raise NESTServerError(
                    error.message, error.error_name, STATUS[type(error)]
                ) from None
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
        if operation.call in _CHANGE_CONNECTIONS:
            self.epoch += 1
        local = self.local_files
        try:
            if local is not None and local.concerns(operation):
                return local.execute(operation, self._execute)
            return self.transport.execute(operation, to_value, self.object_for)
        except NestdError as error:
            raise self.exception(error) from None
        except (NESTServerError, KeyboardInterrupt) as error:
            # Where in the transport it came up helps nobody.
            raise error.with_traceback(None) from None

    def _execute(self, operation: Operation) -> Any:
        return self.transport.execute(operation, to_value, self.object_for)

    def _save_file(self, name: str, path: Path) -> None:
        self.transport.save_file(name, path)

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
        if self._own is not None:
            self._own.add((reference.generation, reference.id))
        self.transport.hold(self.tidy)
        make = self.makers.get(reference.type)
        return reference if make is None else make(reference)

    def drop(self, reference: Reference) -> None:
        """Mark an object as dropped; a later call releases it in the kernel.

        An object that a forked process has from its parent stays: the parent releases it.
        """
        if self._own is not None:
            key = (reference.generation, reference.id)
            if key not in self._own:
                return
            self._own.discard(key)
        if not self.ended:
            self._dropped.append(reference)

    def tidy(self) -> None:
        """Release dropped objects in the kernel, if they are many, large, or have waited."""
        if self._dropped.is_due():
            self.release()

    def release(self) -> None:
        """Release dropped objects in the kernel."""
        unused: list[Reference] = []
        # Other threads take from it, too.
        with contextlib.suppress(IndexError):
            while True:
                unused.append(self._dropped.popleft())
        if unused:
            self.transport.execute(
                Operation(Action.RELEASE, args=unused), to_value, self.object_for
            )

    def fork_locks(self) -> Iterable[threading.Lock]:
        """Return no lock: a session has none."""
        return ()

    def begin_anew(self) -> None:
        """Leave the objects to the parent; see :class:`nest_remote.forks.Inherited`."""
        self._dropped.clear()
        self._own = set()

    def __reduce__(self) -> Any:
        raise TypeError(
            "a connection to a NEST server can't be pickled or copied: connect in each process"
        )

    def go_on(self, other: Session) -> None:
        """Go on with what ``other`` has been told, a new session with the same kernel."""
        self._description, self._errors, self.kernel = other._description, None, other.kernel

    def close(self) -> None:
        """End the session: its objects can't be used any more."""
        self.ended = "its session has ended; connect, and make it anew"
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
