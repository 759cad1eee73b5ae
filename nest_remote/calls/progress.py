"""Progress of a simulation, as the server reports it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Progress:
    """Progress of a simulation, as the server reported it.

    Attributes
    ----------
    call : the PyNEST call that simulates, such as ``Simulate``; in a script, the one it is at
    biological_time_ms : of the network now
    done_ms, total_ms : of this simulation, biological time
    wall_s : that it has taken, by the clock
    real_time_factor : wall time over biological time, as NEST defines it: 2 means that a second of
        the network takes two; ``None`` as long as nothing is done
    estimated_end : when it will have ended if it goes on like this, by the clock of this machine;
        ``None`` as long as nothing is done
    """

    call: str
    biological_time_ms: float
    done_ms: float
    total_ms: float
    wall_s: float
    real_time_factor: float | None
    estimated_end: datetime | None

    @classmethod
    def of(cls, job: dict[str, Any]) -> Progress | None:
        """Return the progress in a job's description; ``None`` if the job does not simulate now."""
        facts = job.get("progress")
        if facts is None:
            return None
        done_ms, total_ms, wall_s = facts["done_ms"], facts["total_ms"], facts["wall_s"]
        end = None
        if done_ms:
            # From what is left and not from the server's clock, which may be another.
            left_s = wall_s * (total_ms - done_ms) / done_ms
            end = datetime.now().astimezone() + timedelta(seconds=min(left_s, _LONGEST_S))
        return cls(
            call=job.get("call") or job["what"],
            biological_time_ms=facts["biological_time_ms"],
            done_ms=done_ms,
            total_ms=total_ms,
            wall_s=wall_s,
            real_time_factor=facts["real_time_factor"],
            estimated_end=end,
        )

    @property
    def fraction(self) -> float:
        """Fraction of this simulation that is done, from 0 to 1."""
        return self.done_ms / self.total_ms if self.total_ms else 1.0

    @property
    def until_ms(self) -> float:
        """Biological time of the network at the end of this simulation, in ms."""
        return self.biological_time_ms + self.total_ms - self.done_ms

    def at_end(self) -> Progress:
        """Return the progress of this simulation at its end."""
        return replace(
            self,
            biological_time_ms=self.until_ms,
            done_ms=self.total_ms,
            estimated_end=None,
        )

    def __str__(self) -> str:
        parts = [f"{self.done_ms:.10g} of {self.total_ms:.10g} ms"]
        if self.real_time_factor is not None:
            parts.append(f"real-time factor {self.real_time_factor:.3g}")
        if self.estimated_end is not None:
            parts.append(f"ends {clock(self.estimated_end)}")
        return ", ".join(parts)


#: An end that is further away is as good as never, and dates have an end, too.
_LONGEST_S = 1e9


def clock(at: datetime) -> str:
    """Format a local time for a person, without the day if that is today."""
    local = at.astimezone()
    is_today = local.date() == datetime.now().date()
    return local.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M")
