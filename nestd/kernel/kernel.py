"""Kernel of one rank: executes operations on PyNEST and encodes the results."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

from nestd.confinement.memory import limit
from nestd.extensions import Extensions
from nestd.kernel import node_location, partial_answers, recorders
from nestd.kernel.api import calls, room
from nestd.kernel.api.allow_list import LEFT_OUT, AllowList, Entry, Role
from nestd.kernel.api.arguments import Arguments
from nestd.kernel.api.binding import BoundArguments, bind, typed
from nestd.kernel.api.description import described, documentation
from nestd.kernel.api.fresh_settings import FreshSettings
from nestd.kernel.api.joint_calls import joint
from nestd.kernel.api.shared_targets import listed
from nestd.kernel.connections import Connections
from nestd.kernel.encoding import KernelEncoder
from nestd.kernel.layers import Layers
from nestd.kernel.native.device_counts import DeviceCounts
from nestd.kernel.nest_errors import nest_errors, raised_by_nest
from nestd.kernel.objects import ObjectTable
from nestd.kernel.pynest import RANK, RANKS, SynapseCollection, nest
from nestd.kernel.simulation import Simulation
from nestd.logs.nest_messages import messages
from nestd.partial.connections import ConnectionColumns, FoundConnections
from protocol.errors import ArgumentError, InternalError, NestdError
from protocol.wire.messages import Action, Operation
from protocol.wire.values import Expression, Reference, Text, Value

log = logging.getLogger(__name__)


class Kernel:
    """NEST kernel of this process.

    Parameters
    ----------
    generation : name of this kernel in references
    extensions : modules that callers may load
    """

    def __init__(self, generation: str, extensions: Extensions | None = None) -> None:
        problem = messages.capture()
        if problem:
            log.warning("%s", problem)
        self._objects = ObjectTable(generation)
        #: Number of the first object that the latest operation may have made.
        self._first = self._objects.next
        self._layers = Layers()
        self._fresh = FreshSettings()
        self._device_counts = DeviceCounts()
        self._simulation = Simulation()
        self._allow_list = AllowList(self._layers, self._simulation, extensions)
        self._arguments = Arguments(self._allow_list, self._objects, self._layers)
        self.nest_version: str = nest.__version__
        #: Where NEST writes files.
        self.data_path: str = nest.data_path
        #: Ranks that NEST knows of.
        self.rank: int = RANK
        self.ranks: int = RANKS
        #: Why NEST's memory is not read or written beside PyNEST; empty if it is.
        self.native_problem: str = (
            self._simulation.problem
            or partial_answers.recordings.problem
            or self._device_counts.problem
        )
        #: Action: what executes it; calls, whose results callers hold or not, are apart.
        self._methods: dict[Action, Callable[[Operation], Value]] = {
            Action.CALL_PYNEST: self._call_pynest,
            Action.GET: self._get,
            Action.SET: self._set,
            Action.INSPECT: self._inspect,
            Action.DESCRIBE: self._describe,
            Action.DESCRIBE_API: lambda operation: described(self._allow_list).to_value(),
            Action.RELEASE: self._release,
            Action.MEASURE_OWNERS: lambda operation: self._objects.measure(operation.args),
            Action.RELEASE_OWNERS: lambda operation: self._objects.release_owners(*operation.args),
            Action.ASSIGN_ORDER: self._assign_order,
            Action.RESUME: self._resume,
            Action.ABORT: self._abort,
            Action.READ_NEW_EVENTS: self._read_new_events,
            Action.RECORDERS: self._recorders,
        }

    def execute(self, operation: Operation, references: bool) -> Value:
        """Execute ``operation``; after an error the kernel is as NEST left it, and usable.

        Parameters
        ----------
        operation : what to do
        references : whether kernel objects are answered as references

        Raises
        ------
        CallerError
            If the operation is unknown, does not fit, or NEST refused it.
        InternalError
            If this project is at fault.
        """
        self._first = self._objects.next
        try:
            if operation.action in (Action.CALL_JSON, Action.COMMIT):
                return self._call(operation, self._objects if references else None)
            return self._methods[operation.action](operation)
        except NestdError:
            raise
        except MemoryError as error:
            raise limit.refusal(operation.call or operation.action.value, error) from error
        except Exception as error:
            raise InternalError(
                f"nestd failed in {operation.call or operation.action.value}: "
                f"{type(error).__name__}: {error}",
                call=operation.call,
            ) from error

    def rollback(self) -> None:
        """Drop the objects that the latest operation made, as it failed on some rank.

        On other ranks the operation may have succeeded. The caller gets the error and no
        reference; without the rollback, ranks would number later objects differently.
        """
        self._objects.rollback_to(self._first)
        self._simulation.equalize()

    def _entry(self, operation: Operation) -> Entry:
        """Return the entry of the operation's name, after taking note of the operation."""
        entry = self._allow_list.find(operation.call)
        self._simulation.note(operation.call)
        self._simulation.budget = operation.budget
        self._simulation.min_delay_ms = operation.min_delay_ms
        return entry

    def _call(self, operation: Operation, objects: ObjectTable | None) -> Value:
        """Call a function with arguments of JSON, or read an attribute or value."""
        entry = self._entry(operation)
        if entry.role in (Role.ATTRIBUTE, Role.VALUE):
            _refuse_arguments(entry, operation)
            if entry.role is Role.ATTRIBUTE:
                return KernelEncoder().encode(_read(entry))
            return KernelEncoder(objects, Expression(entry.name)).encode(entry.target())
        bound = bind(entry, operation.args, operation.kwargs)
        typed(bound)
        args, kwargs = self._arguments.convert(bound)
        if operation.action is Action.COMMIT:
            for argument in (*args, *kwargs.values()):
                if isinstance(argument, Connections):
                    argument.is_deferred = False
        result = self._result(entry, entry.target, args, kwargs, objects)
        origin = _expression(bound) if entry.role is Role.CONSTRUCTOR else None
        return KernelEncoder(objects, origin).encode(result)

    def _call_pynest(self, operation: Operation) -> Value:
        """Call a function with PyNEST's own objects and checks; answer with its types."""
        entry = self._entry(operation)
        args = [self._arguments.plain(value) for value in operation.args]
        kwargs = {name: self._arguments.plain(value) for name, value in operation.kwargs.items()}
        result = self._result(entry, entry.applied or entry.target, args, kwargs, self._objects)
        return KernelEncoder(self._objects, tuples=True).encode(result)

    def _result(
        self,
        entry: Entry,
        target: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        objects: ObjectTable | None,
    ) -> Any:
        """Return what ``target`` of PyNEST returns; of connections, this rank's part."""
        with raised_by_nest(entry.name):
            try:
                for argument in (*args, *kwargs.values()):
                    room.for_parameters(argument)
                result = target(*args, **kwargs)
            except Exception as error:
                joint.take_part(entry.name, error)
                raise
        self._note(entry, result)
        if not isinstance(result, SynapseCollection):
            return result
        conns = Connections(listed(result))
        if objects is None:
            return ConnectionColumns.collect(conns)
        if RANKS == 1:
            # Put in order when somebody looks: that takes many times what finding them does.
            conns.total = len(conns.local)
            return conns
        return FoundConnections.collect_found(conns)

    def _get(self, operation: Operation) -> Value:
        """Read a kernel attribute or value, with PyNEST's own types."""
        entry = self._entry(operation)
        if entry.role not in (Role.ATTRIBUTE, Role.VALUE):
            raise ArgumentError(f"{entry.name} is to be called, not read", call=entry.name)
        return KernelEncoder(self._objects, tuples=True).encode(_read(entry))

    def _set(self, operation: Operation) -> None:
        """Set a kernel attribute."""
        entry = self._entry(operation)
        if entry.role is not Role.ATTRIBUTE or len(operation.args) != 1:
            raise ArgumentError(f"{entry.name} is no kernel attribute to set", call=entry.name)
        value = self._arguments.plain(operation.args[0])
        self._simulation.forget()
        with raised_by_nest(entry.name):
            calls.set_kernel_status({entry.name: value})

    def _inspect(self, operation: Operation) -> Value:
        """Return documentation, source or signature of a name."""
        return _inspected(self._entry(operation), operation.args)

    def _release(self, operation: Operation) -> None:
        """Drop the objects that the references among the arguments name."""
        for reference in operation.args:
            if isinstance(reference, Reference):
                self._objects.release(reference)

    def _assign_order(self, operation: Operation) -> None:
        """Set which rows of the whole this rank's connections are."""
        reference, rows, total = operation.args
        self._objects.look_up(reference).place(rows[self.rank], total)

    def _resume(self, operation: Operation) -> Value:
        """Resume the paused run."""
        with raised_by_nest(operation.call):
            return KernelEncoder().encode(self._simulation.resume(operation.budget or 0))

    def _abort(self, operation: Operation) -> None:
        """End the paused run where it is."""
        with raised_by_nest(operation.call):
            self._simulation.stop()

    def _read_new_events(self, operation: Operation) -> Value:
        """Read what a recorder has recorded since the last reading."""
        recorder, counts = _reading(operation.args)
        with raised_by_nest("GetStatus"):
            return KernelEncoder().encode(partial_answers.read_new_events(recorder, counts))

    def _recorders(self, operation: Operation) -> Value:
        """Return which recorders there are."""
        with raised_by_nest("PrintNodes"):
            return KernelEncoder().encode(recorders.listed())

    def _note(self, entry: Entry, result: Any) -> None:
        """Keep track of what a call did to the network."""
        if entry.name == "ResetKernel":
            node_location.forget_all()
            self._simulation.forget()
            self._layers.clear()
            self._objects.reset()
            self._device_counts.forget()
            self._fresh.restore()
        elif entry.name in ("SetKernelStatus", "set"):
            self._simulation.forget()
        elif entry.name == "Create" and len(result):
            self._simulation.grow()
            node_location.note_created(result)
            if result.spatial is not None:
                self._layers.add(result)

    def _describe(self, operation: Operation) -> Value:
        """Return what a look-alike of PyNEST has to know."""
        return {
            "version": self.nest_version,
            "names": {
                name: self._allow_list.find(name).role.value for name in self._allow_list.names
            },
            "read_only": sorted(type(nest)._readonly_kernel_attrs),
            "left_out": dict(LEFT_OUT),
            "errors": nest_errors(),
            "verbosity": {level.name: int(level) for level in nest.VerbosityLevel},
        }


def _read(entry: Entry) -> Any:
    """Return what an attribute or value is now."""
    with raised_by_nest(entry.name):
        return entry.target()


def _refuse_arguments(entry: Entry, operation: Operation) -> None:
    """Raise for arguments to what takes none."""
    if operation.args or any(value is not None for value in operation.kwargs.values()):
        raise ArgumentError(
            f"{entry.name} is a value and takes no arguments; set kernel attributes with "
            f'SetKernelStatus {{"params": {{"{entry.name}": …}}}}',
            call=entry.name,
        )


def _inspected(entry: Entry, args: list[Value]) -> str:
    """Return documentation, source or signature of ``entry``."""
    wanted = args[0].values[0] if args and isinstance(args[0], Text) else (args or [None])[0]
    if wanted == "signature":
        return str(entry.signature)
    if wanted == "getdoc":
        return documentation(entry)
    if wanted == "getsource":
        try:
            return inspect.getsource(inspect.unwrap(entry.documented))  # type: ignore[arg-type]
        except (TypeError, OSError) as error:
            raise ArgumentError(f"{entry.name} has no source", call=entry.name) from error
    raise ArgumentError(
        f"inspect must be getdoc, getsource or signature, not {wanted!r:.40}",
        call=entry.name,
        parameter="inspect",
    )


def _expression(bound: BoundArguments) -> Expression:
    """Return the constructor call of ``bound``, for a caller to send back."""
    return Expression(
        bound.entry.name,
        [value for _, _, value in bound.args],
        {name: value for name, (_, value) in bound.kwargs.items()},
    )


def _reading(args: list[Value]) -> tuple[int, list[list[int]]]:
    """Return recorder and counts of a reading.

    Raises
    ------
    ArgumentError
        If they are none.
    """
    if len(args) == 2 and type(args[0]) is int and isinstance(args[1], list):
        counts: Any = args[1]
        if not counts or (len(counts) == RANKS and all(map(_is_counts, counts))):
            return args[0], counts
    raise ArgumentError("a reading has the id of a recorder, and the counts of the last reading")


def _is_counts(item: Value) -> bool:
    return isinstance(item, list) and all(type(count) is int and count >= 0 for count in item)
