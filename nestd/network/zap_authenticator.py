"""Zap authenticator: a process that lets in gateways with a known key, and counts all others.

The process reads the keys for each connection, so that an added key counts at once. How many
connections were refused, and why, is in a file beside the connection file
(``protocol/runtime/rejected_connections.py``) and in the log.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from protocol.logging import lines
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import bind_private
from protocol.runtime.rejected_connections import (
    BROKEN_OFF,
    NO_CURVE,
    UNKNOWN_KEY,
    RejectedConnections,
)
from protocol.security.curve_keys import authorized_keys

log = logging.getLogger(__name__)

#: At most one line about refusals in so long, so that no stranger can fill the log.
_BETWEEN_LINES_S = 1.0
_ZAP_VERSION = b"1.0"

_OF_EVENTS = {
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: NO_CURVE,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: BROKEN_OFF,
}


class ZapAuthenticator:
    """Decisions about connections, a count of those refused, and the log of them.

    Parameters
    ----------
    directory : of the connection file
    path : of the file with the counts
    """

    def __init__(self, directory: RuntimeDirectory, path: Path) -> None:
        self._directory = directory
        self._path = path
        self._refusals = RejectedConnections.read(path)
        self._logged_s = -_BETWEEN_LINES_S
        #: Connections refused since the last line of the log.
        self._unlogged = 0

    def authenticate(self, request: list[bytes]) -> list[bytes]:
        """Return the reply to a request of libzmq (ZAP, RFC 27)."""
        if len(request) < 6 or request[0] != _ZAP_VERSION:
            return [_ZAP_VERSION, *request[1:2], b"500", b"no request", b"", b""]
        _, number, _, address, _, mechanism, *credentials = request
        if mechanism != b"CURVE" or len(credentials) != 1 or len(credentials[0]) != 32:
            self.refuse(NO_CURVE, address.decode("ascii", "replace"))
            return [_ZAP_VERSION, number, b"400", b"only with CURVE", b"", b""]
        key = z85.encode(credentials[0]).decode()
        if key not in authorized_keys(self._directory):
            self.refuse(UNKNOWN_KEY, address.decode("ascii", "replace"), key)
            return [_ZAP_VERSION, number, b"400", b"unknown key", b"", b""]
        return [_ZAP_VERSION, number, b"200", b"", b"gateway", b""]

    def on_monitor_event(self, event: list[bytes]) -> None:
        """Count a handshake that has failed."""
        kind = _OF_EVENTS.get(zmq.Event(int(parse_monitor_message(event)["event"])))
        # What this process has refused, it has counted.
        if kind is not None:
            self.refuse(kind)

    def refuse(self, kind: str, address: str = "", key: str = "") -> None:
        """Count a connection that is refused, and write a line to the log from time to time."""
        self._refusals = self._refusals.plus_one(kind)
        self._refusals.write(self._path)
        self._unlogged += 1
        now_s = time.monotonic()
        if now_s - self._logged_s >= _BETWEEN_LINES_S:
            fields = {"reason": kind, "address": address, "key": key, "refused": self._unlogged}
            log.warning("a connection is refused", extra={"fields": fields})
            self._logged_s, self._unlogged = now_s, 0


def main() -> None:
    """Serve until stdin is closed, which happens when nestd ends in whatever way."""
    for sig in (signal.SIGTERM, signal.SIGINT):
        # Slurm sends them to every process of a job; this one clears up after nestd.
        signal.signal(sig, signal.SIG_IGN)
    file, generation, request_path, monitor_path = sys.argv[1:]
    directory = RuntimeDirectory.of(Path(file))
    lines.set_up("nestd", lines.log_settings(os.environ)).rank = 0
    path = directory.rejected_connections(generation)
    authenticator = ZapAuthenticator(directory, path)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    requests, monitors = context.socket(zmq.REP), context.socket(zmq.PULL)
    # That of another kernel removes it when it ends.
    RuntimeDirectory.of_user().make_kernel_directory()
    for socket, name in ((requests, request_path), (monitors, monitor_path)):
        bind_private(socket, Path(name))
    poller = zmq.Poller()
    for watched in (requests, monitors, sys.stdin.fileno()):
        poller.register(watched, zmq.POLLIN)
    while True:
        ready = dict(poller.poll())
        if sys.stdin.fileno() in ready:
            break
        if requests in ready:
            requests.send_multipart(authenticator.authenticate(requests.recv_multipart()))
        if monitors in ready:
            authenticator.on_monitor_event(monitors.recv_multipart())
    context.destroy(linger=0)
    for leftover in (Path(request_path), Path(monitor_path), path):
        leftover.unlink(missing_ok=True)
    RuntimeDirectory.of_user().remove_kernel_directory()


if __name__ == "__main__":
    main()
