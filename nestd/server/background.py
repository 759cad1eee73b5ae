"""Supervisor in the background: ``nest-server start -d``.

The command that starts the supervisor waits until the supervisor reports, over a pipe, that the
server is ready or why not. Settings, the token among them, go through another pipe: neither the
process list nor the environment shows them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from nestd.server.instance import Instance
from nestd.server.settings import ServerSettings
from nestd.server.supervisor.supervisor import Supervisor
from protocol.errors import NestdError, StartFailed, error_from_facts, facts_of
from protocol.process.identity import hide_memory, python_command


def start(settings: ServerSettings) -> tuple[Path, list[str]]:
    """Start a server in the background and wait until it is ready.

    Returns
    -------
    Directory of the server, and notes for its user.

    Raises
    ------
    NestdError
        Why the server could not start.
    """
    report, reporting = os.pipe()
    environment = {k: v for k, v in os.environ.items() if k != "NEST_SERVER_ACCESS_TOKEN"}
    with os.fdopen(report, "rb") as reports:
        try:
            process = subprocess.Popen(
                python_command("nestd.server.background", str(reporting)),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(reporting,),
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(reporting)
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(settings.to_json().encode())
        # Ends with the report, or when the process dies.
        line = reports.readline()
    if not line:
        raise StartFailed(f"the server ended at its start, with exit code {process.wait()}")
    message: dict[str, Any] = json.loads(line)
    if "error" in message:
        process.wait()
        raise error_from_facts(message["error"])
    # The supervisor goes on without this process, which does not wait for its end.
    process.returncode = 0
    return Path(message["directory"]), message["notes"]


def main() -> None:
    """Run the supervisor, reporting to the file descriptor that the only argument names."""
    hide_memory()
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    settings = ServerSettings.from_json(sys.stdin.read())
    with os.fdopen(descriptor, "wb") as reporting:

        def report(message: dict[str, Any]) -> None:
            reporting.write(json.dumps(message).encode() + b"\n")
            reporting.close()

        def ready(instance: Instance, notes: list[str]) -> None:
            report({"directory": str(instance.directory), "notes": notes})

        try:
            Supervisor(settings, ready).run()
        except NestdError as error:
            if reporting.closed:
                raise
            report({"error": facts_of(error)})


if __name__ == "__main__":
    main()
