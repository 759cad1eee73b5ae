"""A NEST kernel in the test's own process, empty for every test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nestd.kernel.kernel import Kernel
from nestd.kernel.pynest import nest
from protocol.messages import Action, Operation

Call = Callable[..., Any]


@pytest.fixture
def kernel() -> Kernel:
    """A kernel of generation ``g`` with nothing in it."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    return Kernel("g")


@pytest.fixture
def call(kernel: Kernel) -> Call:
    """``call(name, *args, **kwargs)`` as a caller who can't hold references."""

    def execute(name: str, *args: Any, **kwargs: Any) -> Any:
        return kernel.execute(Operation(Action.CALL, name, list(args), kwargs), False)

    return execute


@pytest.fixture
def hold(kernel: Kernel) -> Call:
    """``hold(name, *args, **kwargs)`` as a caller who gets references."""

    def execute(name: str, *args: Any, **kwargs: Any) -> Any:
        return kernel.execute(Operation(Action.CALL, name, list(args), kwargs), True)

    return execute
