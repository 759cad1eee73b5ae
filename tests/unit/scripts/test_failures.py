"""Exceptions of scripts as errors: name, line, text and the script's own frames."""

from __future__ import annotations

import faulthandler
import tempfile
from typing import Any

import pytest

from nestd.scripts.failures import SCRIPT, line_in_dump, script_error
from protocol.errors import ScriptError


def failed(source: str) -> ScriptError:
    """The error of a script."""
    try:
        exec(compile(source, SCRIPT, "exec"), {})
    except BaseException as error:
        return script_error(error, 64 << 20)
    raise AssertionError("it did not fail")


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("1/0", 1, "ZeroDivisionError at line 1: division by zero"),
        ("\n\nraise KeyError", 3, "KeyError at line 3: no explanation"),
        ("raise KeyError('k')", 1, "KeyError at line 1: 'k'"),
        ("def f(:\n", 1, "SyntaxError at line 1: invalid syntax"),
        ("exec('a b')", 1, "SyntaxError at line 1: invalid syntax (<string>, line 1)"),
        ("raise SystemExit", 1, "SystemExit at line 1: the script ended itself with 0"),
        ("raise SystemExit('why')", 1, "SystemExit at line 1: the script ended itself with why"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt at line 1: no explanation"),
        ("raise MemoryError", 1, "MemoryError at line 1: out of memory (scripts may take 64 MiB)"),
        ("import json\njson.loads('{')", 2, "JSONDecodeError at line 2: Expecting property name"),
        ("raise ExceptionGroup('g', [ValueError(1)])", 1, "ExceptionGroup at line 1: g"),
    ],
)
def test_message_has_name_line_and_text(source: str, line: int, message: str) -> None:
    error = failed(source)
    assert error.message.startswith(message)
    assert error.line == line
    assert error.error_name == message.partition(" ")[0]


def test_class_whose_text_fails_is_told_all_the_same() -> None:
    error = failed("class E(Exception):\n    def __str__(self):\n        1/0\nraise E")
    assert error.message == "E at line 4: its text can't be had"


def test_traceback_has_the_scripts_frames_only() -> None:
    error = failed("import json\n\ndef f():\n    json.loads('{')\n\nf()")
    assert error.trace is not None
    lines = [line for line in error.trace.splitlines() if line.startswith("  File")]
    assert lines == [f'  File "{SCRIPT}", line 6, in <module>', f'  File "{SCRIPT}", line 4, in f']
    assert error.trace.splitlines()[-1].startswith("JSONDecodeError: ")


def test_line_is_found_in_what_faulthandler_writes() -> None:
    with tempfile.TemporaryFile() as file:
        names: dict[str, Any] = {"dump": lambda: faulthandler.dump_traceback(file)}
        exec(compile("def f():\n    dump()\n\n\nf()", SCRIPT, "exec"), names)
        file.seek(0)
        assert line_in_dump(file.read()) == 2
    assert line_in_dump(b'  File "other.py", line 3 in f\n') is None
    # What a script has written itself is no line of any script.
    assert line_in_dump(b'  File "<script>", line ' + b"9" * 60_000 + b" in f\n") is None
