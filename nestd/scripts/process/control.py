"""The wire between nestd and the warm process: JSON in packets, file descriptors beside it.

======================================== ==================================================
nestd says                               meaning
======================================== ==================================================
``{"setup": …}``                         settings of scripts, and what the kernel offers
``{"fork": true}``                       fork a process for a script; with it come its
                                         socket and the pipe for its output
``{"end": pid, "look": bool}``           end that process; perhaps ask before where it is
======================================== ==================================================

======================================== ==================================================
the warm process says                    meaning
======================================== ==================================================
``{"ready": bool, "problem": …}``        whether scripts can be run; what is wrong
``{"forked": pid}``                      a process was forked
``{"ended": pid, "status": …, "line": …, it has ended: wait status, line of the script or 0,
"begun": 0 or 1, "reason": …}``          whether it had begun, why if the warm process ended it
                                         with its script
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

#: What is said for every script.
FORK = b'{"fork": true}'
#: ``json.loads`` makes more objects.
_JSON = json.JSONDecoder()


class ControlSocket:
    """One end.

    Parameters
    ----------
    connected : SOCK_SEQPACKET socket
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._packet = bytearray(_LIMIT_BYTES)

    @classmethod
    def pair(cls) -> tuple[ControlSocket, socket.socket]:
        """nestd's end, and the socket for the other."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def fileno(self) -> int:
        """For polling."""
        return self._socket.fileno()

    def settimeout(self, timeout_s: float | None) -> None:
        """How long :meth:`receive` waits: ``None`` for ever, 0 not at all."""
        self._socket.settimeout(timeout_s)

    def send(self, said: dict[str, Any] | bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one packet.

        Parameters
        ----------
        said : what is written as JSON, or JSON
        descriptors : file descriptors that go with it

        Raises
        ------
        OSError
            If the other end is closed.
        """
        packet = said if isinstance(said, bytes) else json.dumps(said).encode()
        if descriptors:
            socket.send_fds(self._socket, [packet], list(descriptors))
        else:
            self._socket.send(packet)

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """One packet and the file descriptors that came with it; ``None`` at the end.

        Raises
        ------
        BlockingIOError, TimeoutError
            If there is none in time.
        """
        try:
            length, ancillary, _, _ = self._socket.recvmsg_into([self._packet], _ANCILLARY_BYTES)
        except ConnectionResetError:
            # The other end was closed with something of ours unread.
            return None
        if not length:
            return None
        packet = self._packet[:length]
        descriptors = array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data)
        said = {"fork": True} if packet == FORK else _JSON.raw_decode(packet.decode())[0]
        return said, descriptors.tolist()

    def close(self) -> None:
        """Close it."""
        self._socket.close()
