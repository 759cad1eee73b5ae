"""Settings for property-based tests, and what no test leaves to the next one."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from protocol.logging import context

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
