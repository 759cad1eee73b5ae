"""Closed loops: parameters in, a run, recordings and values out, in one request a step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nest_remote.calls.batch import execute_operations
from nest_remote.session import Session
from protocol.wire.messages import Action, Operation

#: Nodes whose values are written or read, and the names of these.
Port = tuple[Any, Any]


class Loop:
    """Loop that is prepared once, and makes a step at each call.

    Steps are runs: call ``Prepare`` before the first and ``Cleanup`` after the last, or make
    them within ``RunManager``, as with ``Run``.

    Parameters
    ----------
    session : with the kernel
    inputs : nodes and the name of a parameter, for each value of a step
    t : duration of a step, in ms
    outputs : recorders, of which a step gives the new events; or nodes and the name of a value, or
        several, as :meth:`NodeCollection.get` takes them
    deadline_ms : wall-clock time that a step may take; ``None`` for any

    Attributes
    ----------
    steps : made so far
    late : steps that took longer than they may
    """

    def __init__(
        self,
        session: Session,
        inputs: Sequence[Port],
        t: float,
        outputs: Sequence[Any],
        deadline_ms: float | None = None,
    ) -> None:
        self._session = session
        self._inputs = [_port(item, "an input") for item in inputs]
        self._run = session.operation("Run", t)
        self._outputs = [_output(item) for item in outputs]
        #: Of each recorder, how many events were read.
        self._read: dict[int, Any] = {}
        self._deadline_s = None if deadline_ms is None else deadline_ms / 1000
        self.steps = 0
        self.late = 0
        recorders = [output for output in self._outputs if isinstance(output, int)]
        if recorders:
            # What they have recorded before is not new.
            found = execute_operations(session, [self._reading(id) for id in recorders])
            self._read = {id: item["told"] for id, item in zip(recorders, found, strict=True)}

    def __call__(self, values: Sequence[Any] = ()) -> list[Any]:
        """Make one step, with nothing of others in between.

        Parameters
        ----------
        values : of the inputs, in their order: one for all nodes, or a list with one for each

        Returns
        -------
        Of each output, in their order: a dict of the columns of new events, of shape (events,);
        or what :meth:`NodeCollection.get` returns.

        Raises
        ------
        Exception
            What a part of the step raises; its ``index`` says which: first the inputs, then the
            run, then the outputs.
        """
        if len(values) != len(self._inputs):
            raise ValueError(f"{len(values)} values for {len(self._inputs)} inputs")
        began_s = time.perf_counter()
        make = self._session.operation
        asked = [
            make("NodeCollection.set", nodes, {name: value})
            for (nodes, name), value in zip(self._inputs, values, strict=True)
        ]
        asked.append(self._run)
        for output in self._outputs:
            if isinstance(output, int):
                asked.append(self._reading(output))
            else:
                asked.append(make("NodeCollection.get", *output))
        found = execute_operations(self._session, asked)[len(self._inputs) + 1 :]
        for place, output in enumerate(self._outputs):
            if isinstance(output, int):
                self._read[output] = found[place]["told"]
                found[place] = found[place]["events"]
        self.steps += 1
        if self._deadline_s is not None and time.perf_counter() - began_s > self._deadline_s:
            self.late += 1
        return found

    def _reading(self, recorder: int) -> Operation:
        return Operation(Action.READ_NEW_EVENTS, args=[recorder, self._read.get(recorder, [])])


def step(
    session: Session, inputs: Sequence[tuple[Any, str, Any]], t: float, outputs: Sequence[Any]
) -> list[Any]:
    """Make one step of a loop that is made for it; see :class:`Loop`."""
    ports, values = [], []
    for nodes, name, value in inputs:
        ports.append((nodes, name))
        values.append(value)
    return Loop(session, ports, t, outputs)(values)


def _port(item: Any, what: str) -> Port:
    if not isinstance(item, tuple) or len(item) != 2:
        raise TypeError(f"{what} is (nodes, name), not {item!r:.80}")
    return item


def _output(item: Any) -> int | Port:
    """Return the id of a recorder, or nodes and the names of their values."""
    if isinstance(item, tuple):
        return _port(item, "an output")
    listed = item.tolist() if hasattr(item, "tolist") else item
    ids = listed if isinstance(listed, list) else [listed]
    if len(ids) != 1 or type(ids[0]) is not int:
        raise TypeError(f"an output is one recorder, or (nodes, name), not {item!r:.80}")
    recorder: int = ids[0]
    return recorder
