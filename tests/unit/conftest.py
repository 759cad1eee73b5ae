"""Settings for property-based tests, and what no test leaves to the next one."""

import os
from collections.abc import Iterator

# nestd's PyNEST goes without these; what is compared with PyNEST's own tables and figures needs it
# to have them, so they come first.
import matplotlib  # noqa: F401
import pandas  # noqa: F401
import pytest
from hypothesis import HealthCheck, settings

from nestd.kernel.native import switch
from nestd.settings import native_from
from protocol.logging import context

# Kernels of unit tests heed the variable as those of servers do; NESTD_NATIVE=off tests the
# fallbacks.
switch.is_on = native_from(os.environ)

settings.register_profile(
    "nestd",
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("nestd")


@pytest.fixture(autouse=True)
def _no_request() -> Iterator[None]:
    """Let each test begin outside of any request, and end there."""
    with context.working_for(context.NO_REQUEST):
        yield
