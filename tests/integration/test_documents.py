"""Every block of code in the pages does what the page says."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.documents import ROOT, Block, Page, blocks
from tests.integration.servers import Runtime

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = {"bash", "console", "python", "javascript", "output"}

#: How many blocks of a page are not run, as it says above each. One more has to be looked at.
NOT_RUN = {"README.md": 4, "guide.md": 6, "operations.md": 1, "performance.md": 1}


def runs(page: Path) -> list[Block]:
    """The blocks of ``page`` that can be run."""
    return [b for b in blocks(page) if b.language in RUN and b.not_run is None]


@pytest.mark.parametrize("page", [page for page in PAGES if runs(page)], ids=lambda page: page.name)
def test_blocks_of_a_page_run_and_print_what_it_says(
    page: Path, runtime: Runtime, tmp_path: Path
) -> None:
    # What a reader has, who has begun with scripts/serve.
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    reader = Page(tmp_path, runtime)
    found = runs(page)
    starts = any(b.language == "console" and "$ nest-server start\n" in b.text for b in found)
    if not starts:
        reader.start_server()
    try:
        for block in found:
            reader.run(block)
    finally:
        reader.close()
        if not starts:
            assert runtime.run("stop").returncode == 0
        shutil.rmtree(tmp_path)


def test_blocks_that_are_not_run_are_counted() -> None:
    found = Counter(b.page for page in PAGES for b in blocks(page) if b.not_run)
    assert found == NOT_RUN


def test_every_block_has_a_language_that_is_known() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.language in RUN | {"json", "yaml", ""}, str(block)
            if block.language == "":
                # A drawing, or a frame on the wire: no command and no call.
                assert not re.search(r"^(\$ |curl |import )", block.text, re.MULTILINE), str(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_in_a_page_is_json(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.text)


def test_no_code_is_hidden_from_the_tests_by_indentation() -> None:
    for page in PAGES:
        text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.M)
        assert re.findall(r"^    \S.*$", text, re.MULTILINE) == [], page.name
