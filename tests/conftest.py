"""For all tests: how a run is ended from outside."""

from __future__ import annotations

import os
import signal
import threading


def pytest_configure() -> None:
    """Have a run that is told to end stop the servers that it has started.

    They run in the background and would go on without it. A run that a script has started in the
    background ignores SIGINT, and with it all programs would that tests press Ctrl-C in.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, signal.default_int_handler)
    # What tests fork ends as any other process.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
