"""Lease: how long the kernel keeps objects for a client of which nothing is heard."""

from __future__ import annotations

from protocol.process.environment import Environment

#: Unless set otherwise.
LEASE_S = 120
#: The variable that sets otherwise.
LEASE_VARIABLE = "NEST_SERVER_LEASE"


def read_lease_s(environment: Environment) -> int:
    """Return the seconds after which a lease ends that is not renewed."""
    return environment.integer(LEASE_VARIABLE, LEASE_S, 2, 86_400)
