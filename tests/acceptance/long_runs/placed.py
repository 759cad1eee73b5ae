"""Servers of this script, in the environments it was given."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.servers import Runtime, Server, start_server

ROOT = Path(__file__).parents[3]


def _print(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Setting:
    """What a part is run with."""

    #: Python of an environment with the NEST of the package index, and of one with a NEST with MPI.
    one: Path
    many: Path
    #: Whether a quick sample is enough.
    short: bool = False
    #: Rounds of a comparison; ``None`` for the part's own number.
    rounds: int | None = None
    #: Steps of a loop by a script and by the client; as above.
    steps: tuple[int, int] | None = None
    say: Callable[[str], None] = field(default=_print)

    @contextmanager
    def server(self, ranks: int, env: dict[str, str] | None = None) -> Iterator[Server]:
        """A server of one's own, which has to leave nothing behind."""
        runtime = Runtime(python=str(self.one if ranks == 1 else self.many))
        server = start_server(runtime, env, "-n", str(ranks))
        try:
            yield server
        finally:
            server.stop()
            left = runtime.leftovers()
            runtime.remove()
        assert left == [], left
