"""The gatekeeper: a process that lets in gateways whose key is known, and counts all others.

It reads the keys each time anew, so that one that is added counts at once. How many were refused,
and why, is in a file beside the connection file (``protocol/runtime/rejected_connections.py``) and
in the log.
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
from protocol.runtime import connection_file
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

#: At most one line about refusals in so long; whoever knocks at the door must not fill the log.
_BETWEEN_LINES_S = 1.0
_ZAP_VERSION = b"1.0"

_OF_EVENTS = {
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: NO_CURVE,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: BROKEN_OFF,
}


class ZapAuthenticator:
    """Decides, counts and tells.

    Parameters
    ----------
    directory : of the connection file
    path : of the file with the counts
    """

    def __init__(self, directory: RuntimeDirectory, path: Path) -> None:
        self._directory = directory
        self._path = path
        self._refusals = RejectedConnections.read(path)
        self._line_s = -_BETWEEN_LINES_S
        #: Refused since the last line.
        self._unsaid = 0

    def decide(self, question: list[bytes]) -> list[bytes]:
        """The answer to a question of libzmq's (ZAP, RFC 27)."""
        if len(question) < 6 or question[0] != _ZAP_VERSION:
            return [_ZAP_VERSION, *question[1:2], b"500", b"no question", b"", b""]
        _, number, _, address, _, mechanism, *credentials = question
        if mechanism != b"CURVE" or len(credentials) != 1 or len(credentials[0]) != 32:
            self.refuse(NO_CURVE, address.decode("ascii", "replace"))
            return [_ZAP_VERSION, number, b"400", b"only with CURVE", b"", b""]
        key = z85.encode(credentials[0]).decode()
        if key not in authorized_keys(self._directory):
            self.refuse(UNKNOWN_KEY, address.decode("ascii", "replace"), key)
            return [_ZAP_VERSION, number, b"400", b"unknown key", b"", b""]
        return [_ZAP_VERSION, number, b"200", b"", b"gateway", b""]

    def hear(self, event: list[bytes]) -> None:
        """A handshake has failed."""
        kind = _OF_EVENTS.get(zmq.Event(int(parse_monitor_message(event)["event"])))
        # What this process has refused, it has counted.
        if kind is not None:
            self.refuse(kind)

    def refuse(self, kind: str, address: str = "", key: str = "") -> None:
        """Count somebody who is not let in."""
        self._refusals = self._refusals.plus_one(kind)
        self._refusals.write(self._path)
        self._unsaid += 1
        now_s = time.monotonic()
        if now_s - self._line_s >= _BETWEEN_LINES_S:
            fields = {"reason": kind, "address": address, "key": key, "refused": self._unsaid}
            log.warning("a connection is refused", extra={"fields": fields})
            self._line_s, self._unsaid = now_s, 0


def main() -> None:
    """Serve until stdin is closed, which it is when nestd ends in whatever way."""
    for sig in (signal.SIGTERM, signal.SIGINT):
        # Slurm sends them to every process of a job; this one clears up after nestd.
        signal.signal(sig, signal.SIG_IGN)
    file, generation, asking, telling = sys.argv[1:]
    directory = RuntimeDirectory.of(Path(file))
    lines.set_up("nestd", lines.log_settings(os.environ)).rank = 0
    path = directory.rejected_connections(generation)
    keeper = ZapAuthenticator(directory, path)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    asked, told = context.socket(zmq.REP), context.socket(zmq.PULL)
    for socket, name in ((asked, asking), (told, telling)):
        bind_private(socket, Path(name))
    poller = zmq.Poller()
    for watched in (asked, told, sys.stdin.fileno()):
        poller.register(watched, zmq.POLLIN)
    while True:
        ready = dict(poller.poll())
        if sys.stdin.fileno() in ready:
            break
        if asked in ready:
            asked.send_multipart(keeper.decide(asked.recv_multipart()))
        if told in ready:
            keeper.hear(told.recv_multipart())
    context.destroy(linger=0)
    # A kernel that was killed has left more, and nobody else may be there to clear it away.
    connection_file.remove_own(Path(file), generation)
    left = [directory.status(generation), directory.rank_activity(generation)]
    for leftover in (Path(asking), Path(telling), path, *left):
        leftover.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
