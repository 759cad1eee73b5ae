"""Restricted scripts: ordinary Python runs as ever, what leads out of a script does not."""

from __future__ import annotations

import builtins
import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nestd.scripts.modules import DEFAULT_MODULES, parse_modules
from nestd.scripts.sandbox.compile import compile_script, restricted_namespace
from protocol.errors import ConfigurationError
from tests.sections import read_sections
from tests.unit.scripts.stand_in import Nest

LOADED = {"numpy": np, "numpy.linalg": np.linalg, "math": math}


def run(source: str, modules: str = f"{DEFAULT_MODULES}; import math") -> dict[str, Any]:
    """Run ``source``; return its namespace."""
    namespace = restricted_namespace(parse_modules(modules), {**LOADED, "nest": Nest()})
    exec(compile_script(textwrap.dedent(source)), namespace)
    return namespace


def read_ordinary() -> dict[str, tuple[Any, str]]:
    """Read the expected value of ``x`` and the source of each ordinary script."""
    parts = {
        name: text.rpartition("#> ")
        for name, text in read_sections(Path(__file__).with_name("ordinary.txt"))
    }
    return {name: (eval(value), source) for name, (source, _, value) in parts.items()}


ORDINARY = read_ordinary()


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_python_runs(name: str) -> None:
    expected, source = ORDINARY[name]
    assert run(source)["x"] == expected


def read_refused() -> dict[str, tuple[type[BaseException], str, str]]:
    """Read the error, a part of its text, and the source of each script that is refused."""
    cases = {}
    for name, text in read_sections(Path(__file__).with_name("refused.txt")):
        refusal, _, source = text.partition("\n")
        kind, _, words = refusal.removeprefix("#! ").partition(": ")
        cases[name] = (getattr(builtins, kind), words, source)
    return cases


#: Attempts to get out, with what they achieve without the sandbox, are in
#: tests/integration/escapes.txt.
REFUSED = read_refused() | {
    "zero bytes": (SyntaxError, "null byte", "x = 1\0"),
    "nesting": (SyntaxError, "", "x = " + "(" * 500 + ")" * 500),
    "nesting of operators": (SyntaxError, "nested too deeply", "x = " + "-" * 50_000 + "1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_leads_out_is_refused_with_a_reason(name: str) -> None:
    kind, text, source = REFUSED[name]
    with pytest.raises(kind) as raised:
        run(source)
    message = raised.value.msg if isinstance(raised.value, SyntaxError) else str(raised.value)
    assert text in message
    assert "\n" not in message


def test_group_of_exceptions_is_refused_where_python_has_it_not_yet() -> None:
    for name in ("ExceptionGroup", "BaseExceptionGroup"):
        assert name not in run("")["__builtins__"]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\ny = x +\n", 2),
        ("x = 1\n\n().__class__", 3),
        ("def f():\n    pass\n\nclass A:\n    def __new__(cls): pass", 5),
        ("().__class__\nasync def f(): pass", 1),
        ("'''a\nb'''\nfrom numpy import *", 3),
        ("import nest\n\nreturn", 3),
    ],
)
def test_refusal_names_the_line_of_the_posted_source(source: str, line: int) -> None:
    with pytest.raises(SyntaxError) as raised:
        compile_script(source)
    assert (raised.value.lineno, raised.value.filename) == (line, "<script>")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\n1 / 0", 2),
        ("import nest\n\n\nnp.load", 4),
        ("def f():\n    return {}['k']\n\nf()", 2),
        ("class A: pass\na = A()\na.n += 1", 3),
        ("x = [1,\n     2,\n     np.nothing]", 3),
        ("match 1:\n    case 2: pass\n    case math.nothing: pass", 3),
        ("from __future__ import annotations\nimport math, scipy", 2),
        ("'docstring'\nfrom nest import nothing", 2),
    ],
)
def test_error_is_at_its_line_of_the_posted_source(source: str, line: int) -> None:
    with pytest.raises(Exception) as raised:
        run(source)
    trace, lines = raised.value.__traceback__, []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<script>":
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    assert lines[-1] == line


def test_print_writes_to_where_standard_output_is_then(capsys: pytest.CaptureFixture[str]) -> None:
    run("def f(): print('in', 'f', sep='-', end='!')\nprint(1)\nf()")
    assert capsys.readouterr().out == "1\nin-f!"


def test_warnings_of_the_compiler_stay_out() -> None:
    compile_script("x = '\\d'\nx is 'a'")


def test_scripts_do_not_share_what_they_define() -> None:
    first = run("class A: pass\na = A()")
    namespace = restricted_namespace(parse_modules("numpy"), LOADED)
    with pytest.raises(AttributeError, match="can't set"):
        exec(compile_script("a.n = 1"), namespace | {"a": first["a"]})


@pytest.mark.parametrize(
    ("modules", "source", "expected"),
    [
        ("import numpy.linalg", "x = float(numpy.linalg.norm([2.0]))", 2.0),
        ("numpy.linalg", "import numpy.linalg as l\nx = float(l.norm([2.0]))", 2.0),
        ("numpy.linalg", "x = hasattr(numpy, 'zeros')", False),
        ("import numpy.linalg as la", "x = float(la.norm([2.0]))", 2.0),
        ("from math import sqrt as root", "x = root(4)", 2.0),
        ("from math import sqrt", "import math\nx = math.sqrt(4)", 2.0),
        ("from numpy import linalg", "x = float(linalg.norm([2.0]))", 2.0),
        ("math", "x = __name__", "__main__"),
    ],
)
def test_entries_bind_names_and_allow_imports(modules: str, source: str, expected: object) -> None:
    assert run(source, modules)["x"] == expected


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ("os", "os can't be given to restricted scripts"),
        ("numpy, subprocess, os.path", "subprocess can't be given.*; os.path can't be given"),
        ("from numpy import load", "numpy.load is not available to scripts"),
        ("scipy", "scipy is not loaded"),
    ],
)
def test_entries_that_scripts_cannot_have_are_named(modules: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        restricted_namespace(parse_modules(modules), LOADED)
