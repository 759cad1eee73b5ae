"""Settings of the data directory: which directory it is, and its quota."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from protocol.process.environment import Environment
from protocol.runtime.data_directory import (
    DATA_VARIABLE,
    DEFAULT_QUOTA_BYTES,
    MIB,
    QUOTA_VARIABLE,
    DataDirectory,
)
from protocol.runtime.paths import RuntimeDirectory


def named_data_directory(
    environment: Environment, files: RuntimeDirectory | None = None
) -> Path | None:
    """Return the data directory that a variable names, resolved; ``None`` if none does.

    What is wrong with it is collected in ``environment``: nothing that NEST writes may lie among
    the files of a server, and callers can fetch and remove what lies in the data directory.

    Parameters
    ----------
    environment : that has the variable
    files : runtime directory; ``None`` for that of the user
    """
    named = environment.optional_text(DATA_VARIABLE)
    if named is None:
        return None
    path = Path(named).resolve()
    runtime = (files or RuntimeDirectory.of_user()).path.resolve()
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111  # never fails
    if path in (home, *home.parents):
        problem = "is or holds your home directory"
    elif path in (runtime, *runtime.parents) or runtime in path.parents:
        problem = "is, holds or lies in the directory of the servers' own files"
    else:
        return path
    environment.complain(
        f"{DATA_VARIABLE} names {path}, which {problem}: name one for these files alone"
    )
    return None


def quota_bytes(environment: Environment) -> int:
    """Return the quota of the data directory that a variable sets, or the default."""
    default = DEFAULT_QUOTA_BYTES // MIB
    return environment.integer(QUOTA_VARIABLE, default, 1, 2**40) * MIB


def data_directory_from(variables: Mapping[str, str], files: RuntimeDirectory) -> DataDirectory:
    """Return the data directory that variables name; without, that of the server at ``files``.

    Raises
    ------
    ConfigurationError
        If a variable has a wrong value.
    """
    environment = Environment(variables)
    path = named_data_directory(environment, files) or files.data
    quota = quota_bytes(environment)
    environment.check()
    return DataDirectory(path, quota)
