"""The kernel that the connection file names at the moment."""

from __future__ import annotations

import threading
from pathlib import Path

from protocol.errors import ConfigurationError, KernelUnavailable
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory


class PresentKernel:
    """Kernel that the connection file names at the moment.

    Safe for any number of threads.

    Parameters
    ----------
    path : the connection file
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], ConnectionInfo] | None = None
        #: Kernels that were seen.
        self.kernels_seen = 0

    @property
    def files(self) -> RuntimeDirectory:
        """Return the directory of connection file, status and jobs."""
        return RuntimeDirectory.of(self._path)

    def info(self) -> ConnectionInfo | None:
        """Return what the connection file names now; ``None`` while there is no kernel.

        Raises
        ------
        KernelUnavailable
            If the file is there but can't be used.
        """
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KernelUnavailable(f"can't look at {self._path}: {error.strerror}") from error
        version = (stat.st_mtime_ns, stat.st_ino)
        read = self._read
        if read is not None and read[0] == version:
            return read[1]
        try:
            info = connection_file.read(self._path)
        except ConfigurationError as error:
            raise KernelUnavailable(error.message) from error
        if info is not None:
            with self._lock:
                read = self._read
                if read is None or read[1].generation != info.generation:
                    self.kernels_seen += 1
                self._read = (version, info)
        return info

    def required_info(self) -> ConnectionInfo:
        """Return what the connection file names now.

        Raises
        ------
        KernelUnavailable
            If there is no kernel.
        """
        info = self.info()
        if info is None:
            raise KernelUnavailable(
                "there is no kernel at the moment; it is starting, or restarting after a fault",
                retry_after_s=1,
            )
        return info
