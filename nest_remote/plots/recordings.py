"""Text files of numbers: those that NEST's recorders write, and tables without a heading."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protocol.wire.values import Array

#: Reads the numbers of a file whose first lines, that many, are a heading.
Loader = Callable[[Path, int], Array]


@dataclass(frozen=True)
class Recording:
    """Contents of one or several files of a recorder."""

    #: Names of the columns, such as ``sender``; empty if the files don't name them.
    names: tuple[str, ...]
    #: Numbers of all files, one below the other, shape (n, columns).
    rows: Array


def file_names(files: Any) -> list[str]:
    """Return ``files``, one name or several, as a list.

    Raises
    ------
    TypeError
        If it is neither a name nor a list or tuple of names.
    """
    if isinstance(files, (str, os.PathLike)):
        return [os.fspath(files)]
    if isinstance(files, (list, tuple)) and all(isinstance(f, (str, os.PathLike)) for f in files):
        return [os.fspath(file) for file in files]
    raise TypeError("fname must be a str, or a list or tuple of str")


def files_of(recorder: Any) -> list[str]:
    """Return the names of the files that ``recorder`` writes.

    Raises
    ------
    FileNotFoundError
        If they can't be found from here: NEST may run on another machine, or have another
        working directory.
    """
    names = file_names(recorder.get("filenames"))
    for name in names:
        if not Path(name).exists():
            raise FileNotFoundError(f"no file {name} here; the recorder writes it where NEST runs")
    return names


def with_numpy(path: Path, heading: int) -> Array:
    """Read the numbers of a file, shape (n, columns), with NumPy."""
    rows: Array = np.loadtxt(path, skiprows=heading, ndmin=2)
    return rows


def with_pandas(path: Path, heading: int) -> Array:
    """Read the numbers of a file, shape (n, columns), with pandas, which is several times faster.

    Raises
    ------
    ImportError
        If pandas is missing.
    """
    import pandas as pd

    table = pd.read_csv(path, sep=r"\s+", skiprows=heading, header=None, comment="#")
    rows: Array = table.to_numpy(dtype=float)
    return rows


def read(files: Sequence[str], load: Loader) -> Recording:
    """Read ``files`` as if they were one; every thread of NEST writes its own.

    Raises
    ------
    OSError
        If a file can't be read.
    ValueError
        If a file holds something else than numbers below its heading, or the files differ in
        their number of columns.
    """
    names: tuple[str, ...] = ()
    tables: list[Array] = []
    for file in files:
        heading, named, empty = _heading(Path(file))
        names = names or named
        if not empty:
            tables.append(load(Path(file), heading))
    rows = np.concatenate(tables) if tables else np.empty((0, len(names)))
    return Recording(names, rows)


def _heading(path: Path) -> tuple[int, tuple[str, ...], bool]:
    """Find the lines above the first number: how many, and the names of columns in them."""
    names: tuple[str, ...] = ()
    count = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words and not words[0].startswith("#"):
                if _is_number(words[0]):
                    return count, names, False
                names = tuple(words)
            count += 1
    return count, names, True


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
