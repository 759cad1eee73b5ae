"""What a case is given: servers that run, rounds to make, rows to fill."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plain_network import MEASURED, PlainNetwork
from benchmarks.rows import FLOOR, NEXT_PEER, PEER, THIS, CaseResult, Row, Target, percentile
from benchmarks.servers import (
    Program,
    Running,
    empty_flask_route,
    nest_server_3_10,
    next_nest_server,
    running,
    this_server,
)
from nestd.server.launch.launcher import launcher_command

#: Longest that a plain script may take.
PLAIN_LIMIT_S = 300.0


def say(text: str) -> None:
    """Tell the reader how far it is."""
    print(f"==> {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Environments:
    """Where the servers are installed."""

    #: ``bin`` directories of NEST Server 3.10 and of its successor; ``None`` if there is none.
    peer: Path | None = None
    next_peer: Path | None = None
    #: Python whose NEST has MPI; ``None`` if there is none.
    mpi_python: str | None = None


class NotInstalled(Exception):
    """A server, or a NEST with MPI, that this run goes without."""


class Bench:
    """Runs one case.

    Parameters
    ----------
    environments : where servers are installed
    rounds : turns of each measurement
    quick : whether a coarse picture is enough
    result : what is filled
    stack : ends the servers with the run
    shared : servers that run already, by name
    """

    def __init__(
        self,
        environments: Environments,
        rounds: int,
        quick: bool,
        result: CaseResult,
        stack: ExitStack,
        shared: dict[str, Running],
    ) -> None:
        self.environments = environments
        self.rounds = rounds
        self.quick = quick
        self.result = result
        self._stack = stack
        self._shared = shared

    @property
    def few(self) -> int:
        """Rounds of what takes long."""
        return min(self.rounds, 1 if self.quick else 3)

    def row(
        self, what: str, unit: str, target: Target | None = None, floor: str = "", **more: Any
    ) -> Row:
        """A new row of the case."""
        row = Row(what, unit, target, floor, **more)
        self.result.rows.append(row)
        return row

    def turns(self, row: Row, measure: dict[str, Callable[[], float]], rounds: int) -> Row:
        """Fill ``row``, the columns in turns; one that fails says why and is left out."""
        say(row.what)
        for _ in range(rounds):
            for column, one in measure.items():
                if column not in row.missing:
                    self.attempt([row], column, lambda one=one: [one()])
        return row

    def latencies(
        self,
        what: str,
        measure: dict[str, Callable[[], list[float]]],
        target: Target | None = None,
        floor: str = "",
        rounds: int | None = None,
        **more: Any,
    ) -> tuple[Row, Row]:
        """Rows of the 50th and 99th percentile of milliseconds, the columns in turns."""
        say(what)
        p50 = self.row(f"{what} p50", "ms", target, floor, **more)
        p99 = self.row(f"{what} p99", "ms", None, floor)
        for _ in range(rounds or self.rounds):
            for column, one in measure.items():
                if column in p50.missing:
                    continue

                def both(one: Callable[[], list[float]] = one) -> list[float]:
                    took = one()
                    return [percentile(took, 50), percentile(took, 99)]

                self.attempt([p50, p99], column, both)
        return p50, p99

    def attempt(self, rows: list[Row], column: str, measure: Callable[[], list[float]]) -> None:
        """Add what ``measure`` gives to ``rows``, or why it gives nothing."""
        try:
            values = measure()
        except (NotInstalled, OSError, RuntimeError, ValueError, KeyError) as error:
            reason = f"{type(error).__name__}: {error}"[:300]
            say(f"{rows[0].what}, {column}: {reason}")
            for row in rows:
                row.missing[column] = reason
                # Rounds of which only some were measured are no pairs any more.
                row.rounds.pop(column, None)
            return
        for row, value in zip(rows, values, strict=True):
            row.add(column, value)

    # Servers

    def ours(self) -> Running:
        """This server on one rank; it runs for the whole run."""
        return self._kept(THIS, this_server())

    def peers(self) -> dict[str, Running]:
        """The installed peers that start, by column."""
        found = {}
        for column, directory, program in (
            (PEER, self.environments.peer, nest_server_3_10),
            (NEXT_PEER, self.environments.next_peer, next_nest_server),
        ):
            if directory is not None:
                try:
                    found[column] = self._kept(column, program(directory))
                except RuntimeError as error:
                    say(str(error))
        return found

    def flask(self) -> Running:
        """The empty Flask route."""
        return self._kept(FLOOR, empty_flask_route())

    def _kept(self, name: str, program: Program) -> Running:
        kept = self._shared.get(name)
        if kept is None or not kept.is_alive():
            kept = self._shared[name] = self._stack.enter_context(running(program))
        return kept

    @contextmanager
    def ranked(self, ranks: int) -> Iterator[Running]:
        """This server on so many ranks, all of a NEST with MPI; ends with the block."""
        with running(this_server(ranks, self._mpi_python())) as server:
            yield server

    def _mpi_python(self) -> str:
        if self.environments.mpi_python is None:
            raise NotInstalled("there is no NEST with MPI here")
        return self.environments.mpi_python

    def has_mpi(self) -> bool:
        """Whether there is a NEST with MPI."""
        return self.environments.mpi_python is not None

    def ranks(self) -> tuple[int, ...]:
        """Numbers of ranks that are measured."""
        return ((1, 2) if self.quick else (1, 2, 4)) if self.has_mpi() else ()

    def on_ranks(self, sizes: Sequence[int], measure: Callable[[Running, int, int], None]) -> None:
        """Call ``measure`` with this server on several ranks, their number, and each size.

        Raises
        ------
        NotInstalled
            If there is no NEST with MPI.
        """
        self._mpi_python()
        for ranks in self.ranks():
            with self.ranked(ranks) as server:
                for size in sizes:
                    measure(server, ranks, size)

    def plain_network(self, ranks: int, size: int) -> PlainNetwork:
        """A balanced network of so many neurons in plain PyNEST, simulated in turns."""
        return PlainNetwork(self._mpi_python(), ranks, size, PLAIN_LIMIT_S)

    def plain(self, what: str, ranks: int | None = None, **arguments: Any) -> Any:
        """What plain PyNEST measures of itself.

        Parameters
        ----------
        what : name in ``benchmarks.plain``
        ranks : of a NEST with MPI; ``None`` for the wheel's
        arguments : of the measurement
        """
        python = sys.executable if ranks is None else self._mpi_python()
        command = [python, "-m", "benchmarks.plain", what, json.dumps(arguments)]
        if ranks is not None and ranks > 1:
            command = [*launcher_command(ranks), *command]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PLAIN_LIMIT_S, check=False
        )
        # Not always at the start of a line: mpirun mixes what the ranks write.
        _, measured, found = done.stdout.partition(MEASURED)
        if done.returncode or not measured:
            raise RuntimeError(f"plain {what} failed: {done.stderr[-500:]}")
        return json.JSONDecoder().raw_decode(found)[0]
