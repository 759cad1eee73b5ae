"""On which addresses processes listen, as the system says (proc(5), ``/proc/<pid>/net``)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

#: State of a socket that listens, and of one for datagrams that is bound and connected to nobody.
_LISTENS = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}

Address = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def listening(pids: Iterable[int]) -> set[Address]:
    """Addresses and ports of TCP and UDP at which any of the processes can be reached."""
    found: set[Address] = set()
    for pid in pids:
        held = set(_inodes(pid))
        for table, state in _LISTENS.items():
            found.update(_rows(pid, table, state, held))
    return found


def _inodes(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _rows(pid: int, table: str, state: str, held: set[str]) -> Iterator[Address]:
    for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == state and fields[9] in held:
            address, port = fields[1].split(":")
            yield _address(address), int(port, 16)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # Words of four bytes, each in the order of this machine.
    words = struct.unpack(f">{len(text) // 8}I", bytes.fromhex(text))
    return ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
