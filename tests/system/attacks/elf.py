"""Shared objects that leave a marker where they are loaded.

Made byte by byte: all bytes are ASCII but those of one ``ret``, so that a script can print one.
"""

from __future__ import annotations

import struct

_BASE = 0x40
_PROGRAM, _ALIGN = 56, 0x1000
#: Places in the file, none of which has a byte over 0x7f.
_STRINGS, _SYMBOLS, _HASH, _DYNAMIC, _CODE = 0x110, 0x120, 0x140, 0x160, 0x210


def shared_object(marker: str) -> bytes:
    """Return a shared object of x86-64 that makes the file ``marker`` as soon as it is loaded.

    Parameters
    ----------
    marker : path, in ASCII
    """
    code = _code(marker.encode("ascii"))
    size = _CODE + len(code)
    # Whole at a size whose bytes are ASCII, too.
    size = next(n for n in range(size, size + 0x200) if max(n.to_bytes(8, "little")) < 0x80)
    dynamic = b"".join(
        struct.pack("<QQ", tag, value)
        # DT_STRTAB, DT_SYMTAB, DT_HASH, DT_STRSZ, DT_SYMENT, DT_INIT
        for tag, value in (
            (5, _STRINGS),
            (6, _SYMBOLS),
            (4, _HASH),
            (10, 8),
            (11, 24),
            (12, _CODE),
            (0, 0),
        )
    )
    head = struct.pack(
        "<4s5B7xHHIQQQIHHHHHH",
        *(b"\x7fELF", 2, 1, 1, 0, 0),
        *(3, 0x3E, 1, 0, _BASE, 0, 0, 64, _PROGRAM, 2, 0, 0, 0),
    )
    loaded = struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, size, size, _ALIGN)
    described = struct.pack("<IIQQQQQQ", 2, 6, *(3 * [_DYNAMIC]), *(2 * [len(dynamic)]), 8)
    whole = bytearray(size)
    for place, part in (
        (0, head + loaded + described),
        # One bucket, one symbol, and no name.
        (_HASH, struct.pack("<4I", 1, 1, 0, 0)),
        (_DYNAMIC, dynamic),
        (_CODE, code),
    ):
        whole[place : place + len(part)] = part
    return bytes(whole)


def _code(path: bytes) -> bytes:
    """Return instructions that open ``path`` to be made."""
    path += bytes(8 - len(path) % 8)
    blocks = [path[at : at + 8] for at in range(0, len(path), 8)]
    code = b""
    for block in reversed(blocks):
        # push low; push high; pop rax; xor [rsp+4], eax
        code += b"\x68" + block[:4] + b"\x68" + block[4:] + b"\x58\x31\x44\x24\x04"
    # rdi = rsp; rsi = O_WRONLY | O_CREAT; rdx = 0777 & 0x7f; rax = open; syscall
    code += b"\x54\x5f\x6a\x41\x5e\x6a\x7f\x5a\x6a\x02\x58\x0f\x05"
    # ret is half of a letter of UTF-8.
    return code + b"\x59" * len(blocks) + b"\xc3\x80"
