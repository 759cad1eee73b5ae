"""Reads what NEST prints about a call: its warnings, and its explanations of errors.

Written here, as NEST 3.10 offers its messages to C++ only, on threads of its own which may not
run Python. NEST writes warnings and errors to ``std::cerr``, which gets a buffer in memory whose
pointers are read after each call. Nothing is asked of the system where nothing was printed, and
what a process prints when it crashes goes past that stream, to the log as before.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from nestd.logs.output_parser import OutputParser
from protocol.warned import NEST_WARNING, Warned, bounded

#: Offsets of the put area's begin and position in a ``std::basic_streambuf``.
_BEGIN, _POSITION = 32, 40
#: ``std::ios_base::out``.
_OUT = 16
#: Offset of ``std::basic_ios`` in ``std::ostream``.
_IOS = 8
_BUFFER_BYTES = 512
#: Part of the names of PyNEST's files.
_PYNEST = f"{os.sep}nest{os.sep}"


class NestMessages:
    """Messages about the call that is executed. There is one instance, as there is one NEST."""

    def __init__(self) -> None:
        self._begin: Any = None
        self._position: Any = None
        self._memory: Any = None
        self._warned: list[Warned] = []
        self._errors: list[str] = []

    def capture(self) -> str:
        """Have warnings and errors kept from now on; return why they can't be, if so."""
        if self._memory is not None:
            return ""
        _note_python(self.note)
        try:
            library = ctypes.CDLL("libstdc++.so.6")
            cerr = ctypes.addressof(ctypes.c_char.in_dll(library, "_ZSt4cerr"))
            make = library[
                "_ZNSt7__cxx1115basic_stringbufIcSt11char_traitsIcESaIcEEC1ESt13_Ios_Openmode"
            ]
            use = library["_ZNSt9basic_iosIcSt11char_traitsIcEE5rdbufEPSt15basic_streambufIcS1_E"]
        except (OSError, ValueError, AttributeError) as error:
            return f"NEST's warnings go to the log only: {error}"
        memory = ctypes.create_string_buffer(_BUFFER_BYTES)
        address = ctypes.addressof(memory)
        make.argtypes, make.restype = [ctypes.c_void_p, ctypes.c_int], None
        use.argtypes, use.restype = [ctypes.c_void_p, ctypes.c_void_p], ctypes.c_void_p
        make(address, _OUT)
        use(cerr + _IOS, address)
        self._memory = memory
        self._begin = ctypes.c_size_t.from_address(address + _BEGIN)
        self._position = ctypes.c_size_t.from_address(address + _POSITION)
        return ""

    def take(self) -> list[Warned]:
        """Return the warnings since the last call of this method, and forget the errors."""
        if self._position is not None and self._position.value != self._begin.value:
            self._read()
        if not self._warned:
            if self._errors:
                self._errors = []
            return []
        found, self._warned, self._errors = self._warned, [], []
        return bounded(found)

    def explanation(self) -> str:
        """Return what NEST has printed at level error about the call; empty if nothing."""
        self._read()
        return " ".join(self._errors)

    @contextlib.contextmanager
    def unheard(self) -> Iterator[None]:
        """Keep no warning about what is done meanwhile, which no caller has asked for."""
        self._read()
        before = len(self._warned)
        try:
            yield
        finally:
            self._read()
            del self._warned[before:]

    def _read(self) -> None:
        """Read what was printed, and print it where it would have gone."""
        if self._position is None:
            return
        begin = self._begin.value
        size = self._position.value - begin
        if not size:
            return
        printed = ctypes.string_at(begin, size)
        self._position.value = begin
        with contextlib.suppress(OSError):
            os.write(2, printed)
        parser = OutputParser()
        lines = printed.decode(errors="replace").splitlines()
        for event in [event for line in lines for event in parser.add(line)] + parser.flush():
            if event.is_nest and event.level == "warning":
                self._warned.append(Warned(event.message, NEST_WARNING))
            elif event.level == "error":
                self._errors.append(event.message)

    def note(self, text: str, category: str) -> None:
        """Note a warning of PyNEST or Python about the call."""
        self._read()
        self._warned.append(Warned(text, category))


def _note_python(note: Callable[[str, str], None]) -> None:
    """Have what PyNEST warns of noted, and shown as before."""
    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if _PYNEST in filename:
            note(str(message).strip(), category.__name__)
        shown(message, category, filename, lineno, file, line)

    warnings.showwarning = show


#: Of NEST in this process.
messages = NestMessages()
