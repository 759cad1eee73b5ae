"""Settings of a nestd process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nestd.confinement.memory import LEAST_BYTES, MIB
from nestd.extensions import Extensions
from nestd.network.binding import Binding
from nestd.scripts.settings import ScriptSettings
from protocol.process.environment import Environment
from protocol.process.lease import LEASE_S, read_lease_s
from protocol.runtime.data_directory import DEFAULT_QUOTA_BYTES, DataDirectory

#: Exit code of a program that can't start with its settings or in its environment.
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h
#: Commands that may wait, unless set otherwise.
DEFAULT_QUEUE_LIMIT = 64
#: Seconds that what runs may take while a server stops, unless set otherwise.
DEFAULT_DRAIN_S = 30.0
#: The variable that sets otherwise.
DRAIN_VARIABLE = "NEST_SERVER_DRAIN"
#: MiB of memory that a kernel has on a machine.
MEMORY_VARIABLE = "NEST_SERVER_MEMORY_MIB"
#: Whether NEST's memory is read and written beside PyNEST: on or off.
NATIVE_VARIABLE = "NESTD_NATIVE"


@dataclass(frozen=True)
class NestdSettings:
    """Settings of one nestd, built once in ``nestd/cli.py``."""

    #: Where to write the connection file; sockets lie beside it.
    connection_file: Path
    #: Where NEST writes files for callers.
    data: Path
    #: Commands that may wait before further ones are refused.
    queue_limit: int = DEFAULT_QUEUE_LIMIT
    #: What scripts may do.
    scripts: ScriptSettings = field(default_factory=ScriptSettings)
    #: How long the command that runs may take after SIGUSR1; ``None`` without a limit.
    drain_s: float | None = DEFAULT_DRAIN_S
    #: Where gateways of other hosts connect; ``None`` for a socket beside the connection file.
    binding: Binding | None = None
    #: Whether NEST's memory is read and written beside PyNEST.
    native: bool = True
    #: Bytes that files of callers may take.
    data_quota_bytes: int = DEFAULT_QUOTA_BYTES
    #: Extension modules that callers may load.
    extensions: Extensions = field(default_factory=Extensions)
    #: Memory of all ranks on a machine; ``None`` for a part of the machine's.
    memory_bytes: int | None = None
    #: How long kernel objects stay of clients of which nothing is heard.
    lease_s: float = LEASE_S
    #: Whether rank 0 sends this rank the directories to use, which are not known before.
    paths_follow: bool = False

    @property
    def data_directory(self) -> DataDirectory:
        """Return the data directory with its quota."""
        return DataDirectory(self.data, self.data_quota_bytes)


def drain_from(variables: Mapping[str, str]) -> float | None:
    """Return how many seconds what runs may take while a server stops; ``None`` without a limit.

    Raises
    ------
    ConfigurationError
        If the variable has a wrong value.
    """
    environment = Environment(variables)
    drain_s = environment.seconds_or_off(DRAIN_VARIABLE, DEFAULT_DRAIN_S)
    environment.check()
    return drain_s


def memory_from(variables: Mapping[str, str]) -> int | None:
    """Return the memory that a kernel has on a machine, in bytes; ``None`` if it is not set.

    Raises
    ------
    ConfigurationError
        If the variable has a wrong value.
    """
    environment = Environment(variables)
    memory_mib = environment.integer(MEMORY_VARIABLE, 0, LEAST_BYTES // MIB, 2**24)
    environment.check()
    return memory_mib * MIB or None


def lease_from(variables: Mapping[str, str]) -> float:
    """Return the seconds after which a client's hold on objects ends that is not renewed.

    Raises
    ------
    ConfigurationError
        If the variable has a wrong value.
    """
    environment = Environment(variables)
    lease_s = read_lease_s(environment)
    environment.check()
    return lease_s


def native_from(variables: Mapping[str, str]) -> bool:
    """Return whether NEST's memory is read and written beside PyNEST.

    Raises
    ------
    ConfigurationError
        If the variable has a wrong value.
    """
    environment = Environment(variables)
    chosen = environment.choice(NATIVE_VARIABLE, ("on", "off"), "on")
    environment.check()
    return chosen == "on"
