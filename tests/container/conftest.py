"""Fixtures: the image, built once."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.images import Image, build


@pytest.fixture(scope="session")
def work() -> Iterator[Path]:
    """A directory for all that is made; what is mounted in it is so in namespaces only."""
    missing = [name for name in ("debootstrap", "tini-static") if shutil.which(name) is None]
    if missing:
        pytest.fail(f"missing: {', '.join(missing)}; scripts/test installs it", pytrace=False)
    trial = ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "-", "/mnt"]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = done.stderr.strip().splitlines()[-1]
        pytest.fail(f"a container needs root, and the right to mount: {why}", pytrace=False)
    directory = Path(tempfile.mkdtemp(prefix="nestd-image-"))
    try:
        # Accounts of the image have to get to its root.
        directory.chmod(0o755)
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def image(work: Path) -> Image:
    """The image of the Dockerfile."""
    return build(work)
