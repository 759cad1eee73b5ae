"""NEST Desktop in a browser, with servers as they start by default."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Response, expect

from tests.browser.desktop import PROJECTS, Desktop
from tests.browser.foreign import record_requests
from tests.integration.servers import Runtime, Server

#: How long a simulation goes on while NEST Desktop asks whether there is a server.
LONG_S = 6.0

#: Class of what is green.
WELL = re.compile(r"\btext-green\b")


def check_simulation(desktop: Desktop, project: str) -> None:
    """Simulate a project and compare what is drawn with what was answered."""
    desktop.open_project(project)
    answer = desktop.simulate()
    assert answer.status == 200, answer.text()
    expect(desktop.toast("Simulation finished.")).to_be_visible()
    data = answer.json()["data"]
    assert ("positions" in data) == project.startswith("spatial")
    (events,) = data["events"]
    # Of voltages there is a curve for each of the neurons that are shown.
    drawn = len(set(events["times"]) if "V_m" in events else events["times"])
    assert {number for plot in desktop.points() for number in plot} == {drawn}
    assert drawn > 900
    assert desktop.faults == []


@pytest.mark.parametrize("project", PROJECTS)
def test_project_of_nest_desktop_is_simulated_and_plotted(
    desktop: Desktop, server: Server, project: str
) -> None:
    desktop.connect(server)
    check_simulation(desktop, project)


@pytest.mark.parametrize("project", PROJECTS)
def test_project_is_simulated_and_plotted_on_two_ranks(
    desktop: Desktop, server_on_two_ranks: Server, project: str
) -> None:
    assert server_on_two_ranks.get("/").json()["ranks"] == 2
    desktop.connect(server_on_two_ranks)
    check_simulation(desktop, project)


@pytest.mark.parametrize("project", PROJECTS)
def test_project_is_simulated_and_plotted_in_the_desktop_of_the_server(
    desktop: Desktop, server_with_desktop: Server, project: str
) -> None:
    desktop.connect_by_link(server_with_desktop)
    check_simulation(desktop, project)


def test_project_spike_activity_has_the_spikes_that_it_always_had(
    desktop: Desktop, server: Server
) -> None:
    desktop.connect(server)
    desktop.open_project("spike activity")
    (events,) = desktop.simulate().json()["data"]["events"]
    assert len(events["times"]) == 1271
    # As dots, and by their times in a histogram.
    assert desktop.points() == [[1271, 1271]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x=1/0", "ZeroDivisionError at line 27: division by zero"),
        ('nest.Create("nope")', "UnknownModelName at line 27: nope is not a known model name."),
    ],
)
def test_line_that_is_wrong_is_marked(
    desktop: Desktop, server: Server, line: str, message: str
) -> None:
    desktop.connect(server)
    desktop.open_project("spike activity")
    desktop.insert_line("# Run simulation", line)
    answer = desktop.simulate()
    assert answer.status == 400
    assert answer.json()["message"] == message
    expect(desktop.toast(message)).to_be_visible()
    expect(desktop.marked_lines).to_have_text(line)


def test_desktop_shows_that_the_server_is_well_while_it_simulates(
    desktop: Desktop, server: Server
) -> None:
    desktop.connect(server)
    desktop.open_project("spike activity")
    # One call of NEST after the other, until somebody ends the script.
    desktop.insert_line("# Run simulation", "while True: nest.Simulate(1000.0)")
    answers: list[Response] = []
    desktop.page.on(
        "response", lambda reply: answers.append(reply) if reply.url.endswith("/exec") else None
    )
    desktop.page.get_by_role("button", name="Simulate").click()
    asked = 0
    began_s = time.monotonic()
    while time.monotonic() < began_s + LONG_S or not asked:
        reply = desktop.ping()
        expect(desktop.health).to_have_class(WELL)
        # It was asked while it was at it.
        asked += reply.json()["state"] == "busy"
        assert (reply.status, answers) == (200, [])
    assert asked
    with desktop.page.expect_response("**/exec"):
        assert server.request("DELETE", "/exec").json() == {"ended": True}
    expect(desktop.health).to_have_class(WELL)


def test_desktop_of_the_server_is_connected_without_a_secret_in_a_request(
    desktop: Desktop, server_with_desktop: Server
) -> None:
    server, token = server_with_desktop, server_with_desktop.token
    assert token
    sent: list[str] = []
    left: list[str] = []
    desktop.page.on("request", lambda request: sent.append(request.headers.get("referer", "")))
    # What a policy of the page stops is never sent.
    desktop.page.on("requestfinished", lambda request: left.append(urlsplit(request.url).netloc))
    desktop.connect_by_link(server)
    expect(desktop.health).to_have_class(WELL)
    assert desktop.page.url == f"http://localhost:{server.port}/desktop/#/nest"
    assert not [url for url in desktop.requested + sent if token in url.partition("#")[0]]
    assert set(left) == {f"localhost:{server.port}"}
    # Nobody who opens the browser later finds it, and no old files outlive the server.
    kept = desktop.page.evaluate("JSON.stringify(localStorage)")
    assert token not in kept
    assert f"http://localhost:{server.port}" in kept
    workers = "navigator.serviceWorker.getRegistrations().then(found => found.length)"
    assert desktop.page.evaluate(workers) == 0
    assert token not in server.log()


def test_link_to_another_port_gets_no_token(desktop: Desktop, server_with_desktop: Server) -> None:
    """Another user of the machine may listen there, and may send such a link."""
    server, page = server_with_desktop, desktop.page
    with record_requests() as (port, received):
        desktop.connect_by_link(server)
        other = f"http://localhost:{port}"

        def is_stopped(message: ConsoleMessage) -> bool:
            return "Content Security Policy" in message.text and str(port) in message.text

        # Something before "#", so that the page is loaded anew.
        link = f"http://localhost:{server.port}/desktop/?x#/nest?nest_server_url={other}"
        with page.expect_console_message(is_stopped):
            page.goto(link)
        assert received == []


def test_desktop_of_the_server_is_reached_from_its_page(
    desktop: Desktop, server_with_desktop: Server
) -> None:
    page, token = desktop.page, server_with_desktop.token
    assert token
    page.goto(f"http://localhost:{server_with_desktop.port}/#token={token}")
    page.get_by_role("link", name="Open NEST Desktop").click()
    expect(desktop.health).to_have_class(WELL)


def test_tab_without_the_token_is_asked_for_it_and_led_back(
    desktop: Desktop, server_with_desktop: Server
) -> None:
    desktop.sign_in_at(server_with_desktop, "start")
    expect(desktop.health).to_have_class(WELL)


def test_second_tab_is_connected_and_stays_at_its_place(
    desktop: Desktop, server_with_desktop: Server
) -> None:
    desktop.sign_in_at(server_with_desktop, "#/nest/model")
    expect(desktop.page).to_have_url(re.compile("/desktop/#/nest/model"))
    store = "sessionStorage.getItem('nest-backend-store')"
    assert server_with_desktop.token in desktop.page.evaluate(store)


def test_files_of_the_desktop_need_no_token_and_know_their_server(
    server_with_desktop: Server,
) -> None:
    server = server_with_desktop
    for path, kind in {
        "/desktop/": "text/html",
        "/desktop/start": "text/html",
        "/desktop/manifest.webmanifest": "application/manifest+json",
        "/desktop/assets/workspaces/nest/config/NESTModel.json": "application/json",
    }.items():
        reply = server.get(path, headers={"NESTServerAuth": ""})
        assert (reply.status_code, reply.headers["Content-Type"].split(";")[0]) == (200, kind)
        assert "Content-Security-Policy" in reply.headers
        assert "NEST-Kernel-Generation" not in reply.headers
    config = server.get("/desktop/assets/workspaces/nest/config/backends.json").json()
    assert config["nest"] == {"enabled": True, "url": server.url}
    assert server.get("/desktop/../app.py", headers={"NESTServerAuth": ""}).status_code == 403
    assert server.get("/desktop/%2e%2e/app.py").status_code == 404
    assert server.get("/").json()["desktop"] is True


def test_server_with_a_desktop_has_it_after_a_restart(
    start: Callable[..., Server], runtime: Runtime
) -> None:
    server = start({"NEST_SERVER_DESKTOP": "1"})
    done = runtime.run("restart")
    assert f"NEST Desktop  {server.url}/desktop/start\n" in done.stdout
    assert server.get("/desktop/").status_code == 200
