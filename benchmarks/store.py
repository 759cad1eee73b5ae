"""What a run measured, kept in one JSON file that grows case by case."""

from __future__ import annotations

import datetime
import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.rows import CaseResult


def machine() -> dict[str, Any]:
    """Where it was measured: what bears on speed, nothing that names the machine."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.system() + " " + ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "packages": {
            name: _version(name)
            for name in ("nest-simulator", "numpy", "httptools", "flask", "pyzmq", "orjson")
        },
        "date": datetime.date.today().isoformat(),
        #: Processes that wanted a core when it began, the benchmark's own not among them.
        "load": round(os.getloadavg()[0], 1),
    }


def _first(path: str, name: str) -> str:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


@dataclass
class Store:
    """The file.

    Parameters
    ----------
    path : of the file
    """

    path: Path
    machine: dict[str, Any] = field(default_factory=dict)
    #: Name of the peer that is newer than 3.10.
    next_peer: str = "none"
    cases: dict[str, CaseResult] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path) -> Store:
        """What is in the file; nothing if it is not there."""
        store = cls(path)
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            store.machine, store.next_peer = found["machine"], found["next_peer"]
            store.cases = {one["name"]: CaseResult.from_description(one) for one in found["cases"]}
        return store

    def save(self) -> None:
        """Write the file, whole or not at all."""
        described = {
            "machine": self.machine,
            "next_peer": self.next_peer,
            "cases": [one.described() for one in self.cases.values()],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        # Floats as short as a reader needs them.
        text = json.dumps(_rounded(described), indent=1) + "\n"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path)


def _rounded(item: Any) -> Any:
    if isinstance(item, float):
        return float(f"{item:.5g}")
    if isinstance(item, dict):
        return {key: _rounded(value) for key, value in item.items()}
    return [_rounded(value) for value in item] if isinstance(item, list) else item
