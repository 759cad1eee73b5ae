"""What Prometheus reads: who may, what changes with what, and that no caller makes series."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from protocol.process.polling import poll_until
from tests.integration.pending import (
    ENDLESS_MS,
    await_new_kernel,
    begin_endless_run,
    kill,
    pending,
    processes,
)
from tests.integration.servers import DEADLINE_S, Server, Start

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(server: Server) -> Samples:
    reply = server.get("/metrics")
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"nestd_{name}", frozenset(labels.items())), 0.0)


def change(before: Samples, after: Samples, name: str, **labels: str) -> float:
    return value(after, name, **labels) - value(before, name, **labels)


def test_token_guards_them_in_both_headers(server: Server) -> None:
    assert requests.get(f"{server.url}/metrics", timeout=DEADLINE_S).status_code == 403
    for headers in ({"NESTServerAuth": server.token}, {"Authorization": f"Bearer {server.token}"}):
        found = requests.get(f"{server.url}/metrics", headers=headers, timeout=DEADLINE_S)
        assert found.status_code == 200
        assert "nestd_kernel_up 1.0" in found.text


def test_prometheus_gets_the_format_it_prefers(server: Server) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    reply = server.get("/metrics", headers={"Accept": accept})
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert reply.text.endswith("# EOF\n")


def test_requests_are_counted_by_route_and_status_with_their_time_and_bytes(server: Server) -> None:
    before = scrape(server)
    for _ in range(3):
        sent = server.post("/api/GetKernelStatus", ["resolution"])
    refused = server.post("/api/Create", ["no_such_model"])
    after = scrape(server)
    route = {"method": "POST", "route": "/api/<call>"}
    assert change(before, after, "requests_total", status="200", **route) == 3
    assert change(before, after, "requests_total", status="400", **route) == 1
    assert change(before, after, "request_duration_seconds_count", **route) == 4
    assert change(before, after, "request_duration_seconds_sum", **route) > 0
    assert change(before, after, "received_bytes_total") == 3 * 14 + 17
    text = {"method": "GET", "route": "/metrics"}
    assert change(before, after, "requests_total", status="200", **text) == 1
    replies = 3 * len(sent.content) + len(refused.content)
    # The reply to the first look is among them.
    assert change(before, after, "sent_bytes_total") > replies
    assert change(before, after, "sent_bytes_total") < replies + 100_000


def test_no_caller_makes_series_by_paths_methods_or_calls(server: Server) -> None:
    def ask(number: int) -> None:
        server.get(f"/garbage/{number}")
        server.post(f"/api/no_such_call_{number}")
        server.get(f"/jobs/nonesuch{number}")
        server.request(f"ODD{number}", "/api")
        server.request("BREW", "/nowhere")

    def ask_too_long() -> None:
        with contextlib.suppress(requests.RequestException):
            server.get("/" + "x" * 9000)

    ask(0)
    ask_too_long()
    # The first look makes a series itself, of the route it came by.
    scrape(server)
    before = scrape(server)
    ask_too_long()
    for number in range(1, 30):
        ask(number)
    after = scrape(server)
    assert after.keys() == before.keys()
    unknown = {"method": "", "route": "unknown"}
    assert change(before, after, "requests_total", status="404", **unknown) == 2 * 29
    assert change(before, after, "requests_total", status="405", **unknown) == 29
    assert change(before, after, "requests_total", status="414", **unknown) == 1


def test_simulated_time_counts_whoever_simulates_and_how_far_they_came(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 2])
    before = scrape(server)
    server.call("Simulate", [100.0])
    server.get("/api/Simulate?t=50")
    server.post("/exec", {"source": "nest.Simulate(25.0)\nnest.Simulate(25.0)"})
    server.post("/api/Simulate", [-1.0])
    after = scrape(server)
    assert change(before, after, "simulated_seconds_total") == pytest.approx(0.2)


def test_they_are_read_while_nest_computes_and_while_others_wait(server: Server) -> None:
    before = scrape(server)
    assert ("nestd_real_time_factor", frozenset()) not in before
    with pending(server) as send:
        begin_endless_run(server, send)
        others = [send("network_size") for _ in range(3)]
        assert poll_until(lambda: value(scrape(server), "queue_length") == 3, DEADLINE_S)
        during = scrape(server)
        assert change(before, during, "jobs", state="running") == 1
        assert value(during, "real_time_factor") > 0
        assert change(before, during, "simulated_seconds_total") > 0
        for listed in server.get("/jobs").json():
            if listed["state"] == "running":
                server.request("DELETE", f"/jobs/{listed['id']}")
        assert [other.result().json() for other in others] == [1, 1, 1]
    after = scrape(server)
    assert value(after, "queue_length") == 0
    ran_ms = 1000 * change(before, after, "simulated_seconds_total")
    assert ran_ms == pytest.approx(server.call("biological_time"))
    assert ran_ms < ENDLESS_MS


def test_readers_of_events_are_counted_and_what_they_are_sent(server: Server) -> None:
    headers = {"NESTServerAuth": server.token or ""}
    before = scrape(server)
    with requests.get(
        f"{server.url}/events", headers=headers, stream=True, timeout=DEADLINE_S
    ) as reply:
        assert next(reply.iter_lines(chunk_size=1)) == b": events"
        during = scrape(server)
        assert change(before, during, "event_readers") == 1

    # Its end shows when something is sent to it.
    def is_gone() -> bool:
        server.request("POST", "/api/network_size", headers={"Prefer": "respond-async"})
        return change(before, scrape(server), "event_readers") == 0

    assert poll_until(is_gone, DEADLINE_S)


def test_memory_of_gateway_and_ranks_is_that_of_the_system(server: Server) -> None:
    samples = scrape(server)
    for name, labels, pid in (
        ("gateway", {}, processes(server, "gateway")[-1]),
        ("rank", {"rank": "0"}, server.connection_info()["pid"]),
    ):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        taken = value(samples, f"{name}_resident_memory_bytes", **labels)
        assert taken == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.2)


def test_a_lost_kernel_shows_as_one_more(start: Start) -> None:
    server = start()
    before = scrape(server)
    assert value(before, "kernels_total") == 1
    info = server.connection_info()
    kill(info["pid"])
    await_new_kernel(server, info["generation"])
    after = scrape(server)
    assert value(after, "kernels_total") == 2
    assert value(after, "kernel_up") == 1
    assert value(after, "simulated_seconds_total") == 0
