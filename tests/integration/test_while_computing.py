"""Nobody who only wants to know what there is waits for what the kernel computes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.integration.servers import Server, Start

#: Connects and looks around, with each client.
LOOK = """
import nest_remote, NESTServerClient
nest_remote.connect("http://127.0.0.1:PORT")
assert "Create" in dir(nest_remote) and nest_remote.NESTError
nsc = NESTServerClient.NESTServerClient("127.0.0.1", PORT)
assert "Simulate" in dir(nsc)
assert "Create one or more nodes" in nsc._nest.Create.__doc__
print("looked")
"""


def test_clients_connect_and_look_while_a_kernel_answers_nobody(start: Start) -> None:
    # Nobody has asked this server for anything before.
    server: Server = start()
    pid = server.connection_info()["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        source = LOOK.replace("PORT", str(server.port))
        environment = server.runtime.environment()
        done = subprocess.run(
            [sys.executable, "-c", source],
            env=environment,
            capture_output=True,
            text=True,
            timeout=20.0,
            check=False,
        )
        assert done.stdout == "looked\n", done.stderr
        assert "Create" in server.get("/api").json()
        documented = server.get("/api/Create?inspect=getdoc").json()["data"]
        assert "Create one or more nodes" in documented
        assert "n=1" in server.get("/api/Create?inspect=signature").json()["data"]
        assert "/api/Simulate" in server.get("/openapi.json").json()["paths"]
    finally:
        os.kill(pid, signal.SIGCONT)
    # What only the kernel knows is still its own.
    assert "def Create" in server.get("/api/Create?inspect=getsource").json()["data"]
    assert server.get("/api/Create?inspect=nothing").status_code == 400
