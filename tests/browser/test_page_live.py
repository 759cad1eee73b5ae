"""The live part of the page: what runs, waits, is logged and recorded, on one rank and on two."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from protocol.process.polling import poll_until
from tests.browser.tabs import (
    DESKTOP,
    OVERLAPPING,
    PHONE,
    SMALL_PHONE,
    STICKING_OUT,
    Open,
    link,
    pictured,
)
from tests.integration.pending import ENDLESS_MS, pending, processes
from tests.integration.servers import DEADLINE_S, Server, Start
from tests.sections import read_sections

TEXTS = dict(read_sections(Path(__file__).with_name("page_live.txt")))

#: What stands where nothing is known.
UNKNOWN = "\N{EN DASH}"

ASYNC = {"Prefer": "respond-async"}
RECORDER = 3

#: Number of the canvas' pixels that have the colour of marks.
PIXELS = TEXTS["pixels"]


@pytest.fixture(params=["server", "server_on_two_ranks"], ids=["one rank", "two ranks"])
def ranks(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server on one rank, and one on two, with nothing to do and an empty network."""
    found: Server = request.getfixturevalue(request.param)
    yield found
    end_all(found)


@pytest.fixture
def one_rank(server: Server) -> Iterator[Server]:
    """A server on one rank alone, for what does not depend on their number."""
    yield server
    end_all(server)


def end_all(server: Server) -> None:
    """End what a test has left."""

    def going_on() -> list[str]:
        jobs = server.get("/jobs").json()
        return [job["id"] for job in jobs if job["state"] in ("queued", "running")]

    # From the end, so that none begins.
    for id in reversed(going_on()):
        server.request("DELETE", f"/jobs/{id}")
    assert poll_until(lambda: not going_on(), DEADLINE_S)


def network(server: Server) -> None:
    """Two neurons that spike, on two ranks one on each, and a recorder of them.

    They spike seldom: of more than 100 000 spikes, those who come later are told the newest.
    """
    server.call("Create", ["iaf_psc_alpha", 2, {"I_e": 400.0, "t_ref": 400.0}])
    server.call("Create", ["spike_recorder"])
    server.call("Connect", [[1, 2], [RECORDER]])


def submit(server: Server, path: str, body: Any) -> str:
    """Start a job; its name."""
    reply = server.post(path, body, headers=ASYNC)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["id"])


def state_of(server: Server, id: str) -> str:
    return str(server.get(f"/jobs/{id}").json()["state"])


def open_page(open_tab: Open, server: Server, **settings: Any) -> Page:
    page = open_tab(link(server), **settings)
    expect(page.locator("#facts")).to_have_attribute("data-shown", "yes")
    expect(page.locator("[data-fact=nest]")).to_have_text("3.10.0")
    return page


def run_fact(page: Page, name: str) -> Locator:
    return page.locator("#run dt", has_text=name).locator("xpath=following-sibling::dd")


def log_line(page: Page, text: str) -> Locator:
    return page.get_by_role("region", name="Lines of the log").locator("li", has_text=text)


def test_running_simulation_is_seen_to_go_on_and_can_be_ended(
    open_tab: Open, ranks: Server
) -> None:
    network(ranks)
    page = open_page(open_tab, ranks)
    expect(page.get_by_text("Nothing runs.")).to_be_visible()
    id = submit(ranks, "/api/Simulate", [ENDLESS_MS])
    expect(page.locator("#run-what")).to_have_text("Simulate")
    expect(page.locator("#run-id")).to_have_text(id[:6])
    expect(run_fact(page, "Biological time")).to_contain_text(" of 100,000,000 ms")
    expect(run_fact(page, "Real-time factor")).not_to_have_text(UNKNOWN)
    expect(run_fact(page, "Estimated end")).not_to_have_text(UNKNOWN)
    expect(run_fact(page, "Runs for")).to_contain_text(" s")
    expect(run_fact(page, "Awaited ranks")).not_to_have_text(UNKNOWN)
    bar = page.get_by_role("progressbar")
    before = bar.evaluate("bar => bar.value")
    assert 0 < before < 1
    assert poll_until(lambda: bar.evaluate("bar => bar.value") > before, DEADLINE_S)

    page.get_by_role("button", name="Cancel Simulate").focus()
    page.keyboard.press("Enter")
    ended = page.get_by_role("region", name="Jobs that have ended").locator("li", has_text=id[:6])
    expect(ended).to_contain_text("cancelled")
    expect(ended).to_contain_text("Simulate was ended at")
    expect(page.get_by_text("Nothing runs.")).to_be_visible()
    # The button is gone; the keyboard goes on from its place.
    assert page.evaluate("document.activeElement.id") == "running-title"
    assert state_of(ranks, id) == "cancelled"
    at_ms = ranks.call("biological_time")
    assert 0 < at_ms < ENDLESS_MS
    ranks.call("Simulate", [10.0])
    assert ranks.call("biological_time") == pytest.approx(at_ms + 10.0)


def test_waiting_jobs_are_listed_in_order_and_one_can_be_cancelled(
    open_tab: Open, ranks: Server
) -> None:
    network(ranks)
    page = open_page(open_tab, ranks)
    running = submit(ranks, "/api/Simulate", [ENDLESS_MS])
    waiting = [submit(ranks, f"/api/{call}", []) for call in ("GetNodes", "Models", "GetNodes")]
    rows = page.get_by_role("region", name="Jobs that wait").locator("li")
    expect(rows.locator("code")).to_have_text([id[:6] for id in waiting])
    expect(page.locator("#waiting-count")).to_have_text("3")
    page.get_by_role("button", name=f"Cancel Models {waiting[1][:6]}").click()
    expect(rows.locator("code")).to_have_text([waiting[0][:6], waiting[2][:6]])
    assert state_of(ranks, waiting[1]) == "cancelled"
    assert state_of(ranks, running) == "running"
    page.get_by_role("button", name="Cancel Simulate").click()
    expect(rows).to_have_count(0)
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    final = page.get_by_role("region", name="Jobs that have ended").locator("li")
    for id, state in zip(waiting, ("done", "cancelled", "done"), strict=True):
        expect(final.filter(has_text=id[:6])).to_contain_text(state)


def test_requests_whose_callers_wait_are_shown_and_can_be_cancelled(
    open_tab: Open, ranks: Server
) -> None:
    network(ranks)
    page = open_page(open_tab, ranks)
    with pending(ranks) as send:
        running = send("Simulate", [ENDLESS_MS])
        expect(run_fact(page, "Caller")).to_have_text("waits")
        waiting = send("Models")
        row = page.get_by_role("region", name="Jobs that wait").locator("li")
        expect(row).to_contain_text("Models")
        expect(row).to_contain_text("its caller waits")
        row.get_by_role("button").click()
        assert waiting.result().json()["error"] == "Cancelled"
        expect(row).to_have_count(0)
        page.get_by_role("button", name="Cancel Simulate").click()
        assert running.result().json()["error"] == "Cancelled"
    # The server keeps nothing of it, but this page has seen its end.
    ended = page.get_by_role("region", name="Jobs that have ended").locator(
        "li", has_text="Simulate"
    )
    expect(ended.first).to_contain_text("cancelled")


def test_call_that_cannot_be_interrupted_says_so(open_tab: Open, one_rank: Server) -> None:
    one_rank.call("Create", ["iaf_psc_alpha"])
    page = open_page(open_tab, one_rank)
    submit(one_rank, "/api/Simulate", [ENDLESS_MS])
    expect(run_fact(page, "Real-time factor")).not_to_have_text(UNKNOWN)
    pid = one_rank.connection_info()["pid"]
    # As during a long slice, or inside Connect: what is said is read when that is over.
    os.kill(pid, signal.SIGSTOP)
    try:
        page.get_by_role("button", name="Cancel Simulate").click()
        expect(page.locator("#run-note")).to_contain_text("can't be interrupted")
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(page.get_by_text("Nothing runs.")).to_be_visible()


def test_log_shows_output_states_and_a_new_kernel(open_tab: Open, ranks: Server) -> None:
    page = open_page(open_tab, ranks)
    # The stream stands when something comes by it.
    submit(ranks, "/api/GetNodes", [])
    expect(log_line(page, "GetNodes")).not_to_have_count(0)
    id = submit(ranks, "/exec", {"source": "print('hello')\nprint('<b>there</b>')\n1 / 0"})
    expect(log_line(page, "hello")).to_have_count(1)
    expect(log_line(page, "<b>there</b>")).to_have_count(1)
    failed = log_line(page, f"script {id[:6]} failed: ZeroDivisionError at line 3")
    expect(failed).to_have_count(1)
    generation = ranks.get("/").json()["generation"]
    assert ranks.request("DELETE", "/kernel").status_code == 200
    expect(log_line(page, "the network is lost")).to_have_count(1)
    expect(page.locator("[data-fact=generation]")).not_to_have_text(generation)
    assert poll_until(lambda: ranks.get("/readyz").status_code == 200, DEADLINE_S)
    assert ranks.call("network_size") == 0


def test_log_keeps_a_number_of_lines_and_stays_where_it_is_read(
    open_tab: Open, one_rank: Server
) -> None:
    page = open_page(open_tab, one_rank)
    submit(one_rank, "/exec", {"source": "for i in range(900): print('line', i)"})
    expect(log_line(page, "line 899")).to_have_count(1)
    box = page.locator("#log-box")
    at_end = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 2"
    assert box.evaluate(at_end)
    box.evaluate("box => box.scrollTop = 6000")
    first = """
    box => [...box.querySelectorAll("li")].find(
      line => line.getBoundingClientRect().top >= box.getBoundingClientRect().top).textContent
    """
    read = box.evaluate(first)
    assert "line " in read
    submit(one_rank, "/exec", {"source": "for i in range(100): print('other', i)"})
    expect(log_line(page, "other 99")).to_have_count(1)
    assert page.locator("#log li").count() <= 1000
    assert box.evaluate(first) == read
    # Who has read to the end follows what comes.
    box.evaluate("box => box.scrollTop = box.scrollHeight")
    submit(one_rank, "/exec", {"source": "for i in range(2000): print('more', i)"})
    expect(log_line(page, "more 1999")).to_have_count(1)
    assert page.locator("#log li").count() <= 1000
    assert poll_until(lambda: box.evaluate(at_end), DEADLINE_S)


def test_raster_has_a_mark_for_every_spike_of_all_ranks(open_tab: Open, ranks: Server) -> None:
    network(ranks)
    page = open_page(open_tab, ranks)
    choice = page.get_by_label("Recorder to plot")
    expect(choice.locator("option")).to_have_text(["Choose one", f"spike_recorder {RECORDER}"])
    choice.select_option(str(RECORDER))
    plot = page.locator("#plot")
    id = submit(ranks, "/api/Simulate", [ENDLESS_MS])
    # It is drawn while NEST simulates.
    assert poll_until(lambda: int(plot.get_attribute("data-drawn") or 0) > 20, DEADLINE_S)
    assert state_of(ranks, id) == "running"
    page.get_by_role("button", name="Cancel Simulate").click()
    expect(page.get_by_text("Nothing runs.")).to_be_visible()

    def recorded() -> dict[str, list[float]]:
        events: dict[str, list[float]] = ranks.call("GetStatus", [[RECORDER], "events"])[0]
        return events

    spikes = recorded()
    count = str(len(spikes["times"]))
    assert set(spikes["senders"]) == {1, 2}
    expect(plot).to_have_attribute("data-points", count)
    expect(plot).to_have_attribute("data-drawn", count)
    assert page.evaluate(PIXELS) > 20
    described = f"{int(count):,} spikes of 2 senders, {spikes['times'][0]:,.1f}"
    expect(page.locator("#plot-said")).to_contain_text(described)
    assert described in (plot.get_attribute("aria-label") or "")

    page.get_by_label("Biological time to plot").select_option("100")
    last_ms = spikes["times"][-1]
    latest = [time for time in spikes["times"] if time >= last_ms - 100.0]
    expect(plot).to_have_attribute("data-drawn", str(len(latest)))

    # Who comes later, or again, sees all of it, too.
    page.reload()
    page.get_by_label("Recorder to plot").select_option(str(RECORDER))
    expect(plot).to_have_attribute("data-drawn", count)
    ranks.call("Simulate", [200.0])
    count = str(len(recorded()["times"]))
    expect(plot).to_have_attribute("data-drawn", count)

    ranks.call("ResetKernel")
    expect(plot).to_have_attribute("data-points", "0")
    network(ranks)
    ranks.call("Simulate", [100.0])
    if choice.input_value() == "":
        expect(choice.locator("option")).to_have_count(2)
        choice.select_option(str(RECORDER))
    expect(plot).to_have_attribute("data-drawn", str(len(recorded()["times"])))


def test_values_of_a_multimeter_are_plotted_and_problems_told(
    open_tab: Open, one_rank: Server
) -> None:
    one_rank.call("Create", ["iaf_psc_alpha", 2, {"I_e": 400.0}])
    one_rank.call("Create", ["multimeter", 1, {"record_from": ["V_m"]}])
    one_rank.call("Connect", [[3], [1, 2]])
    one_rank.call("Create", ["spike_recorder", 1, {"record_to": "screen"}])
    one_rank.call("Simulate", [50.0])
    page = open_page(open_tab, one_rank)
    choice = page.get_by_label("Recorder to plot")
    choice.select_option("3")
    expect(page.locator("#plot-said")).to_contain_text("98 values of V_m of 2 senders")
    choice.select_option("4")
    expect(page.locator("#plot")).to_have_attribute("data-points", "0")
    expect(page.locator("#plot-empty")).to_contain_text("events")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [SMALL_PHONE, PHONE, DESKTOP], ids=lambda size: size["width"])
def test_page_fits_and_can_be_read_while_something_runs(
    open_tab: Open, ranks: Server, tmp_path: Path, size: Any, scheme: Any
) -> None:
    network(ranks)
    touch = size != DESKTOP
    page = open_tab(
        "about:blank", viewport=size, color_scheme=scheme, has_touch=touch, is_mobile=touch
    )
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(link(ranks))
    page.get_by_label("Recorder to plot").select_option(str(RECORDER))
    long = "x" * 300
    submit(ranks, "/exec", {"source": f"print('{long}')\nraise ValueError('{long}')"})
    submit(ranks, "/exec", {"source": f"nest.Simulate({ENDLESS_MS})"})
    for _ in range(3):
        submit(ranks, "/api/GetNodes", [])
    expect(page.locator("#waiting li")).to_have_count(3)
    expect(page.locator("#ended li", has_text="ValueError")).not_to_have_count(0)
    expect(run_fact(page, "Real-time factor")).not_to_have_text(UNKNOWN)
    expect(page.locator("#plot")).not_to_have_attribute("data-drawn", "0")
    with pictured(page, tmp_path / "page.png"):
        assert page.evaluate(STICKING_OUT) == []
        assert page.evaluate(OVERLAPPING) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("about:", "data:"))}
    assert hosts == {f"localhost:{ranks.port}"}
    assert complaints == []


def test_page_shows_nothing_of_the_kernel_once_the_token_is_forgotten(
    open_tab: Open, one_rank: Server
) -> None:
    network(one_rank)
    page = open_page(open_tab, one_rank)
    page.get_by_label("Recorder to plot").select_option(str(RECORDER))
    id = submit(one_rank, "/exec", {"source": f"print('secret')\nnest.Simulate({ENDLESS_MS})"})
    expect(log_line(page, "secret")).to_have_count(1)
    expect(page.locator("#plot")).not_to_have_attribute("data-drawn", "0")
    page.get_by_role("button", name="Forget the access token").click()
    expect(page.get_by_label("Access token", exact=True)).to_be_focused()
    expect(page.get_by_text("Not known without the token.").first).to_be_visible()
    text = page.locator("body").text_content() or ""
    for said in (id[:6], "secret", "spike_recorder"):
        assert said not in text
    expect(page.locator("#plot")).to_have_attribute("data-points", "0")
    expect(page.locator("#plot canvas")).to_have_count(0)
    page.get_by_label("Access token", exact=True).fill(one_rank.token or "")
    page.keyboard.press("Enter")
    expect(page.locator("#run-id")).to_have_text(id[:6])
    end_all(one_rank)
    expect(log_line(page, f"script {id[:6]} cancelled")).to_have_count(1)


def test_page_goes_on_when_the_gateway_was_restarted(open_tab: Open, start: Start) -> None:
    server = start()
    network(server)
    page = open_page(open_tab, server)
    page.get_by_label("Recorder to plot").select_option(str(RECORDER))
    server.call("Simulate", [100.0])
    plot = page.locator("#plot")
    expect(plot).not_to_have_attribute("data-drawn", "0")
    for pid in processes(server, "gateway"):
        os.kill(pid, signal.SIGKILL)
    expect(log_line(page, "gateway was restarted")).to_have_count(1)
    server.call("Simulate", [100.0])
    spikes = server.call("GetStatus", [[RECORDER], "events"])[0]["times"]
    expect(plot).to_have_attribute("data-drawn", str(len(spikes)))
    id = submit(server, "/exec", {"source": "print('still here')"})
    expect(log_line(page, "still here")).to_have_count(1)
    # What a script prints comes before its end.
    assert poll_until(lambda: state_of(server, id) == "done", DEADLINE_S)


#: What the page's parser makes of a stream that comes in these pieces.
PARSED = TEXTS["parsed"]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_read_whatever_pieces_they_come_in(
    open_tab: Open, server: Server, size: int
) -> None:
    page = open_tab(f"http://localhost:{server.port}/")
    text = (
        ': events\n\n:\n\nid: a-1\nevent: output\ndata: {"text":"\u00fc: \u2013"}\n\n'
        "id: a-2\nevent: state\ndata: {}\n\nid: a-3\nevent: cut"
    ).encode()
    pieces = [list(text[at : at + size]) for at in range(0, len(text), size)]
    address = f"http://localhost:{server.port}/static/stream.js"
    assert page.evaluate(PARSED, [address, pieces]) == [
        {"id": "a-1", "event": "output", "data": '{"text":"\u00fc: \u2013"}'},
        {"id": "a-2", "event": "state", "data": "{}"},
    ]


#: What is kept of as many spikes, told in portions of the same size, and then told again.
KEPT = TEXTS["kept"]


def test_points_that_are_kept_are_the_newest_and_the_others_are_counted(
    open_tab: Open, server: Server
) -> None:
    page = open_tab(f"http://localhost:{server.port}/")
    address = f"http://localhost:{server.port}/static/spikes.js"
    portions, size = 11, 90_000
    kept, *found = page.evaluate(KEPT, [address, portions, size])
    total = portions * size
    assert kept < total
    assert found == [kept, total - kept + portions, total - kept, total - 1, True, 7]
