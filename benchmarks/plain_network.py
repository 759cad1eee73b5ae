"""A network in plain PyNEST that waits between its simulations, as one behind a server does."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from nestd.server.launch.launcher import launcher_command

#: What a plain script has measured is JSON behind this, in a line of its own.
MEASURED = "MEASURED "


class PlainNetwork:
    """A balanced random network, on ranks that sleep until they are told to simulate.

    Parameters
    ----------
    python : whose NEST it is
    ranks : of it
    size : number of neurons
    limit_s : longest that a step may take
    """

    def __init__(self, python: str, ranks: int, size: int, limit_s: float) -> None:
        self._ranks = ranks
        self._limit_s = limit_s
        self._failed: RuntimeError | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="plain-network-")
        paths = turns(self._directory.name, ranks)
        for path in paths:
            os.mkfifo(path, 0o600)
        arguments = {"size": size, "processes": ranks, "directory": self._directory.name}
        command = [python, "-m", "benchmarks.plain", "simulation_in_turns", json.dumps(arguments)]
        if ranks > 1:
            command = [*launcher_command(ranks), *command]
        self._errors = (Path(self._directory.name) / "stderr").open("w+b")
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        # For reading, too: else it would wait here until a rank reads.
        self._turns = [os.open(path, os.O_RDWR) for path in paths]

    def __enter__(self) -> PlainNetwork:
        try:
            # That it is built.
            self._next()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def simulate(self, time_ms: float) -> float:
        """Seconds that a simulation of so much biological time takes.

        Raises
        ------
        RuntimeError
            If it has failed, now or before.
        """
        for turn in self._turns:
            os.write(turn, f"{time_ms!r}\n".encode())
        return float(self._next())

    def spikes(self) -> float:
        """How many spikes there were, at its end."""
        for turn in self._turns:
            os.write(turn, b"end\n")
        found: dict[str, float] = self._next()
        return found["spikes"]

    def _next(self) -> Any:
        """What it says next."""
        stdout = self._process.stdout
        assert stdout is not None
        if self._failed is not None:
            # What it says now may be about another turn.
            raise self._failed
        until_s = time.monotonic() + self._limit_s
        line = b""
        while select.select([stdout], [], [], max(0.0, until_s - time.monotonic()))[0]:
            piece = stdout.read(1)
            if not piece:
                break
            line += piece
            if piece == b"\n":
                if line.startswith(MEASURED.encode()):
                    return json.loads(line.removeprefix(MEASURED.encode()))
                line = b""
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")[-500:]
        self._failed = RuntimeError(
            f"the network in plain PyNEST on {self._ranks} rank(s) failed: {said}"
        )
        raise self._failed

    def close(self) -> None:
        """End it."""
        for turn in self._turns:
            os.close(turn)
        self._turns = []
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()
        self._directory.cleanup()


def turns(directory: str, ranks: int) -> list[Path]:
    """Return the pipe of each rank that tells the rank when it is its turn."""
    return [Path(directory) / f"turn-{rank}" for rank in range(ranks)]
