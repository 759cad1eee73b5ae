"""Table of addresses through which NEST's library calls its own functions.

Why this is written by hand: NEST has no hooks at the functions that matter here, and a library
that is loaded before NEST to replace them would need a compiler on every host. Shared libraries
whose functions another library may replace call them through a table in memory, the global offset
table. What a slot holds is called; see the System V ABI, chapter 4. The offsets of the slots are
in the library's ELF file, and its start in memory in ``/proc/self/maps``.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nestd.kernel.native import switch
from nestd.kernel.pynest import nest

#: Relocations that fill the slot through which a function is called: x86-64 and AArch64.
_JUMP_SLOTS = (7, 1026)
_ALLOCATED_RELOCATIONS = 4  # SHT_RELA
_SECTION = np.dtype(
    [
        ("name", "<u4"),
        ("type", "<u4"),
        ("flags", "<u8"),
        ("address", "<u8"),
        ("offset", "<u8"),
        ("size", "<u8"),
        ("link", "<u4"),
        ("info", "<u4"),
        ("align", "<u8"),
        ("entry", "<u8"),
    ]
)
_RELOCATION = np.dtype([("offset", "<u8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
_SYMBOL = np.dtype(
    [
        ("name", "<u4"),
        ("info", "u1"),
        ("other", "u1"),
        ("section", "<u2"),
        ("value", "<u8"),
        ("size", "<u8"),
    ]
)
_READ_WRITE = 1 | 2  # PROT_READ | PROT_WRITE


@dataclass(frozen=True)
class _Mapping:
    """Part of the library's file that is mapped into memory."""

    start: int
    end: int
    writable: bool
    offset: int


class NativeUnavailable(Exception):
    """Access to NEST's memory is off, or not known to be safe with this NEST."""


def slots(names: Collection[str], versions: tuple[str, ...]) -> dict[str, ctypes.c_void_p]:
    """Find the slots that hold the addresses of functions.

    Parameters
    ----------
    names : of the functions, as the linker knows them
    versions : beginnings of the versions of NEST that the caller knows

    Returns
    -------
    name : pointer to the address in the table, which can be changed

    Raises
    ------
    NativeUnavailable
        If native access is off, the version is another, or the library does not call one of the
        functions through a table that can be changed.
    """
    if not switch.is_on:
        raise NativeUnavailable("NESTD_NATIVE is off")
    if not nest.__version__.startswith(versions):
        raise NativeUnavailable(f"NEST {nest.__version__} is not known to this nestd")
    path = Path(str(sys.modules[nest.ll_api.nestkernel.__name__].__file__))
    try:
        return _slots(path, names)
    except (OSError, LookupError, ValueError, struct.error) as error:
        raise NativeUnavailable(f"NEST's library can't be changed: {error}") from error


def _slots(path: Path, names: Collection[str]) -> dict[str, ctypes.c_void_p]:
    mappings = _mappings(path)
    base = min(part.start - part.offset for part in mappings if part.offset == 0)
    pointers = {}
    for name, offset in _offsets(path.read_bytes(), names).items():
        address = base + offset
        part = next((part for part in mappings if part.start <= address < part.end), None)
        if part is None:
            raise LookupError(f"the table is not where it should be for {name}")
        if not part.writable:
            _make_writable(address)
        pointers[name] = ctypes.c_void_p.from_address(address)
    return pointers


def _offsets(library: bytes, names: Collection[str]) -> dict[str, int]:
    """Read the slots' offsets, by name, from the relocations of an ELF file."""
    if library[:6] != b"\x7fELF\x02\x01":
        raise LookupError("it is no 64-bit little-endian ELF")
    (at,) = struct.unpack_from("<Q", library, 0x28)
    (count,) = struct.unpack_from("<H", library, 0x3C)
    sections = np.frombuffer(library, _SECTION, count, at)

    def rows(
        section: np.void, dtype: np.dtype[np.void]
    ) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        return np.frombuffer(
            library, dtype, int(section["size"]) // dtype.itemsize, int(section["offset"])
        )

    offsets: dict[str, int] = {}
    for section in sections[sections["type"] == _ALLOCATED_RELOCATIONS]:
        symbols_section = sections[section["link"]]
        text = sections[symbols_section["link"]]
        start, end = int(text["offset"]), int(text["offset"] + text["size"])
        relocations = rows(section, _RELOCATION)
        relocations = relocations[np.isin(relocations["type"], _JUMP_SLOTS)]
        if not len(relocations):
            continue
        symbols = rows(symbols_section, _SYMBOL)
        for name in names:
            place = library.find(b"\0" + name.encode() + b"\0", start, end)
            if place < 0:
                continue
            numbers = np.flatnonzero(symbols["name"] == place + 1 - start)
            for slot in relocations[np.isin(relocations["symbol"], numbers)]:
                offsets[name] = int(slot["offset"])
    missing = [name for name in names if name not in offsets]
    if missing:
        raise LookupError(f"it does not call {missing[0]} by its table")
    return offsets


def _mappings(path: Path) -> list[_Mapping]:
    mappings = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] == str(path.resolve()):
            start, end = (int(number, 16) for number in fields[0].split("-"))
            mappings.append(_Mapping(start, end, "w" in fields[1], int(fields[2], 16)))
    if not mappings:
        raise LookupError(f"{path} is not among what this process has mapped")
    return mappings


def _make_writable(address: int) -> None:
    """Make the page of ``address`` writable.

    A library that was linked to fill its table at once has it read-only afterwards.
    """
    page = address & ~(mmap.PAGESIZE - 1)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), _READ_WRITE):
        raise OSError(ctypes.get_errno(), "its table can't be made writable")
