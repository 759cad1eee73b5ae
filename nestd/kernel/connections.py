"""Finds connections again from the description that was given out of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from nestd.kernel.pynest import NodeCollection, SynapseCollection, nest
from protocol.errors import ArgumentError

#: The fields that tell a connection apart; others (weight, delay …) are its state.
_IDENTITY = ("source", "target", "synapse_model", "synapse_id", "target_thread", "port")


def find_connections(description: dict[str, Any], parameter: str) -> Any:
    """The connections that ``description`` names, row by row, in its order.

    Parameters
    ----------
    description : parallel lists, or single values, of ``source``, ``target`` and any of the
        fields that connections are given out with; a row with few of them means every
        connection that fits. Empty means no connection.
    parameter : for messages

    Raises
    ------
    ArgumentError
        If the lists are not parallel, or a row fits no connection.
    """
    if not description:
        return SynapseCollection(None)
    if not {"source", "target"} <= description.keys():
        raise ArgumentError(
            f"{parameter}: connections need at least source and target", parameter=parameter
        )
    given = [field for field in _IDENTITY if field in description]
    columns = [_column(description[field]) for field in given]
    if len({len(column) for column in columns}) != 1:
        raise ArgumentError(
            f"{parameter}: {', '.join(given)} must be lists of one length", parameter=parameter
        )
    ids = [
        _node_ids(column, name, parameter)
        for name, column in zip(given, columns, strict=True)
        if name in ("source", "target")
    ]
    if not ids[0]:
        return SynapseCollection(None)
    try:
        candidates = nest.GetConnections(*(NodeCollection(sorted(set(column))) for column in ids))
    except nest.NESTErrors.UnknownNode as error:
        raise ArgumentError(f"{parameter}: {error}", parameter=parameter) from error
    places: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    if len(candidates):
        found = candidates.get(given)
        if len(candidates) == 1:
            found = {field: [value] for field, value in found.items()}
        for row, datum in zip(
            zip(*(found[field] for field in given), strict=True), candidates._datum, strict=True
        ):
            places[row].append(datum)
    chosen: list[Any] = []
    for row in zip(*columns, strict=True):
        try:
            matching = places.get(row)
        except TypeError:
            matching = None
        if not matching:
            named = ", ".join(f"{k} {v!r:.40}" for k, v in zip(given, row, strict=True))
            raise ArgumentError(
                f"{parameter}: there is no connection with {named}", parameter=parameter
            )
        chosen += matching
    return SynapseCollection(chosen)


def _column(given: Any) -> list[Any]:
    if isinstance(given, np.ndarray):
        given = given.tolist()
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _node_ids(column: list[Any], field: str, parameter: str) -> list[int]:
    wrong = next((item for item in column if type(item) is not int or item < 1), None)
    if wrong is not None:
        raise ArgumentError(
            f"{parameter}: {wrong!r:.40} in {field} is no node id", parameter=parameter
        )
    return column
