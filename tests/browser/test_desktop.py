"""NEST Desktop in a browser, with a server as it starts by default."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.desktop import PROJECTS, Desktop
from tests.integration.servers import Server


@pytest.mark.parametrize("project", PROJECTS)
def test_project_of_nest_desktop_is_simulated_and_plotted(
    desktop: Desktop, server: Server, project: str
) -> None:
    desktop.connect(server)
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


def test_project_spike_activity_has_the_spikes_that_it_always_had(
    desktop: Desktop, server: Server
) -> None:
    desktop.connect(server)
    desktop.open_project("spike activity")
    (events,) = desktop.simulate().json()["data"]["events"]
    assert len(events["times"]) == 1271
    # As dots, and by their times in a histogram.
    assert desktop.points() == [[1271, 1271]]


def test_line_that_is_wrong_is_marked(desktop: Desktop, server: Server) -> None:
    desktop.connect(server)
    desktop.open_project("spike activity")
    desktop.insert_line("# Run simulation", "x=1/0")
    answer = desktop.simulate()
    assert answer.status == 400
    expect(desktop.toast("ZeroDivisionError at line 27: division by zero")).to_be_visible()
    expect(desktop.marked_lines).to_have_text("x=1/0")
