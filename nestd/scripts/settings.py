"""Settings of scripts: what they may do, and how much they may take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from nestd.scripts.modules import DEFAULT_MODULES, ModuleImport, parse_modules
from protocol.errors import ConfigurationError
from protocol.process.environment import Environment

MIB = 2**20


@dataclass(frozen=True)
class ScriptSettings:
    """Settings of the scripts of one nestd, built once from its environment."""

    #: Whether scripts are confined to a part of Python and to ``imports``.
    restricted: bool = True
    #: What a script finds in its namespace, and what else it may import.
    imports: tuple[ModuleImport, ...] = parse_modules(DEFAULT_MODULES)
    #: Longest time a script may run; ``None`` for any.
    wall_s: int | None = None
    #: Memory that a script may take beyond what its process begins with.
    memory_bytes: int = 2048 * MIB
    #: Output that is kept; more is thrown away.
    output_bytes: int = 8 * MIB
    #: Processes and threads that an unrestricted script may have.
    processes: int = 64
    #: Files that a script may have open.
    open_files: int = 256

    def to_json(self) -> str:
        """Write the settings as JSON, for the fork server."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> ScriptSettings:
        """Read the settings that :meth:`to_json` wrote."""
        fields = json.loads(text)
        fields["imports"] = tuple(ModuleImport(**entry) for entry in fields["imports"])
        return ScriptSettings(**fields)


def from_environment(variables: Mapping[str, str]) -> ScriptSettings:
    """Read the settings from environment variables.

    Raises
    ------
    ConfigurationError
        Names every variable with a wrong value.
    """
    environment = Environment(variables)
    prefix = "NEST_SERVER_EXEC_"
    wall_s = environment.integer(f"{prefix}TIME_LIMIT_S", 0, 0, 10**9)
    imports = parse_modules(DEFAULT_MODULES)
    try:
        imports = parse_modules(environment.text("NEST_SERVER_MODULES", DEFAULT_MODULES))
    except ConfigurationError as error:
        environment.complain(error.message)
    settings = ScriptSettings(
        restricted=not (
            environment.flag("NEST_SERVER_DISABLE_RESTRICTION")
            or environment.flag("NEST_SERVER_RESTRICTION_OFF")
        ),
        imports=imports,
        wall_s=wall_s or None,
        memory_bytes=environment.integer(f"{prefix}MEMORY_MIB", 2048, 64, 2**22) * MIB,
        output_bytes=environment.integer(f"{prefix}OUTPUT_MIB", 8, 1, 1024) * MIB,
        processes=environment.integer(f"{prefix}PROCESSES", 64, 1, 10**6),
        open_files=environment.integer(f"{prefix}OPEN_FILES", 256, 16, 10**6),
    )
    environment.check()
    return settings
