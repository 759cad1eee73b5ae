"""Metrics for Prometheus: how busy, how quick and how large the server is.

Requests are counted as they are answered. All else is read from the kernel's files when the metrics
are asked for, so that they can be read while NEST computes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway.events.readers import EventReaders
from gateway.http.request_log import elapsed_s
from gateway.jobs.jobs import Jobs
from gateway.jobs.rules import STATES
from gateway.kernel.client import KernelClient
from protocol.errors import NestdError
from protocol.runtime.connection_file import ConnectionInfo
from protocol.version import SERVER_VERSION

#: Seconds. A small call takes below a millisecond, a simulation as long as it takes.
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10, 60, 600, 3600)
#: Label of requests without a route, so that callers can't make series of their own.
UNKNOWN = "unknown"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# The times at which series were made would be as many series again. The function has no types.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Metrics of one gateway.

    Parameters
    ----------
    kernel : of the server
    jobs : of the server
    readers : of events
    """

    def __init__(self, kernel: KernelClient, jobs: Jobs, readers: EventReaders) -> None:
        # Not the library's own registry: that has whatever else is loaded in it.
        self._registry = CollectorRegistry()
        labels = ["method", "route"]
        self._requests = Counter(
            "nestd_requests",
            "Requests that were answered.",
            [*labels, "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "nestd_request_duration_seconds",
            "Time to the answer of a request; of streams, to their beginning.",
            labels,
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._received = Counter(
            "nestd_received_bytes",
            "Bodies of requests, as Content-Length says.",
            registry=self._registry,
        )
        self._sent = Counter(
            "nestd_sent_bytes", "Bodies of replies, streams included.", registry=self._registry
        )
        self._registry.register(_ServerCollector(kernel, jobs, readers))
        version = Gauge(
            "nestd_build_info", "Version of this server.", ["version"], registry=self._registry
        )
        version.labels(SERVER_VERSION).set(1)
        #: By their labels, as the library takes microseconds to find them.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def add_to(self, app: Flask) -> None:
        """Measure the requests of ``app``, which has to call this before it adds other handlers."""
        app.after_request(self._end)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their media type, in the format that ``accept`` prefers."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def count_unreadable(self, status: int) -> None:
        """Count a request that could not be read."""
        self._count("", UNKNOWN, status)[0].inc()

    def _end(self, reply: Response) -> Response:
        # Each access through the proxy costs as much as a count. Its type hides the request.
        now: Request = request._get_current_object()  # type: ignore[attr-defined]
        rule = now.url_rule
        # Without a route the method may be anything, too.
        method, route = (now.method, rule.rule) if rule is not None else ("", UNKNOWN)
        counter, histogram = self._count(method, route, reply.status_code)
        counter.inc()
        histogram.observe(elapsed_s(now.environ))
        received = now.content_length
        if received:
            self._received.inc(received)
        length = reply.headers.get("Content-Length", type=int)
        if length is not None:
            self._sent.inc(length)
        elif reply.is_streamed:
            parts: Any = reply.response
            reply.response = self._stream(parts)
            if hasattr(parts, "close"):
                reply.call_on_close(parts.close)
        return reply

    def _count(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
        return children

    def _stream(self, parts: Iterable[Any]) -> Iterator[Any]:
        for part in parts:
            self._sent.inc(len(part))
            yield part


class _ServerCollector(Collector):
    """Series that are made when they are read."""

    def __init__(self, kernel: KernelClient, jobs: Jobs, readers: EventReaders) -> None:
        self._kernel = kernel
        self._jobs = jobs
        self._readers = readers

    def collect(self) -> Iterator[Metric]:
        """Make the series of this moment."""
        try:
            info = self._kernel.status.info()
        except NestdError:
            info = None
        yield _gauge(
            "nestd_kernel_up",
            "Whether there is a kernel, idle or busy.",
            float(info is not None and (not info.is_local or info.process.is_running())),
        )
        yield CounterMetricFamily(
            "nestd_kernels",
            "Kernels that this gateway has seen; one more is a restart.",
            self._kernel.status.kernels_seen,
        )
        if info is not None:
            kernel_info = GaugeMetricFamily(
                "nestd_kernel_info", "The kernel.", labels=["generation", "nest"]
            )
            kernel_info.add_metric([info.generation, info.nest], 1)
            yield kernel_info
            yield _gauge("nestd_ranks", "MPI ranks of the kernel.", info.ranks)
            rejected = CounterMetricFamily(
                "nestd_refused_connections",
                "Connections over the network that this kernel has refused.",
                labels=["reason"],
            )
            for reason, count in self._kernel.status.rejected_connections().counts.items():
                rejected.add_metric([reason], count)
            yield rejected
        yield _gauge("nestd_event_readers", "Readers of events.", self._readers.count)
        yield from self._work()
        yield from _memory(info)

    def _work(self) -> Iterator[Metric]:
        status = self._kernel.status.read()
        states = self._jobs.states()
        yield _gauge(
            "nestd_queue_length", "Requests and jobs that wait for the kernel.", states["queued"]
        )
        jobs = GaugeMetricFamily("nestd_jobs", "What GET /jobs lists, by state.", labels=["state"])
        for state in STATES:
            jobs.add_metric([state], states[state])
        yield jobs
        simulated_ms = status.simulated_ms
        if status.from_ms is not None and status.at_ms is not None:
            simulated_ms += status.at_ms - status.from_ms
            if status.at_ms > status.from_ms and status.at_s and status.began_s:
                yield _gauge(
                    "nestd_real_time_factor",
                    "Wall-clock time over biological time of the simulation that runs.",
                    (status.at_s - status.began_s) / ((status.at_ms - status.from_ms) / 1000),
                )
        yield CounterMetricFamily(
            "nestd_simulated_seconds",
            "Biological time that the kernel has simulated.",
            simulated_ms / 1000,
        )


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value)


def _memory(info: ConnectionInfo | None) -> Iterator[Metric]:
    """Make the series of memory of the processes on this machine."""
    name, documentation = "nestd_gateway_resident_memory_bytes", "Memory of the gateway."
    yield _gauge(name, documentation, _resident_bytes(os.getpid()) or 0)
    ranks = GaugeMetricFamily(
        "nestd_rank_resident_memory_bytes",
        "Memory of the ranks on this machine.",
        labels=["rank"],
    )
    if info is not None and info.is_local:
        for rank, process in enumerate(info.processes):
            if process.host == info.host and process.process.is_running():
                size_bytes = _resident_bytes(process.pid)
                if size_bytes is not None:
                    ranks.add_metric([str(rank)], size_bytes)
    yield ranks


def _resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process (proc(5)); ``None`` if the process has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return None
