"""pytest plugin that puts the look-alike of a server in place of ``nest``.

``pytest -p tests.acceptance.conformance.stand_in``. Each process that runs tests has a server of
its own,
started in the directory of the tests before any of them is read. A server that was lost or hangs
after a test is replaced, under the same address, so that no later test is lost with it.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest

from tests.acceptance.conformance.limited import end_marked
from tests.acceptance.conformance.placed_servers import PlacedRuntime, is_usable
from tests.integration.servers import Server, free_port, start_server

#: Number of ranks of the servers.
RANKS = "NESTD_CONFORMANCE_RANKS"
#: Python of the servers, where it is not that of the tests.
PYTHON = "NESTD_CONFORMANCE_PYTHON"


class StandIn:
    """A server and the look-alike that uses it.

    Parameters
    ----------
    ranks : of the server
    """

    def __init__(self, ranks: int) -> None:
        self._ranks = ranks
        self._token = secrets.token_hex(16)
        self._port = free_port()
        self._runtime = PlacedRuntime(
            python=Path(os.environ.get(PYTHON, sys.executable)), cwd=Path.cwd()
        )
        self._server = self._start()

    def _start(self) -> Server:
        settings = {"NEST_SERVER_ACCESS_TOKEN": self._token, "MPLBACKEND": "Agg"}
        return start_server(self._runtime, settings, "-n", str(self._ranks), port=self._port)

    def install(self) -> None:
        """Let ``import nest`` give the look-alike."""
        import nest_remote

        nest_remote.connect(self._server.url, token=self._token)
        nest_remote.install_as_nest()

    def check(self) -> None:
        """Replace the server if its kernel doesn't answer."""
        if not is_usable(self._server):
            self._stop()
            self._server = self._start()

    def _stop(self) -> None:
        self._server.session.close()
        self._runtime.run("stop", "-p", str(self._port))
        end_marked(self._runtime.mark)

    def end(self) -> None:
        """Stop the server."""
        self._stop()
        self._runtime.remove()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Look after the server when a test has failed."""
        failed_before = item.session.testsfailed
        result = yield
        if item.session.testsfailed > failed_before:
            self.check()
        return result

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        self.end()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put the look-alike in place before NEST's ``conftest.py`` imports ``nest``.

    The process that only hands out tests to others needs neither. A NEST with MPI would even do
    harm there: it leaves variables by which a launcher takes the others for its ranks.
    """
    if _runs_tests(early_config):
        stand_in = StandIn(int(os.environ.get(RANKS, "1")))
        stand_in.install()
        early_config.pluginmanager.register(stand_in, "nestd-stand-in")
    else:
        sys.modules["nest"] = ModuleType("nest")


def _runs_tests(config: pytest.Config) -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ or not config.known_args_namespace.numprocesses
