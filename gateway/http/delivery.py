"""Delivery of an answer: whether its caller waits, and the name of the request or job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Request

from protocol.errors import MalformedRequest
from protocol.process.environment import is_truthy
from protocol.runtime.job_store import NAME, new_name


@dataclass(frozen=True)
class Delivery:
    """Name of a request, and whether its caller waits for the answer."""

    #: Name of the request, or of the job that it becomes.
    id: str
    #: Whether the caller has chosen the name.
    is_named: bool
    #: Whether the request has an idempotency key: requests of one key are one job.
    has_key: bool
    #: Whether the caller takes the job for an answer.
    is_async: bool

    @property
    def is_job(self) -> bool:
        """Return whether the request becomes a job that is kept."""
        return self.has_key or self.is_async


def read_delivery(request: Request, name_of: Callable[[str], str]) -> Delivery:
    """Read the headers ``Prefer``, ``Idempotency-Key`` and ``X-Job-ID``, and ``?async=1``.

    Parameters
    ----------
    request : with the headers
    name_of : gives the name of the job with an idempotency key

    Raises
    ------
    MalformedRequest
        If the key is empty, ``X-Job-ID`` is no name, or is given for a job that gets its name from
        the server.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not key.strip():
        # Requests that have nothing to do with each other would be one job.
        raise MalformedRequest(
            "Idempotency-Key is empty: give each request a key of its own, or leave the header out"
        )
    is_async = wants_async(request)
    name = request.headers.get("X-Job-ID")
    if name is None:
        return Delivery(
            new_name() if key is None else name_of(key), False, key is not None, is_async
        )
    if not NAME.fullmatch(name):
        raise MalformedRequest("X-Job-ID must be 8 to 64 of the characters 0-9 and a-z")
    if key is not None or is_async:
        raise MalformedRequest(
            "X-Job-ID is for requests whose caller waits; a job that is kept gets its name "
            "from the server"
        )
    return Delivery(name, True, False, False)


def wants_async(request: Request) -> bool:
    """Return whether the caller does not wait.

    The caller says so by ``Prefer: respond-async`` (RFC 7240) or ``?async=1``.
    """
    preferences = request.headers.get("Prefer", "").split(",")
    names = [preference.partition(";")[0].strip().lower() for preference in preferences]
    return "respond-async" in names or is_truthy(request.args.get("async", ""))
