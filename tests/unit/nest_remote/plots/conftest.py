"""An empty kernel and no figure for every test; drawings go nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from nestd.kernel.pynest import nest

#: Draws with a function and the same arguments as ever, and gives the figure.
Draw = Callable[..., Any]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No nodes, no figures, and recorders write to a directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.data_path = str(tmp_path)
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture
def figure_of() -> Draw:
    """``figure_of(function, *args, **kwargs)`` calls it and returns the figure it drew in."""

    def draw(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        plt.close("all")
        function(*args, **kwargs)
        assert len(plt.get_fignums()) == 1
        return plt.gcf()

    return draw
