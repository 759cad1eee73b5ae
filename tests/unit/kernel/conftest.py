"""A NEST kernel in the test's own process, empty for every test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nestd.kernel.kernel import Kernel
from nestd.kernel.pynest import nest
from nestd.master.rank_answers import whole
from nestd.ranks.transport import OneRank
from protocol.wire.messages import Action, Operation
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from tests.unit.master.driving import drive

Call = Callable[..., Any]


@pytest.fixture
def kernel() -> Kernel:
    """A kernel of generation ``g`` with nothing in it."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    return Kernel("g")


def _caller(kernel: Kernel, references: bool) -> Call:
    """Executes calls as the master does, with this kernel as its only rank."""
    ranks = OneRank(kernel)

    def execute(name: str, *args: Any, **kwargs: Any) -> Any:
        operation = Operation(Action.CALL_JSON, name, list(args), kwargs)
        value = drive(whole(operation, ranks.execute(operation, references), references), ranks)
        # Such callers get lists for PyNEST's tuples.
        return Unpacker().unpack(Packer().pack(value))

    return execute


@pytest.fixture
def call(kernel: Kernel) -> Call:
    """``call(name, *args, **kwargs)`` as a caller who can't hold references."""
    return _caller(kernel, False)


@pytest.fixture
def hold(kernel: Kernel) -> Call:
    """``hold(name, *args, **kwargs)`` as a caller who gets references."""
    return _caller(kernel, True)
