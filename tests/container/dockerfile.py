"""What the files of the container say: Dockerfile, .dockerignore and compose.yaml."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its flags such as ``--from=build``, and the rest."""

    name: str
    flags: dict[str, str]
    rest: str

    def words(self) -> list[str]:
        """The rest as words: of a JSON list, or split as a shell does."""
        if self.rest.startswith("["):
            words: list[str] = json.loads(self.rest)
            return words
        return shlex.split(self.rest)

    def command(self) -> list[str]:
        """The rest as what is executed: a JSON list, or a line for the shell."""
        return self.words() if self.rest.startswith("[") else ["/bin/sh", "-c", self.rest]

    def __str__(self) -> str:
        flags = "".join(f" --{name}={value}" for name, value in self.flags.items())
        return f"{self.name}{flags} {self.rest}"


def instructions() -> list[Instruction]:
    """Those of the Dockerfile, in their order."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        name, _, rest = line.partition(" ")
        flags = {}
        while matched := re.match(r"\s*--([\w-]+)=(\S+)", rest):
            flags[matched[1]] = matched[2]
            rest = rest[matched.end() :]
        found.append(Instruction(name, flags, rest.strip()))
    return found


@dataclass
class Stage:
    """An image that is built: what it begins with, its steps, and what a container of it gets."""

    base: str
    name: str
    steps: list[Instruction] = field(default_factory=list)

    def last(self, name: str) -> Instruction | None:
        """The instruction of a name that counts."""
        found = [step for step in self.steps if step.name == name]
        return found[-1] if found else None

    def environment(self) -> dict[str, str]:
        """What ``ENV`` sets."""
        words = [word for step in self.steps if step.name == "ENV" for word in step.words()]
        assert not any("$" in word for word in words), "the tests don't replace variables in ENV"
        return dict(word.split("=", 1) for word in words)

    def command(self) -> list[str]:
        """What a container runs."""
        step = self.last("CMD")
        assert step is not None
        return step.command()

    def health_command(self) -> list[str]:
        """What tells whether a container is well."""
        step = self.last("HEALTHCHECK")
        assert step is not None
        kind, _, rest = step.rest.partition(" ")
        assert kind == "CMD"
        return Instruction("CMD", {}, rest.strip()).command()


def stages() -> list[Stage]:
    """Those of the Dockerfile; the last one is the image."""
    found: list[Stage] = []
    for step in instructions():
        if step.name == "FROM":
            base, *named = step.words()
            found.append(Stage(base, named[1] if named else str(len(found))))
        else:
            found[-1].steps.append(step)
    return found


def compose_service() -> dict[str, Any]:
    """The service of compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    service: dict[str, Any] = found["services"]["nest"]
    return service


def _ignored(path: str) -> bool:
    """Whether .dockerignore keeps ``path`` from the engine; of its lines the last one counts."""
    names = path.split("/")
    parents = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = re.escape(line.lstrip("!"))
        pattern = pattern.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, parent) for parent in parents):
            ignored = not line.startswith("!")
    return ignored


def sent(source: str) -> Iterator[Path]:
    """Files of the repository that the engine gets of ``source``, relative to the repository."""
    whole = ROOT / source
    assert whole.exists(), f"there is no {source}"
    if whole.is_file():
        if not _ignored(source):
            yield Path(source)
        return
    for directory, _, names in os.walk(whole):
        for name in names:
            path = (Path(directory) / name).relative_to(ROOT)
            if not _ignored(path.as_posix()):
                yield path
