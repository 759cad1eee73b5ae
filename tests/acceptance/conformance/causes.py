"""Why tests of NEST don't pass with the look-alike, in groups."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.acceptance.conformance.outcomes import Outcome


@dataclass(frozen=True)
class Cause:
    """A group of misses; the first one that fits counts."""

    name: str
    #: Type of what was raised, and what is looked for in its message, the test's line, and the
    #: head of the block around that.
    raised: str = ""
    text: str = ""

    def fits(self, outcome: Outcome) -> bool:
        """Whether a miss belongs to it."""
        said = f"{outcome.message}\n{outcome.line}\n{outcome.block}"
        return bool(
            re.fullmatch(self.raised or ".*", outcome.raised)
            and re.search(self.text, said, re.MULTILINE)
        )


NOT_RUN = "not run: its file could not be read, or the worker ended"
SKIPPED = "skipped"
OTHER = "another error"

CAUSES = (
    Cause("hangs: no end in time", "Failed|Timeout.*", r"^Timeout"),
    Cause("the kernel or the server is lost", "Crash"),
    Cause("the kernel or the server is lost", text=r"kernel (is |was )?(re)?(started|lost)|"
          r"network (is )?lost|no answer from|Connection (refused|aborted|reset)"),
    Cause("looks inside the process", text=r"\bll_api\b|nestkernel|\bnest\.lib\b|\bhl_api_|"
          r"_datum\b|catching_sli|\bstack_checker\b|\bcapfd\b|sys\.modules|__wrapped__"),
    Cause("virtual processes that the ranks can't share", text="can't be shared evenly"),
    Cause("can't be sent", "TypeError|ProtocolError", r"can't be (sent|packed|encoded)"),
    Cause("not offered", "AttributeError|ImportError|ModuleNotFoundError",
          r"has no attribute|annot import|No module"),
    Cause("no exception where there should be one", "Failed", "DID NOT RAISE"),
    Cause("no exception where there should be one", "AssertionError", "not raised"),
    Cause("another exception, or another message, than PyNEST's",
          text=r"pytest\.raises|assertRaises|Regex pattern did not match|DID NOT WARN"),
    Cause("another value", "AssertionError"),
    Cause("refused by NEST or the server",
          "NEST\\w*Error\\w*|Kernel\\w*|Bad\\w*|Unknown\\w*|Illegal\\w*|Dictionary\\w*"),
)  # fmt: skip


def cause(outcome: Outcome | None) -> str:
    """The group of a test that passes by plain PyNEST but not with the look-alike.

    Parameters
    ----------
    outcome : what became of it; ``None`` if it was not run at all
    """
    if outcome is None:
        return NOT_RUN
    if outcome.outcome == "skipped":
        return SKIPPED
    for each in CAUSES:
        if each.fits(outcome):
            return each.name
    return f"{OTHER}: {outcome.raised}"
