"""Files that others than their user could get at."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def with_bits_for_others(root: Path) -> list[str]:
    """All at and below ``root`` with any permission for the group or for others."""
    return [_told(path) for path in [root, *root.rglob("*")] if _is_open(path)]


def reachable(root: Path) -> list[str]:
    """All below ``root`` that is open for others, and in directories that are."""
    found = []
    for path in root.iterdir():
        if _is_open(path):
            found.append(_told(path))
            if path.is_dir() and not path.is_symlink():
                found += reachable(path)
    return found


def held_files(pids: Iterable[int], root: Path, since_s: float) -> Iterator[Path]:
    """Files below ``root`` that any of the processes has open or mapped, and that are new."""
    for pid in pids:
        for directory in ("fd", "map_files"):
            for descriptor in Path(f"/proc/{pid}/{directory}").iterdir():
                try:
                    target = str(descriptor.readlink())
                except FileNotFoundError:
                    continue
                path = Path(target)
                if root in path.parents and path.exists() and path.stat().st_ctime >= since_s:
                    yield path


def is_behind_a_closed_door(path: Path, root: Path) -> bool:
    """Whether the file, or a directory between it and ``root``, is closed for others."""
    way = [path, *path.parents]
    return any(not _is_open(one) for one in way[: way.index(root)] if one.exists())


def _is_open(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)


def _told(path: Path) -> str:
    return f"{stat.filemode(path.lstat().st_mode)} {path}"
