"""Control socket between nestd and the fork server: packets of JSON, with file descriptors.

======================================== ==================================================
nestd sends                              meaning
======================================== ==================================================
``{"setup": …}``                         what the kernel offers
``{"fork": true}``                       fork a process for a script; with it come its
                                         socket and the pipe for its output
``{"end": pid, "locate": bool}``         end that process; perhaps ask before for its line
======================================== ==================================================

======================================== ==================================================
the fork server sends                    meaning
======================================== ==================================================
``{"ready": bool, "problem": …}``        whether scripts can be run; what is wrong
``{"forked": pid}``                      a process was forked
``{"ended": pid, "status": …, "line": …, a process has ended: wait status, line or 0, whether
"begun": 0 or 1, "reason": …}``          it had begun with its script, and why if the fork
                                         server ended it
======================================== ==================================================
"""

from __future__ import annotations

import json
import socket
from array import array
from collections.abc import Sequence
from typing import Any

_LIMIT_BYTES = 1 << 18
_LIMIT_DESCRIPTORS = 2
_ANCILLARY_BYTES = socket.CMSG_LEN(_LIMIT_DESCRIPTORS * array("i").itemsize)

#: Packet that is sent for every script.
FORK = b'{"fork": true}'
#: Makes fewer objects than ``json.loads``.
_JSON = json.JSONDecoder()


class ControlSocket:
    """One end of the control socket.

    Parameters
    ----------
    connected : SOCK_SEQPACKET socket
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._packet = bytearray(_LIMIT_BYTES)

    @classmethod
    def pair(cls) -> tuple[ControlSocket, socket.socket]:
        """Make nestd's end, and the socket for the fork server."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def fileno(self) -> int:
        """Return the file descriptor, for polling."""
        return self._socket.fileno()

    def settimeout(self, timeout_s: float | None) -> None:
        """Set how long :meth:`receive` waits: ``None`` for ever, 0 not at all."""
        self._socket.settimeout(timeout_s)

    def send(self, content: dict[str, Any] | bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one packet.

        Parameters
        ----------
        content : what is written as JSON, or JSON
        descriptors : file descriptors that are sent with the packet

        Raises
        ------
        OSError
            If the other end is closed.
        """
        packet = content if isinstance(content, bytes) else json.dumps(content).encode()
        if descriptors:
            socket.send_fds(self._socket, [packet], list(descriptors))
        else:
            self._socket.send(packet)

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """Receive a packet and the file descriptors sent with it; return ``None`` at the end.

        Raises
        ------
        BlockingIOError, TimeoutError
            If no packet arrives in time.
        """
        try:
            length, ancillary, _, _ = self._socket.recvmsg_into([self._packet], _ANCILLARY_BYTES)
        except ConnectionResetError:
            # The other end was closed with something unread.
            return None
        if not length:
            return None
        packet = self._packet[:length]
        descriptors = array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data)
        content = {"fork": True} if packet == FORK else _JSON.raw_decode(packet.decode())[0]
        return content, descriptors.tolist()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
