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
``{"ended": pid, "status": …, "line": …, it has ended: wait status, line of the script, why it
"reason": …, "begun": bool}``            was ended if the warm process did, whether it had begun
                                         with its script
======================================== ==================================================
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

_LIMIT_BYTES = 1 << 18
_LIMIT_DESCRIPTORS = 2


class ControlSocket:
    """One end.

    Parameters
    ----------
    connected : SOCK_SEQPACKET socket
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

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

    def send(self, said: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send one packet.

        Raises
        ------
        OSError
            If the other end is closed.
        """
        socket.send_fds(self._socket, [json.dumps(said).encode()], list(descriptors))

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """One packet and the file descriptors that came with it; ``None`` at the end.

        Raises
        ------
        BlockingIOError, TimeoutError
            If there is none in time.
        """
        packet, descriptors, _, _ = socket.recv_fds(self._socket, _LIMIT_BYTES, _LIMIT_DESCRIPTORS)
        return (json.loads(packet), list(descriptors)) if packet else None

    def close(self) -> None:
        """Close it."""
        self._socket.close()
