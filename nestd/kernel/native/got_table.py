"""NEST's library in memory: the table of addresses by which it calls its own functions.

Libraries whose functions can be replaced by another library's call them through such a table. What
is in a slot of it is called; see the System V ABI, chapter 4.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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
    """A part of the library in memory."""

    start: int
    end: int
    writable: bool
    offset: int


class NotInTable(Exception):
    """NEST's library does not call a function by its table, or has one that can't be changed."""


def slots(*names: str) -> dict[str, ctypes.c_void_p]:
    """Where the library has the addresses by which it calls functions.

    Parameters
    ----------
    names : of the functions, as the linker knows them

    Returns
    -------
    name : pointer to the address in the table, which can be changed

    Raises
    ------
    NotInTable
        If it does not call one of them in this way, as one may that was linked in another.
    """
    path = Path(str(sys.modules[nest.ll_api.nestkernel.__name__].__file__))
    try:
        return _slots(path, names)
    except (OSError, LookupError, ValueError, struct.error) as error:
        raise NotInTable(f"NEST's library can't be changed: {error}") from error


def _slots(path: Path, names: tuple[str, ...]) -> dict[str, ctypes.c_void_p]:
    mappings = _mappings(path)
    base = min(one.start - one.offset for one in mappings if one.offset == 0)
    found = {}
    for name, offset in _offsets(path.read_bytes(), names).items():
        address = base + offset
        part = next((one for one in mappings if one.start <= address < one.end), None)
        if part is None:
            raise LookupError(f"the table is not where it should be for {name}")
        if not part.writable:
            _make_writable(address)
        found[name] = ctypes.c_void_p.from_address(address)
    return found


def _offsets(library: bytes, names: tuple[str, ...]) -> dict[str, int]:
    """Where in the table the functions' addresses are, by name; see the System V ABI, chapter 4."""
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

    found = {}
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
                found[name] = int(slot["offset"])
    missing = [name for name in names if name not in found]
    if missing:
        raise LookupError(f"it does not call {missing[0]} by its table")
    return found


def _mappings(path: Path) -> list[_Mapping]:
    found = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] == str(path.resolve()):
            start, end = (int(number, 16) for number in fields[0].split("-"))
            found.append(_Mapping(start, end, "w" in fields[1], int(fields[2], 16)))
    if not found:
        raise LookupError(f"{path} is not among what this process has mapped")
    return found


def _make_writable(address: int) -> None:
    """A library that was linked to fill its table at once has it read-only afterwards."""
    page = address & ~(mmap.PAGESIZE - 1)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), _READ_WRITE):
        raise OSError(ctypes.get_errno(), "its table can't be made writable")
