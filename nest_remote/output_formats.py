"""Values in the forms that PyNEST calls ``pandas`` and ``json``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from nest_remote.objects.handles import Handle


def as_frame(result: Any, params: tuple[Any, ...], index: list[int]) -> Any:
    """Make a pandas DataFrame with a row for each node or connection.

    Parameters
    ----------
    result : of ``get``
    params : that were asked for
    index : of the rows

    Raises
    ------
    ImportError
        If pandas is not installed here.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("output='pandas' needs pandas, which is not installed here") from error
    if params and isinstance(params[-1], str):
        result = {params[-1]: result}
    if len(index) == 1:
        result = {name: [value] for name, value in result.items()}
    return pandas.DataFrame(result, index=index)


def serialize_data(data: Any) -> Any:
    """Convert ``data`` into what JSON has: lists, dicts, numbers and text."""
    if isinstance(data, Handle):
        return serialize_data(data.contents())
    if isinstance(data, np.ndarray):
        return serialize_data(data.tolist())
    if isinstance(data, np.generic):
        return data.item()
    if isinstance(data, (list, tuple)):
        return [serialize_data(item) for item in data]
    if isinstance(data, dict):
        return {serialize_data(key): serialize_data(value) for key, value in data.items()}
    return data


def to_json(data: Any, **kwargs: Any) -> str:
    """Convert ``data`` into JSON text.

    Parameters
    ----------
    data : to write
    kwargs : for :func:`json.dumps`
    """
    return json.dumps(serialize_data(data), **kwargs)
