"""Status of the kernel, defaults of models and virtual processes, of all ranks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nestd.partial.answers import PartialAnswer
from nestd.partial.output_formats import in_format, missing_key
from nestd.partial.policies import (
    DEFAULT_FIELDS,
    GENERIC,
    KERNEL_FIELDS,
    Policy,
    merge_field,
)
from protocol.wire.values import Value


def key_names(keys: Any) -> list[str] | None:
    """Return ``keys``, one name or several, as a list; ``None`` for all."""
    if keys is None:
        return None
    return [keys] if isinstance(keys, str) else list(keys)


def _chosen(fields: dict[str, Any], keys: Any) -> dict[str, Any]:
    """Return those of ``fields`` that ``keys`` ask for; merging raises for what is missing."""
    names = key_names(keys)
    return fields if names is None else {name: fields[name] for name in names if name in fields}


@dataclass(frozen=True)
class _Fields(PartialAnswer):
    """Fields of a status that every rank has."""

    fields: dict[str, Any]
    #: What the caller asked for: a name, several, or ``None`` for all.
    asked: Any


@dataclass(frozen=True)
class KernelFields(_Fields, kind="kernel_fields"):
    """Fields of the kernel's status."""

    has_connections: bool = False

    @classmethod
    def collect(cls, status: dict[str, Any], keys: Any = None) -> KernelFields:
        """Choose ``keys`` from this rank's whole ``status``."""
        return cls(_chosen(status, keys), keys, status["num_connections"] > 0)

    @classmethod
    def merge(cls, call: str, parts: Sequence[KernelFields]) -> Value:
        """Return the fields of one process.

        Between GetConnections and a run, NEST 3.10 gives each rank's own extremes of the delays,
        and its default where there is no connection.
        """
        connected = [part for part in parts if part.has_connections] or parts
        return _merged(call, KERNEL_FIELDS, parts, tuple, connected)


@dataclass(frozen=True)
class ModelDefaults(_Fields, kind="model_defaults"):
    """Fields of a model's defaults."""

    output: str

    @classmethod
    def collect(cls, defaults: dict[str, Any], keys: Any, output: str) -> ModelDefaults:
        """Choose ``keys`` from a model's ``defaults`` on this rank."""
        if not (keys is None or isinstance(keys, (str, list, tuple))):
            # PyNEST takes anything for a key.
            raise KeyError(keys)
        return cls(_chosen(defaults, keys), keys, output)

    @classmethod
    def merge(cls, call: str, parts: Sequence[ModelDefaults]) -> Value:
        """Return the fields of one process in the asked format."""
        return in_format(call, _merged(call, DEFAULT_FIELDS, parts, list, parts), parts[0].output)


def _merged(
    call: str,
    rules: dict[str, Policy],
    parts: Sequence[_Fields],
    several: type[Any],
    connected: Sequence[_Fields],
) -> Value:
    """Return the fields that were asked for.

    Parameters
    ----------
    call : for messages
    rules : of fields that are not identical on all ranks
    parts : of all ranks
    several : what PyNEST has for several fields, tuples or lists
    connected : parts of the ranks that decide about delays
    """

    def value(key: str) -> Value:
        if key not in parts[0].fields:
            raise missing_key(call, key)
        policy, deciding = rules.get(key), parts
        if policy is Policy.SHORTEST or policy is Policy.LONGEST:
            deciding = connected
        elif policy is None and key in GENERIC:
            policy = Policy.GENERIC
        elif policy is None and key.startswith("time_"):
            policy = Policy.WALL_TIME
        values = [part.fields[key] for part in deciding]
        return merge_field(call, key, policy or Policy.IDENTICAL, values)

    asked = parts[0].asked
    if asked is None:
        return {key: value(key) for key in sorted(parts[0].fields)}
    return value(asked) if isinstance(asked, str) else several(value(key) for key in asked)


@dataclass(frozen=True)
class LocalVps(PartialAnswer, kind="local_vps"):
    """Virtual processes of a rank."""

    vps: list[int]

    @classmethod
    def collect(cls, vps: Iterable[int]) -> LocalVps:
        """Take the virtual processes that NEST names."""
        return cls(list(vps))

    @classmethod
    def merge(cls, call: str, parts: Sequence[LocalVps]) -> Value:
        """Return all virtual processes."""
        return sorted({vp for part in parts for vp in part.vps})
