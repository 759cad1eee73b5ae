"""Parts of one gateway that its routes share."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from gateway.events.hub import EventHub
from gateway.events.readers import EventReaders
from gateway.http.authentication import BodyGate
from gateway.http.metrics import Metrics
from gateway.http.parts import BodyParts
from gateway.jobs.jobs import Jobs
from gateway.kernel.client import KernelClient
from gateway.kernel.leases import LeaseNotices
from gateway.settings import GatewaySettings

#: Where the application keeps them.
EXTENSION = "gateway"


@dataclass(frozen=True)
class Services:
    """Parts of one gateway, each made once."""

    settings: GatewaySettings
    kernel: KernelClient
    events: EventHub
    readers: EventReaders
    jobs: Jobs
    metrics: Metrics
    gate: BodyGate
    leases: LeaseNotices
    parts: BodyParts


def services() -> Services:
    """Return the parts of the application that handles the present request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
