"""The page about merging is the one that its tables make."""

from __future__ import annotations

from pathlib import Path

from nestd import merging, merging_docs
from nestd.merging import Policy

ROOT = Path(__file__).parents[2]


def test_committed_page_is_current() -> None:
    committed = (ROOT / "docs" / "merging.md").read_text(encoding="utf-8")
    assert committed == merging_docs.page(), "run scripts/merging-docs"


def test_page_has_every_policy_and_every_field_of_the_tables() -> None:
    page = merging_docs.page()
    assert all(policy.value in page for policy in Policy)
    for table in (
        merging.NODE_FIELDS,
        merging.KERNEL_FIELDS,
        merging.DEFAULT_FIELDS,
        merging.GENERIC,
    ):
        assert all(f"| `{field}` |" in page for field in table)
