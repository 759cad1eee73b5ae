"""What became of everything that clients have sent."""

from __future__ import annotations

import enum
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable


class Outcome(enum.Enum):
    """How a request, or a job that was accepted, has ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    QUEUE_FULL = "queue full"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "connection lost"
    GIVEN_UP = "given up"
    #: In no case what is promised.
    UNANSWERED = "NO ANSWER"
    UNREASONED = "NO REASON"


#: What needs no fault to explain it; refusals only of what is wrong.
_PLAIN = frozenset([Outcome.ANSWERED, Outcome.QUEUE_FULL, Outcome.CANCELLED, Outcome.GIVEN_UP])

#: Gives what the faults between two times may lead to.
Allowed = Callable[[float, float], frozenset[Outcome]]


class Entry:
    """One thing that was sent, until its outcome is known; used by one thread.

    Parameters
    ----------
    accounts : that it is part of
    kind : of client
    refusable : whether it is wrong, so that a refusal is right
    """

    def __init__(self, accounts: Accounts, kind: str, refusable: bool) -> None:
        self._accounts = accounts
        self.kind = kind
        self.refusable = refusable
        self.sent_s = time.monotonic()
        self.outcome: Outcome | None = None

    def close(self, outcome: Outcome, said: str = "") -> None:
        """Its outcome, and what was said of it."""
        self._accounts.close(self, outcome, said)


class Accounts:
    """All of them.

    Parameters
    ----------
    allowed : what the faults between two times, in monotonic seconds, may lead to
    """

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._lock = threading.Lock()
        self._open: set[Entry] = set()
        self.sent: Counter[str] = Counter()
        self.outcomes: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
        self.wrong: list[str] = []

    def open(self, kind: str, refusable: bool = False) -> Entry:
        """Begin the entry of something that is about to be sent."""
        entry = Entry(self, kind, refusable)
        with self._lock:
            self.sent[kind] += 1
            self._open.add(entry)
        return entry

    def close(self, entry: Entry, outcome: Outcome, said: str) -> None:
        """What became of it."""
        fine = outcome in _PLAIN or (outcome is Outcome.REFUSED and entry.refusable)
        fine = fine or outcome in self._allowed(entry.sent_s, time.monotonic())
        with self._lock:
            if entry not in self._open:
                self.wrong.append(f"{entry.kind}: {entry.outcome} and {outcome} ({said:.300})")
                return
            self._open.remove(entry)
            entry.outcome = outcome
            self.outcomes[entry.kind][outcome] += 1
        if not fine:
            self.note(
                f"{entry.kind}: {outcome.value} without a fault that explains it: {said:.300}"
            )

    def note(self, wrong: str) -> None:
        """Note what does not hold, beside the outcome of an entry."""
        with self._lock:
            self.wrong.append(wrong)

    def settle(self) -> None:
        """Everybody has ended: whatever has no outcome never gets one."""
        with self._lock:
            for entry in self._open:
                self.wrong.append(f"{entry.kind}: nothing became of it")
            self._open.clear()

    def total(self) -> Counter[Outcome]:
        """Count the outcomes of entries of all kinds."""
        return sum(self.outcomes.values(), Counter[Outcome]())

    def table(self) -> str:
        """For a person: of each kind, what was sent and what became of it."""
        total = self.total()
        shown = [outcome for outcome in Outcome if total[outcome]]
        rows = [["", "sent", *(one.value for one in shown)]]
        for kind in sorted(self.sent):
            of_kind = self.outcomes[kind]
            rows.append([kind, str(self.sent[kind]), *(str(of_kind[one]) for one in shown)])
        rows.append(["all", str(self.sent.total()), *(str(total[one]) for one in shown)])
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        return "\n".join(
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        )

    def __str__(self) -> str:
        total = self.total()
        parts = ", ".join(f"{total[one]} {one.value}" for one in Outcome if total[one])
        return f"{self.sent.total()} sent = {parts}"
