"""A running NEST elsewhere, from Python; no NEST needed here."""

from nest_remote.errors import NESTServerError
from nest_remote.http import HttpTransport

__all__ = ["HttpTransport", "NESTServerError"]
