"""Fixtures: the image, built once."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.images import Image, build

_CLONE_NEWNS = 0x20000
#: Of memory, so that what is built is no burden there: it takes 2 GiB.
_ENOUGH_KIB = 8 * 2**20


@pytest.fixture(scope="session")
def work() -> Iterator[Path]:
    """A directory for all that is made."""
    missing = [name for name in ("debootstrap", "tini-static") if shutil.which(name) is None]
    if missing:
        pytest.fail(f"missing: {', '.join(missing)}; scripts/test installs it", pytrace=False)
    directory = Path(tempfile.mkdtemp(prefix="nestd-image-"))
    try:
        # Accounts of the image have to get to its root.
        directory.chmod(0o755)
        in_memory = _mount(directory)
        yield directory
        if in_memory:
            subprocess.run(["umount", "--lazy", directory], check=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _mount(directory: Path) -> bool:
    """Have mounts of this process's own, with ``directory`` in memory if there is enough of it.

    So nothing is left of what is made there, however the tests end.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        why = os.strerror(ctypes.get_errno())
        pytest.fail(f"a container needs root, and the right to mount: {why}", pytrace=False)
    available = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    in_memory = available is not None and int(available[1]) >= _ENOUGH_KIB
    memory = ["mount", "-t", "tmpfs", "-o", "mode=755,size=4g", "tmpfs", str(directory)]
    for command in (["mount", "--make-rprivate", "/"], *([memory] if in_memory else [])):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            why = done.stderr.strip()
            pytest.fail(f"a container needs root, and the right to mount: {why}", pytrace=False)
    return in_memory


@pytest.fixture(scope="session")
def image(work: Path) -> Image:
    """The image of the Dockerfile."""
    return build(work)
