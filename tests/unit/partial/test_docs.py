"""The page about merging is the one that its tables make."""

from __future__ import annotations

from pathlib import Path

from nestd.partial import docs, policies
from nestd.partial.policies import Policy

ROOT = Path(__file__).parents[3]


def test_committed_page_is_current() -> None:
    committed = (ROOT / "docs" / "merging.md").read_text(encoding="utf-8")
    assert committed == docs.page(), "run scripts/merging-docs"


def test_page_has_every_policy_and_every_field_of_the_tables() -> None:
    page = docs.page()
    assert all(policy.value in page for policy in Policy)
    for table in (
        policies.NODE_FIELDS,
        policies.CONNECTION_FIELDS,
        policies.KERNEL_FIELDS,
        policies.DEFAULT_FIELDS,
        policies.GENERIC,
    ):
        assert all(f"| `{field}` |" in page for field in table)
