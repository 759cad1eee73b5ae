"""The limit of a kernel's memory."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nestd.confinement import memory
from nestd.confinement.memory import MIB

PHYSICAL = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, PHYSICAL),
        ({"proc/self/cgroup": "0::/\n"}, PHYSICAL),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}, PHYSICAL),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": f"{MIB}\n"}, MIB),
        # In a container the path is that outside.
        ({"proc/self/cgroup": "0::/else/where\n", "sys/fs/cgroup/memory.max": f"{MIB}\n"}, MIB),
        (
            {
                "proc/self/cgroup": "4:cpu,memory:/a\n0::/\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{2 * MIB}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n",
            },
            2 * MIB,
        ),
    ],
)
def test_memory_of_the_machine(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory.machine_bytes(tmp_path) == expected


def test_kernels_share_three_quarters_of_the_machine() -> None:
    assert memory.default_bytes(16 * 2**30, 1) == 12 * 2**30
    assert memory.default_bytes(16 * 2**30, 3) == 4 * 2**30


_PROGRAM = """
import sys
from nestd.confinement.memory import MIB, RESERVE_BYTES, MemoryLimit

limit = MemoryLimit()
limit.check(2**50)
limit.set(1, lambda yes: print("asked", yes) or yes)
limit.check(100 * MIB)
limit.check(MIB)
try:
    limit.check(2**40)
except MemoryError as error:
    print(limit.explain(error))
limit.enforce()
try:
    bytearray(600 * MIB)
except MemoryError as error:
    print(limit.explain(error))
limit.release()
del_me = bytearray(600 * MIB)
"""


def test_what_is_beyond_the_limit_is_refused_but_for_the_reserve() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    has = "this kernel has 512 MiB of memory a rank (NEST_SERVER_MEMORY_MIB), and"
    assert done.stdout.splitlines() == [
        "asked True",
        "asked False",
        f"{has} it takes at least 1048576 MiB more",
        f"{has} this needs more; ResetKernel frees what was made of it",
    ]
