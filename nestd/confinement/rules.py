"""Rules of what a process that runs NEST can reach: what it is made of, and what it writes to.

Nothing of the account is among them, but the trees that Python, NEST and MPI are installed in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

#: What the system and its libraries are made of.
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/opt", "/nix/store")
#: What Python, NEST, OpenMP and MPI read of the system and its processes. Landlock itself keeps
#: memory and environments of other processes closed.
_READ = ("/proc", "/sys", "/dev/random", "/dev/urandom", "/dev/zero")
_READ_IN_ETC = (
    *("hosts", "resolv.conf", "nsswitch.conf", "host.conf", "gai.conf", "hostname"),
    *("services", "protocols", "networks", "passwd", "group", "localtime", "timezone"),
    *("ld.so.cache", "ld.so.preload", "locale.alias", "fonts", "matplotlibrc", "alternatives"),
    *("openmpi", "pmix", "prte", "mpich", "ucx", "libibverbs.d", "libnl-3", "OpenCL"),
)
#: Settings of MPI that belong to the user.
_READ_IN_HOME = (".openmpi", ".pmix", ".prte", ".ucx")
_WRITE = ("/dev/null",)
#: Shared memory of ranks on a host, and devices of the networks between hosts.
_WRITE_OF_RANKS = (
    *("/dev/shm", "/dev/infiniband", "/dev/xpmem", "/dev/knem"),  # noqa: S108
    *(f"/dev/{name}" for name in ("hfi1_0", "hfi1_1", "cxi0", "cxi1", "cxi2", "cxi3", "kfd")),
)
#: Variables of Open MPI's launcher that name the directory of the job.
_SESSION_DIRECTORIES = (
    "OMPI_MCA_orte_top_session_dir",
    "OMPI_FILE_LOCATION",
    "PRTE_MCA_prte_top_session_dir",
)
#: Variables of launchers that name directories of the job.
_DIRECTORIES_OF_JOB = (
    *_SESSION_DIRECTORIES,
    "PMIX_SERVER_TMPDIR",
    "PMIX_DSTORE_ESH_BASE_PATH",
    "PMIX_DSTORE_21_BASE_PATH",
)


@dataclass(frozen=True)
class Rules:
    """Paths that a process can reach."""

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    execute: tuple[Path, ...]


@dataclass(frozen=True)
class Surroundings:
    """Facts about this process on which rules depend."""

    #: Installations: of Python, and of this environment.
    prefixes: tuple[str, ...]
    #: Where Python looks for modules.
    modules: tuple[str, ...]
    #: Shared libraries that are loaded.
    libraries: tuple[str, ...]
    variables: Mapping[str, str]
    home: str
    user: int
    host: str
    #: Directory for temporary files.
    temporary: str
    #: Whether this is one of several ranks.
    has_ranks: bool

    @property
    def has_mpi(self) -> bool:
        """Return whether MPI will begin: alone, too, if NEST has it."""
        return self.has_ranks or any(
            Path(path).name.startswith("libmpi") for path in self.libraries
        )

    @property
    def session_directory(self) -> Path:
        """Return the directory that Open MPI makes without a launcher, or with srun."""
        return Path(self.temporary, f"ompi.{self.host}.{self.user}")

    @classmethod
    def of_this_process(cls, has_ranks: bool) -> Surroundings:
        """Return the facts about this process, whose libraries are loaded already."""
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        mapped = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/" in line}
        return cls(
            prefixes=(sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix),
            modules=tuple(sys.path),
            libraries=tuple(sorted(path for path in mapped if ".so" in Path(path).name)),
            variables=os.environ,
            home=str(Path("~").expanduser()),
            user=os.getuid(),
            host=os.uname().nodename,
            # As Open MPI looks for it.
            temporary=os.environ.get("TMPDIR") or "/tmp",  # noqa: S108
            has_ranks=has_ranks,
        )


def rules_of_kernel(
    surroundings: Surroundings, writable: Iterable[Path], readable: Iterable[Path] = ()
) -> Rules:
    """Return the rules for a process that runs NEST.

    Parameters
    ----------
    surroundings : of this process
    writable : directories that NEST and nestd write to
    readable : directories and files that are read beside them
    """
    own = [Path(directory) for directory in writable]
    closed = [Path(surroundings.home), Path(surroundings.temporary), *own]
    libraries = (str(Path(path).parent) for path in surroundings.libraries)
    searched = surroundings.variables.get("LD_LIBRARY_PATH", "").split(":")
    package = Path(__file__).resolve().parents[2]
    parts = [package / name for name in ("nestd", "protocol", "nest_remote")]
    trees = [*surroundings.modules, *libraries, *searched]
    execute = [*_SYSTEM, *surroundings.prefixes, *filter(lambda t: _is_tree(t, closed), trees)]
    read = [*_READ, *(f"/etc/{name}" for name in _READ_IN_ETC)]
    read += [str(Path(surroundings.home, name)) for name in _READ_IN_HOME]
    write = [*_WRITE]
    if surroundings.has_ranks:
        write += _WRITE_OF_RANKS
    if surroundings.has_mpi:
        write += _job_directories(surroundings)
    return Rules(
        _paths([*map(Path, read), *parts, *readable]),
        _paths([*map(Path, write), *own]),
        _paths(map(Path, execute)),
    )


def is_job_known(variables: Mapping[str, str]) -> bool:
    """Return whether the directories of this MPI job are known before MPI begins.

    With PMIx and without ``mpirun``, as under srun, MPI asks the launcher for them.
    """
    return "PMIX_RANK" not in variables or any(name in variables for name in _SESSION_DIRECTORIES)


def _job_directories(surroundings: Surroundings) -> list[str]:
    """Return the directories that a launcher has made for the job, or MPI makes without one."""
    named = [surroundings.variables.get(name, "") for name in _DIRECTORIES_OF_JOB]
    named.append(str(surroundings.session_directory))
    closed = [Path(surroundings.temporary), Path(surroundings.home)]
    return [directory for directory in named if _is_tree(directory, closed)]


def _is_tree(directory: str, closed: list[Path]) -> bool:
    """Return whether ``directory`` is one by itself, and has none of ``closed`` below it."""
    path = Path(directory)
    if not path.is_absolute():
        return False
    resolved = path.resolve()
    return not any(other.resolve().is_relative_to(resolved) for other in closed)


def _paths(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))
