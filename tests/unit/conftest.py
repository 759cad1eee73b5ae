"""Settings for property-based tests: no files left behind, no limits on time."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "nestd",
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("nestd")
