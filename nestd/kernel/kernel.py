"""One rank's kernel: executes operations on PyNEST and encodes what comes back."""

from __future__ import annotations

import inspect
from typing import Any

from nestd.kernel import node_location, partial_answers, recorders
from nestd.kernel.api import calls
from nestd.kernel.api.allow_list import LEFT_OUT, AllowList, Entry, Role
from nestd.kernel.api.arguments import Arguments
from nestd.kernel.api.binding import BoundArguments, bind, typed
from nestd.kernel.api.description import described, documentation
from nestd.kernel.connections import Connections
from nestd.kernel.encoding import KernelEncoder
from nestd.kernel.layers import Layers
from nestd.kernel.nest_errors import nest_errors, raised_by_nest
from nestd.kernel.objects import ObjectTable
from nestd.kernel.pynest import RANK, RANKS, NodeCollection, SynapseCollection, nest
from nestd.kernel.simulation import Simulation
from protocol.errors import ArgumentError, InternalError, NestdError
from protocol.wire.messages import Action, Operation
from protocol.wire.values import Expression, Reference, Text, Value


class Kernel:
    """The NEST kernel of this process.

    Parameters
    ----------
    generation : name of this kernel in references
    """

    def __init__(self, generation: str) -> None:
        self._objects = ObjectTable(generation)
        #: Number of the first object that the latest operation may have made.
        self._first = self._objects.next
        self._layers = Layers()
        self._simulation = Simulation()
        self._catalogue = AllowList(self._layers, self._simulation)
        self._arguments = Arguments(self._catalogue, self._objects, self._layers)
        self.nest_version: str = nest.__version__
        #: Ranks that NEST knows of.
        self.rank: int = RANK
        self.ranks: int = RANKS
        #: Why NEST's memory is not read or written beside PyNEST; empty if it is.
        self.native_problem: str = self._simulation.problem or partial_answers.recordings.problem

    def execute(self, operation: Operation, references: bool) -> Value:
        """Execute ``operation``; every error leaves the kernel as NEST left it, and usable.

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
            return self._execute(operation, references)
        except NestdError:
            raise
        except Exception as error:
            raise InternalError(
                f"nestd failed in {operation.call or operation.action.value}: "
                f"{type(error).__name__}: {error}",
                call=operation.call,
            ) from error

    def rollback(self) -> None:
        """Drop what the latest operation made, as it failed on some rank.

        Elsewhere it may have succeeded. The caller gets the error, and no reference; without this,
        ranks would number what comes later differently.
        """
        self._objects.rollback_to(self._first)

    def _execute(self, operation: Operation, references: bool) -> Value:
        match operation.action:
            case Action.LIST_NAMES:
                return list(self._catalogue.names)
            case Action.DESCRIBE:
                return self._described()
            case Action.DESCRIBE_API:
                return described(self._catalogue).to_value()
            case Action.CHECKPOINT:
                return self._objects.next
            case Action.RELEASE_FROM:
                self._objects.release_from(*operation.args)
                return None
            case Action.RELEASE:
                for reference in operation.args:
                    if isinstance(reference, Reference):
                        self._objects.release(reference)
                return None
            case Action.ASSIGN_ORDER:
                reference, rows, total = operation.args
                self._objects.look_up(reference).place(rows[self.rank], total)
                return None
            case Action.READ_NEW_EVENTS:
                with raised_by_nest("GetStatus"):
                    return KernelEncoder().encode(partial_answers.gained(*operation.args))
            case Action.RECORDERS:
                with raised_by_nest("PrintNodes"):
                    return KernelEncoder().encode(recorders.listed())
            case Action.RESUME:
                with raised_by_nest(operation.call):
                    return KernelEncoder().encode(self._simulation.resume(operation.budget or 0))
            case Action.ABORT:
                with raised_by_nest(operation.call):
                    self._simulation.stop()
                return None
        entry = self._catalogue.find(operation.call)
        self._simulation.note(operation.call)
        self._simulation.budget = operation.budget
        self._simulation.min_delay_ms = operation.min_delay_ms
        encoder = KernelEncoder(self._objects if references else None)
        match operation.action:
            case Action.INSPECT:
                return _inspected(entry, operation.args)
            case Action.SET:
                return self._set(entry, operation)
            case Action.GET:
                if entry.role not in (Role.ATTRIBUTE, Role.VALUE):
                    raise ArgumentError(f"{entry.name} is to be called, not read", call=entry.name)
                return KernelEncoder(self._objects, tuples=True).encode(_read(entry))
            case Action.CALL_PYNEST:
                return self._apply(entry, operation)
        if entry.role is Role.ATTRIBUTE:
            _refuse_arguments(entry, operation)
            return KernelEncoder().encode(_read(entry))
        if entry.role is Role.VALUE:
            _refuse_arguments(entry, operation)
            return KernelEncoder(encoder.objects, Expression(entry.name)).encode(entry.target())
        return self._call(entry, operation, encoder.objects)

    def _call(self, entry: Entry, operation: Operation, objects: ObjectTable | None) -> Value:
        bound = bind(entry, operation.args, operation.kwargs)
        typed(bound)
        args, kwargs = self._arguments.convert(bound)
        if operation.action is Action.COMMIT:
            for given in (*args, *kwargs.values()):
                if isinstance(given, Connections):
                    given.uncertain = False
        with raised_by_nest(entry.name):
            result = entry.target(*args, **kwargs)
        self._note(entry, result)
        if isinstance(result, SynapseCollection):
            return self._found(Connections(result), objects)
        origin = _expression(bound) if entry.role is Role.CONSTRUCTOR else None
        return KernelEncoder(objects, origin).encode(result)

    def _apply(self, entry: Entry, operation: Operation) -> Value:
        """Call ``entry`` with PyNEST's own objects and checks; answer with its types."""
        args = [self._arguments.plain(value) for value in operation.args]
        kwargs = {name: self._arguments.plain(value) for name, value in operation.kwargs.items()}
        with raised_by_nest(entry.name):
            result = (entry.applied or entry.target)(*args, **kwargs)
        self._note(entry, result)
        if isinstance(result, SynapseCollection):
            return self._found(Connections(result), self._objects)
        return KernelEncoder(self._objects, tuples=True).encode(result)

    def _note(self, entry: Entry, result: Any) -> None:
        """Take note of what a call did to the network."""
        if entry.name == "ResetKernel":
            node_location.forget_all()
            self._simulation.forget()
            self._layers.clear()
            self._objects.forget(NodeCollection, Connections)
        elif entry.name in ("SetKernelStatus", "set"):
            self._simulation.forget()
        elif entry.name == "Create" and len(result):
            self._simulation.grow()
            node_location.note_created(result)
            if result.spatial is not None:
                self._layers.add(result)

    def _described(self) -> Value:
        """What a look-alike of PyNEST has to know."""
        return {
            "version": self.nest_version,
            "names": {
                name: self._catalogue.find(name).role.value for name in self._catalogue.names
            },
            "read_only": sorted(type(nest)._readonly_kernel_attrs),
            "left_out": dict(LEFT_OUT),
            "errors": nest_errors(),
            "verbosity": {level.name: int(level) for level in nest.VerbosityLevel},
        }

    def _found(self, conns: Connections, objects: ObjectTable | None) -> Value:
        """This rank's share of connections that were looked up, which have no order yet."""
        if objects is None:
            return KernelEncoder().encode(partial_answers.connection_share(conns))
        # The master puts them in order by what tells them apart; values are asked for later.
        share = partial_answers.connection_share(conns, [])
        share["columns"].pop("drift_factor", None)
        share["reference"] = conns
        return KernelEncoder(objects).encode(share)

    def _set(self, entry: Entry, operation: Operation) -> None:
        if entry.role is not Role.ATTRIBUTE or len(operation.args) != 1:
            raise ArgumentError(f"{entry.name} is no kernel attribute to set", call=entry.name)
        value = self._arguments.plain(operation.args[0])
        self._simulation.forget()
        with raised_by_nest(entry.name):
            calls.set_kernel_status({entry.name: value})


def _read(entry: Entry) -> Any:
    with raised_by_nest(entry.name):
        return entry.target()


def _refuse_arguments(entry: Entry, operation: Operation) -> None:
    given = [value for value in operation.kwargs.values() if value is not None]
    if operation.args or given:
        raise ArgumentError(
            f"{entry.name} is a value and takes no arguments; set kernel attributes with "
            f'SetKernelStatus {{"params": {{"{entry.name}": …}}}}',
            call=entry.name,
        )


def _inspected(entry: Entry, args: list[Value]) -> str:
    """Documentation, source or signature of ``entry``."""
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
    """The constructor call that ``bound`` is, for a caller to send it back."""
    return Expression(
        bound.entry.name,
        [value for _, _, value in bound.args],
        {name: value for name, (_, value) in bound.kwargs.items()},
    )
