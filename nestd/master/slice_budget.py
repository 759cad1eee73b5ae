"""How long the slices of a simulation are: as short as they must be, as long as they may."""

from __future__ import annotations

from protocol.wire.messages import Action, Operation

#: What a slice should take by the clock.
SLICE_S = 0.22
#: The same for the first one after something was done to the network, which may be slower now.
CAREFUL_S = 0.02
#: How many times longer than the last a slice may be.
_GROWTH = 8

#: After these, nothing is known of how fast the network is.
_REBUILDING = frozenset(
    [
        "Connect",
        "CopyModel",
        "Create",
        "Disconnect",
        "ResetKernel",
        "SetKernelStatus",
        "TripartiteConnect",
        "set",
    ]
)
#: These leave the network as it is.
_READING = frozenset(
    [
        "GetConnections",
        "GetDefaults",
        "GetKernelStatus",
        "GetNodes",
        "GetStatus",
        "NodeCollection.get",
        "SynapseCollection.get",
        "get",
    ]
)
_RUNNING = frozenset(["Run", "Simulate"])


class SliceBudget:
    """What is known of how fast the network is simulated."""

    def __init__(self) -> None:
        #: Steps a second; ``None`` if nothing is known.
        self._rate: float | None = None
        #: Steps of the last slice.
        self._last = 0
        self._careful = True

    def budget(self) -> int:
        """Steps of biological time that the next slice may have; 0 if nothing is known."""
        if self._rate is None:
            return 0
        if self._careful:
            return int(self._rate * CAREFUL_S)
        return max(1, min(int(self._rate * SLICE_S), self._last * _GROWTH))

    def note(self, steps: int, took_s: float) -> None:
        """A slice had so many steps and took so long."""
        self._rate = steps / max(took_s, 1e-6)
        self._last = steps
        self._careful = False

    def invalidate(self, operation: Operation) -> None:
        """Something else was done."""
        if operation.call in _REBUILDING or operation.action is Action.SET:
            self._rate = None
        elif operation.call not in _READING | _RUNNING and operation.action in (
            Action.CALL_JSON,
            Action.CALL_PYNEST,
        ):
            self._careful = True
