"""Confinement of this rank of nestd: by Landlock, and by limits of the system.

It has to begin before this process has a second thread, as the system confines one thread and
those that it starts. So NEST, MPI and ZeroMQ begin in the confinement, and NumPy is kept from
starting threads of its own while it is imported (:func:`import_numpy`).
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import logging
import os
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nestd.confinement import landlock
from nestd.confinement.capabilities import drop_capabilities
from nestd.confinement.probe import MISSING
from nestd.confinement.rules import Surroundings, rules_of_kernel
from nestd.ranks import mpi
from protocol.process.core_dumps import forbid_core_dumps
from protocol.runtime.paths import RuntimeDirectory

log = logging.getLogger(__name__)

_THREADS_OF_NUMPY = "OPENBLAS_NUM_THREADS"
#: Files and sockets that a rank may have open: NEST opens one for each thread and recorder.
_OPEN_FILES = 65_536
#: Ranks that are confined apart can't read each other's memory, which MPI is told beforehand. Of
#: Open MPI 4, of Open MPI 5, and of UCX.
_MEMORY_OF_RANKS = {
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_smsc": "^cma",
    "UCX_TLS": "^cma",
}


@dataclass(frozen=True)
class Confinement:
    """Confinement of a rank."""

    #: Of this server; of its directory, NEST's processes have a part.
    files: RuntimeDirectory
    #: Further directories that are written to.
    writable: tuple[Path, ...]
    #: Files and directories that are read beside them: extension modules of NEST.
    readable: tuple[Path, ...] = ()
    #: Whether this is one of several ranks.
    has_ranks: bool = False
    #: Whether gateways of other hosts connect.
    is_bound: bool = False
    #: Whether MPI has begun, with threads of its own that nothing can confine any more.
    is_late: bool = False

    def enter(self) -> str | None:
        """Confine this process for ever; return why the system does not, if it doesn't."""
        # There is no other place for temporary files. Matplotlib, which NEST imports, makes some
        # where it has no directory.
        tempfile.tempdir = str(self.files.kernel_directory)
        os.environ.setdefault("MPLCONFIGDIR", str(self.files.kernel_directory))
        if not landlock.is_available():
            landlock.set_no_new_privileges()
            return MISSING
        _load_libraries(self.has_ranks)
        surroundings = Surroundings.of_this_process(self.has_ranks)
        if surroundings.has_mpi:
            _make_session_directory(surroundings.session_directory)
        rules = rules_of_kernel(
            surroundings, (self.files.kernel_directory, *self.writable), self.readable
        )
        try:
            landlock.restrict(
                landlock.Access(
                    rules.read,
                    rules.write,
                    rules.execute,
                    # MPI's launcher is connected to by a port, too.
                    tcp=self.has_ranks or self.is_bound,
                    abstract_sockets=False,
                    signals=False,
                )
            )
        except OSError as error:
            return f"this system refuses Landlock: {error.strerror}"
        threads = len(list(Path("/proc/self/task").iterdir())) - 1
        if threads and not self.is_late:
            return f"{threads} of its threads began before it could confine itself"
        return None


def confine(confinement: Confinement) -> None:
    """Confine this process, and say in the log if the system does not."""
    forbid_core_dumps()
    limit_open_files()
    problem = confinement.enter()
    with contextlib.suppress(OSError):
        drop_capabilities()
    if problem is not None:
        log.warning("THE KERNEL IS NOT CONFINED BY THE SYSTEM: %s", problem)


def prepare_mpi() -> None:
    """Tell MPI, which has not begun, what ranks that are confined apart can't do."""
    if landlock.is_available():
        for name, value in _MEMORY_OF_RANKS.items():
            os.environ.setdefault(name, value)


def import_numpy() -> None:
    """Import NumPy without the threads that its libraries begin with; nestd needs none of them."""
    chosen = os.environ.get(_THREADS_OF_NUMPY)
    os.environ[_THREADS_OF_NUMPY] = "1"
    import numpy  # noqa: F401

    del os.environ[_THREADS_OF_NUMPY]
    if chosen is not None:
        os.environ[_THREADS_OF_NUMPY] = chosen


def limit_open_files() -> None:
    """Bound the files that this process has open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _make_session_directory(path: Path) -> None:
    """Make the directory that Open MPI makes elsewhere, as nothing else can be made there then."""
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700)


def _load_libraries(has_ranks: bool) -> None:
    """Load the libraries of NEST and MPI, without starting either, so that rules can name them."""
    if has_ranks:
        # What is missing is told when MPI begins.
        with contextlib.suppress(ImportError):
            mpi.load_library()
    for path in nest_libraries():
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(path))


def nest_libraries() -> Sequence[Path]:
    """Return the files of NEST's library, as Python would import them; none without NEST."""
    spec = importlib.util.find_spec("nest")
    places = [] if spec is None else spec.submodule_search_locations or []
    return [path for place in places for path in Path(place).glob("nestkernel_api*.so")]
