"""Late import of matplotlib, when a plot is drawn.

A script may so choose its backend after it has imported NEST, and needs no matplotlib at all if
it draws nothing.
"""

from __future__ import annotations

from typing import Any


def pyplot() -> Any:
    """Return the module ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plotting needs matplotlib, which is not installed here") from error
    return plt
