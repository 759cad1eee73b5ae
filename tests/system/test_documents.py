"""Every block of code in the pages does what the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.servers import MPI_PYTHON, Runtime
from tests.system.documents import ROOT, Block, Page, blocks, run_as_server

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = {"bash", "console", "python", "javascript", "output"}

#: How many blocks of a page are not run, as it says above each. One more has to be looked at.
NOT_RUN = {"README.md": 3, "guide.md": 3, "http.md": 1, "operations.md": 8, "performance.md": 1}


def runs(page: Path) -> list[Block]:
    """The blocks of ``page`` that can be run."""
    found = [b for b in blocks(page) if b.language in RUN]
    return [b for b in found if b.not_run is None and b.alone is None]


def alone(what: str) -> list[Block]:
    """The blocks that do so, and are not run with the others of their page."""
    return [b for page in PAGES for b in blocks(page) if b.alone == what]


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


@pytest.mark.parametrize(
    ("block", "python"),
    [(block, sys.executable) for block in alone("starts a server")]
    + [(block, MPI_PYTHON) for block in alone("starts a server on ranks")],
    ids=str,
)
def test_block_that_starts_a_server_has_one(
    block: Block, python: str, runtime: Runtime, tmp_path: Path
) -> None:
    run_as_server(block, replace(runtime, python=python), tmp_path)


@pytest.mark.parametrize("block", alone("installs"), ids=str)
def test_block_that_installs_has_everything(block: Block, tmp_path: Path) -> None:
    # A build leaves files beside what it builds.
    project = tmp_path / "project"
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in tracked:
        if (ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    text = block.text.replace("/path/to/nestd", str(project))
    # The last one installed has the command of that name.
    text += "nest-server --help | grep -q restart && python -c 'import nest, nestd, gateway'"
    done = subprocess.run(
        ["bash", "-ec", text],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shutil.rmtree(tmp_path)
    assert done.returncode == 0, done.stdout


def test_what_blocks_do_alone_is_known() -> None:
    found = {b.alone for page in PAGES for b in blocks(page)} - {None}
    assert found == {"installs", "starts a server", "starts a server on ranks"}


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
