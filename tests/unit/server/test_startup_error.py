"""The line that says why a program did not start."""

from __future__ import annotations

import pytest

from nestd.server.supervisor.startup_error import startup_error

FRAME = "-" * 74
#: Of Open MPI 4.1.4.
NO_SLOTS = [
    FRAME,
    "There are not enough slots available in the system to satisfy the 2",
    "slots that were requested by the application:",
    "",
    "  python",
    "",
    "Either request fewer slots for your application, or make more slots",
    "available for use.",
    FRAME,
]
ENDED = [
    FRAME,
    "Primary job  terminated normally, but 1 process returned",
    "a non-zero exit code. Per user-direction, the job has been aborted.",
    FRAME,
]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], ""),
        (["", FRAME, "   "], ""),
        (["Traceback (most recent call last):", "ValueError: 3", *ENDED], "ValueError: 3"),
        (["nestd can't start: no NEST", "that is all", *ENDED], "no NEST"),
        (
            NO_SLOTS,
            "There are not enough slots available in the system to satisfy the 2 slots that were "
            "requested by the application",
        ),
        # Cut off before its end.
        ([FRAME, "It failed", "here"], "It failed here"),
    ],
)
def test_reason_is_what_tells_most(lines: list[str], reason: str) -> None:
    assert startup_error(lines) == reason
