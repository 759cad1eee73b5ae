"""Files of NEST Desktop, if that is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from protocol.errors import ConfigurationError


def desktop_files() -> Path:
    """Return the directory with the files that make up NEST Desktop.

    Raises
    ------
    ConfigurationError
        If NEST Desktop is not installed beside this server.
    """
    # Found, not imported: its module is a server of its own.
    spec = find_spec("nest_desktop")
    for location in (spec.submodule_search_locations or []) if spec else []:
        files = Path(location) / "app"
        if (files / "index.html").is_file():
            return files
    raise ConfigurationError(
        "NEST Desktop is not installed beside this server; install it with "
        "pip install 'nest-desktop>=4.2'"
    )
