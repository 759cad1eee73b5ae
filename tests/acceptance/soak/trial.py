"""Rounds of random clients at one server, with and without faults, and what is held after each."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from protocol.process.polling import poll_until
from tests.acceptance.soak import clients, strangers
from tests.acceptance.soak.accounts import Accounts
from tests.acceptance.soak.asking import PATIENCE_S, Asking
from tests.acceptance.soak.faults import Faults
from tests.acceptance.soak.ledger import Ledger
from tests.acceptance.soak.resources import Held, differences, held
from tests.integration.servers import DEADLINE_S, Server

CLIENTS = 8
SETTINGS = {
    "NEST_SERVER_HANGUP": "0.2",
    # Less than there are clients, so that some are refused.
    "NEST_SERVER_QUEUE_LIMIT": "6",
    "NEST_SERVER_JOBS_KEPT": "200",
    "NEST_SERVER_EXEC_MEMORY_MIB": "256",
    "NEST_SERVER_LOG_MIB": "4",
}
#: How much more memory and how many more open files the processes of a role may have at the end.
MEMORY_MIB, OPEN_FILES = 32.0, 24

#: What clients do, and how often.
_ACTS: Sequence[tuple[Callable[[Asking], None], int]] = (
    (clients.look, 4),
    (clients.read, 8),
    (clients.make, 8),
    (clients.mistake, 4),
    (clients.script, 4),
    (clients.hungry_script, 1),
    (clients.simulate, 4),
    (clients.job, 6),
    (clients.long_job, 1),
    (clients.large_job, 2),
    (clients.listen, 2),
    (clients.read_slowly, 1),
    (strangers.hang_up, 3),
    (strangers.stall, 1),
    (strangers.send_garbage, 4),
    (strangers.send_garbage_to_nestd, 2),
)


class Trial:
    """One run.

    Parameters
    ----------
    server : that all of it is about
    seed : of everything that is random
    say : tells how it goes
    """

    def __init__(self, server: Server, seed: int, say: Callable[[str], None]) -> None:
        self._server = server
        self._chance = random.Random(seed)
        self._say = say
        self.faults = Faults(server, random.Random(self._chance.random()))
        self.accounts = Accounts(self.faults.allowed)
        self._ledger = Ledger()
        self._before: Held | None = None
        self.after: Held | None = None

    def round(self, lasts_s: float, with_faults: bool) -> None:
        """Have clients do as they like for a while, then look at what is left of it."""
        over = threading.Event()
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            acts: list[Future[None]] = [
                pool.submit(self._client, random.Random(self._chance.random()), over)
                for _ in range(CLIENTS)
            ]
            if with_faults:
                acts.append(pool.submit(self.faults.run, over))
            try:
                # Whoever raises ends the round.
                poll_until(lambda: any(one.done() for one in acts), lasts_s, 0.2)
            finally:
                over.set()
            for one in acts:
                one.result()
        self.accounts.settle()
        self._settle()
        self._say(f"{'with' if with_faults else 'without'} faults: {self.accounts}")

    def _client(self, chance: random.Random, over: threading.Event) -> None:
        asking = Asking(self._server, self.accounts, self._ledger, chance)
        acts, weights = zip(*_ACTS, strict=True)
        try:
            while not over.is_set():
                chance.choices(acts, weights)[0](asking)
        finally:
            asking.session.close()

    def _settle(self) -> None:
        """All has to come to rest; then the network, and what is held, has to be as it should."""
        wrong = self.accounts.note
        server = self._server

        def pending() -> list[Any]:
            jobs = server.get("/jobs").json()
            return [job for job in jobs if job["state"] in ("queued", "running")]

        if not poll_until(lambda: not pending(), PATIENCE_S):
            wrong(f"still pending: {pending()}")
            return
        for said in self._ledger.judge(server):
            wrong(said)
        # Their process is started again with the next one.
        reply = server.post("/exec", {"source": "x = 1", "return": "x"})
        if reply.status_code != 200:
            wrong(f"a script afterwards: {reply.text:.300}")
        server.call("ResetKernel")
        before = self._before
        if before is None:
            time.sleep(1.0)
            self._before = held(server)
            return

        def left() -> list[str]:
            self.after = held(server)
            return differences(before, self.after, MEMORY_MIB, OPEN_FILES)

        if not poll_until(lambda: not left(), DEADLINE_S / 4, 0.5):
            for said in left():
                wrong(f"after a round, {said}")

    def held(self) -> str:
        """What was held after the first round, and after the last."""
        if self._before is None or self.after is None:
            return ""
        before, after = self._before, self.after
        memory = sum(before.memory_mib.values()), sum(after.memory_mib.values())
        return (
            f"{before.processes.total()} processes, then {after.processes.total()}; "
            f"{before.open_files.total()} open files, then {after.open_files.total()}; "
            f"{memory[0]:.0f} MiB, then {memory[1]:.0f}"
        )
