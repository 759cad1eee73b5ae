"""Archives with a program's files: zip or tar, read within bounds, with names that lead nowhere.

Nothing is unpacked before all names and sizes are known to be right.
"""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator

from protocol.errors import ArgumentError
from protocol.runtime.data_directory import check_file_name

#: Most bytes and files that a program may have.
PROGRAM_BYTES = 256 << 20
PROGRAM_FILES = 2000
#: Most directories that lead to a file.
_DEPTH = 20
#: Files that archives have of the systems on which they were made.
_LEFT_OUT = ("__MACOSX", "__pycache__")


def read_archive(archive: bytes) -> dict[str, bytes]:
    """Return the files of a program by their names, with slashes between directories.

    Raises
    ------
    ValueError
        If it is no archive, is too large, or has links, devices or names that lead out of it.
    """
    found: dict[str, bytes] = {}
    left = PROGRAM_BYTES
    try:
        for name, size, opened in _members(archive):
            parts = [part for part in name.split("/") if part not in ("", ".")]
            if not parts or parts[0] in _LEFT_OUT or parts[-1].startswith("._"):
                continue
            left -= size
            if left < 0 or len(found) >= PROGRAM_FILES:
                raise ValueError(
                    f"the archive has more than {PROGRAM_FILES} files or "
                    f"{PROGRAM_BYTES >> 20} MiB, the limits of a program"
                )
            _check(name, parts)
            content = opened.read(size + 1)
            if len(content) > size:
                raise ValueError(f"the archive has more in {name!a:.80} than it says")
            found["/".join(parts)] = content
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError) as error:
        raise ValueError(f"the archive is no zip or tar file that can be read: {error}") from error
    return found


def _check(name: str, parts: list[str]) -> None:
    if name.startswith("/") or len(parts) > _DEPTH:
        raise ValueError(f"the archive has {name!a:.80}, which is no name within a program")
    try:
        for part in parts:
            # Settings of programs begin with a dot, what leads out of a directory with two.
            check_file_name(part if part.startswith("..") else part.removeprefix("."))
    except ArgumentError as error:
        raise ValueError(f"the archive has {name!a:.80}: {error.message}") from error


def _members(archive: bytes) -> Iterator[tuple[str, int, io.BufferedIOBase]]:
    """Yield name, size and content of each file."""
    if archive.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            for info in zipped.infolist():
                mode = info.external_attr >> 16
                if info.is_dir():
                    continue
                if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
                    raise ValueError(f"the archive has {info.filename!a:.80}, which is no file")
                with zipped.open(info) as opened:
                    yield info.filename, info.file_size, opened  # type: ignore[misc]
        return
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
        for member in tar:
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise ValueError(f"the archive has {member.name!a:.80}, which is no file")
            yield member.name, member.size, content  # type: ignore[misc]


def rehearse() -> None:
    """Read small archives, so that restricted processes find loaded what that needs."""
    for mode in ("w:gz", "w:bz2", "w:xz"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode=mode) as tar:
            tar.addfile(tarfile.TarInfo("a"))
        read_archive(packed.getvalue())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a", "a")
    read_archive(packed.getvalue())
    "a".encode("cp437")
