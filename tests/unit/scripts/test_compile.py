"""Restricted scripts: ordinary Python runs as ever, what leads out of a script does not."""

# ruff: noqa: E501  # scripts stand in the table as somebody would type them

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import pytest

from nestd.scripts.modules import DEFAULT_MODULES, parse_modules
from nestd.scripts.sandbox.compile import compile_script, restricted_namespace
from protocol.errors import ConfigurationError
from tests.unit.scripts.stand_in import Nest

LOADED = {"numpy": np, "numpy.linalg": np.linalg, "math": math}


def run(source: str, modules: str = f"{DEFAULT_MODULES}; import math") -> dict[str, Any]:
    """Run ``source``; return its namespace."""
    namespace = restricted_namespace(parse_modules(modules), {**LOADED, "nest": Nest()})
    exec(compile_script(textwrap.dedent(source)), namespace)
    return namespace


#: What a script does: the value that its variable ``x`` has afterwards, and the source.
ORDINARY: dict[str, tuple[Any, str]] = {
    # Names and assignments
    "augmented name": (3, "x = 1\nx += 2"),
    "every augmented operator": (
        [7, 3, 10, 2.5, 2, 25, 1, 8, 2, 7, 1, 6],
        """
        def do(a, b):
            r = []
            v = a; v += b; r.append(v)
            v = a; v -= b; r.append(v)
            v = a; v *= b; r.append(v)
            v = a; v /= b; r.append(v)
            v = a; v //= b; r.append(v)
            v = a; v **= b; r.append(v)
            v = a; v %= b; r.append(v)
            return r
        x = do(5, 2)
        v = 2; v <<= 2; x.append(v)
        v = 8; v >>= 2; x.append(v)
        v = 5; v |= 2; x.append(v)
        v = 5; v &= 3; x.append(v)
        v = 5; v ^= 3; x.append(v)
        """,
    ),
    "augmented attribute": (5, "class A:\n    n = 2\na = A()\na.n += 3\nx = a.n"),
    "augmented attribute of a class": (
        2,
        """
        class A:
            made = 0
            def __init__(self):
                type(self).made += 1
        A(); A()
        x = A.made
        """,
    ),
    "augmented item": ({"k": 3}, "x = {'k': 1}\nx['k'] += 2"),
    "augmented slice": ([1, 2, 3, 4], "x = [1, 2]\nx[2:] += [3, 4]"),
    "augmented item of an attribute": (
        [2],
        "class A:\n    pass\na = A()\na.l = [1]\na.l[0] += 1\nx = a.l",
    ),
    "augmented target and index are evaluated once": (
        (["target", "index", "value", "target", "value"], [0, 6], 7),
        """
        log = []
        class A:
            n = 2
        a, l = A(), [0, 1]
        def note(what, value):
            log.append(what)
            return value
        note('target', l)[note('index', 1)] += note('value', 5)
        note('target', a).n += note('value', 5)
        x = log, l, a.n
        """,
    ),
    "augmented attribute is read before its value is computed": (
        11,
        """
        class A:
            n = 1
        a = A()
        def change():
            a.n = 100
            return 10
        a.n += change()
        x = a.n
        """,
    ),
    "augmented matrix product": ([[7.0]], "a = np.array([[7.0]])\na @= np.eye(1)\nx = a.tolist()"),
    "unpacking": ((1, 2, 3), "a, (b, c) = 1, [2, 3]\nx = a, b, c"),
    "starred assignment": ((1, [2, 3], 4), "a, *b, c = 1, 2, 3, 4\nx = a, b, c"),
    "starred in a list": ([1, 2, 3], "x = [*[1, 2], *(3,)]"),
    "unpacking into attributes and items": (
        (1, [2], {"k": 3}),
        """
        class A: pass
        a, l, d = A(), [0], {}
        a.n, l[0], d['k'] = 1, 2, 3
        x = a.n, l, d
        """,
    ),
    "chained assignment": ((1, 1), "a = b = 1\nx = a, b"),
    "annotated assignment": (5, "n: int = 5\nx = n"),
    "annotation with attribute": (1, "def f(a: np.ndarray) -> 'str': return 1\nx = f(2)"),
    "annotation without value": (2, "n: int\nx = 2"),
    "annotated attribute": (3, "class A: pass\na = A()\na.n: float = 3\nx = a.n"),
    "annotations from the future": (
        4,
        "from __future__ import annotations\ndef f(a: Later) -> Later: return a\nx = f(4)",
    ),
    "walrus": ([4, 5], "x = [y for i in range(2) if (y := i + 4)]"),
    "walrus in a condition": (3, "if (n := len('abc')) > 2:\n    x = n"),
    "del": (False, "d = {'a': 1}\ndel d['a']\nx = 'a' in d"),
    "del of several": ([3], "x = [1, 2, 3]\nb = 1\ndel x[0], x[0], b"),
    "del of an attribute": (False, "class A: pass\na = A()\na.n = 1\ndel a.n\nx = hasattr(a, 'n')"),
    "line that begins like an import": (5.0, "from_rate = 5.\nimportant = 3\nx = from_rate"),
    "underscore": (3, "x = 0\nfor _ in range(3):\n    x += 1"),
    "private names": (3, "_a, __b = 1, 2\ndef _f(_n): return _n\nx = _f(_a) + __b"),
    "names of guards are the script's": (
        6,
        "_getattr_, _write_, _getiter_ = 1, 2, 3\nx = _getattr_ + _write_ + _getiter_",
    ),
    "name": (True, "x = False\nif __name__ == '__main__':\n    x = True"),
    "docstring": ("about", "'about'\nx = __doc__"),
    # Control flow
    "while else": ("done", "n = 3\nwhile n:\n    n -= 1\nelse:\n    x = 'done'"),
    "for else with break": (
        "broken",
        "x = 'broken'\nfor i in [1]:\n    break\nelse:\n    x = 'no'",
    ),
    "continue": ([0, 2], "x = []\nfor i in range(3):\n    if i == 1: continue\n    x.append(i)"),
    "for with unpacking": (
        [(0, 1, 2)],
        "x = []\nfor i, (a, b) in enumerate([(1, 2)]):\n    x.append((i, a, b))",
    ),
    "for into an item": ({"k": 2}, "x = {}\nfor x['k'] in range(3): pass"),
    "ternary": ("a", "x = 'a' if 1 < 2 < 3 else 'b'"),
    "boolean operators": (7, "x = 0 or None or 7 and 7"),
    "try": (
        ["division by zero", "else", "finally"],
        """
        x = []
        try:
            1 / 0
        except (ZeroDivisionError, KeyError) as e:
            x.append(str(e))
        try:
            pass
        except Exception:
            x.append('never')
        else:
            x.append('else')
        finally:
            x.append('finally')
        """,
    ),
    "raise from": (
        "wrong",
        """
        class MyError(ValueError):
            pass
        try:
            try:
                {}['k']
            except KeyError as e:
                raise MyError('wrong') from e
        except ValueError as e:
            x = e.args[0]
        """,
    ),
    "reraise": (
        1,
        "try:\n    try:\n        1/0\n    except ZeroDivisionError:\n        raise\n"
        "except ArithmeticError:\n    x = 1",
    ),
    "assert": (
        "because",
        "try:\n    assert 1 > 2, 'because'\nexcept AssertionError as e:\n    x = str(e)",
    ),
    "with": (
        ["in", "body", ("ValueError", "v"), "after"],
        """
        x = []
        class Guard:
            def __enter__(self):
                x.append('in')
                return 1, (2, 3)
            def __exit__(self, kind, error, trace):
                x.append((kind.__name__, str(error)))
                return True
        with Guard() as (a, (b, c)):
            x.append('body')
            raise ValueError('v')
        x.append('after')
        """,
    ),
    "several with": (
        [1, 2],
        """
        class G:
            def __init__(self, n): self.n = n
            def __enter__(self): return self.n
            def __exit__(self, *args): return None
        with G(1) as a, G(2) as b:
            x = [a, b]
        """,
    ),
    "errstate": (
        True,
        "with np.errstate(divide='ignore'):\n    x = bool(np.isinf(np.array([1.0]) / 0)[0])",
    ),
    "match of values": (
        ["one", "negative", "text", "none", "other"],
        """
        def f(v):
            match v:
                case 1: return 'one'
                case -1 | -2: return 'negative'
                case 'a' | 'b': return 'text'
                case None: return 'none'
                case _: return 'other'
        x = [f(1), f(-2), f('b'), f(None), f(3.5)]
        """,
    ),
    "match of structures": (
        [("pair", 1, 2), ("many", 1, [2, 3]), ("node", "n", {"rate": 5}), ("big", 10)],
        """
        def f(v):
            match v:
                case [a, b]: return 'pair', a, b
                case [a, *rest]: return 'many', a, rest
                case {'kind': 'node', 'name': str(n), **rest}: return 'node', n, rest
                case int() as n if n > 5: return 'big', n
        x = [f([1, 2]), f((1, 2, 3)), f({'kind': 'node', 'name': 'n', 'rate': 5}), f(10)]
        """,
    ),
    "match of names with dots": (
        ["pi", "red", "array", "none"],
        """
        class Colour:
            RED = 'r'
        def f(v):
            match v:
                case math.pi: return 'pi'
                case Colour.RED: return 'red'
                case np.ndarray(): return 'array'
                case _: return 'none'
        x = [f(math.pi), f('r'), f(np.zeros(1)), f(0)]
        """,
    ),
    "match of own classes": (
        [(1, 2), 5, None],
        """
        class Point:
            __match_args__ = ('a', 'b')
            def __init__(self, a, b):
                self.a, self.b = a, b
        def f(v):
            match v:
                case Point(a=5): return 5
                case Point(a, b): return a, b
        x = [f(Point(1, 2)), f(Point(5, 0)), f(3)]
        """,
    ),
    "match in match": (
        "inner",
        """
        class A:
            K = 1
        match 1:
            case A.K:
                match 2:
                    case A.K: x = 'no'
                    case math.pi: x = 'no'
                    case _: x = 'inner'
        """,
    ),
    # Comprehensions and generators
    "list comprehension": ([0, 4], "x = [a * 2 for a in range(3) if a != 1]"),
    "nested comprehension": ([1, 2, 3], "x = [b for a in [[1], [2, 3]] for b in a]"),
    "comprehension with unpacking": ({1: 2}, "x = {k: v for k, v in zip([1], [2])}"),
    "set comprehension": ({1, 2}, "x = {a for a in (1, 2, 2)}"),
    "generator expression": (6, "x = sum(a for a in range(4))"),
    "comprehension over attributes": ([1], "class A:\n    n = 1\nx = [a.n for a in [A()]]"),
    "generator": (
        [0, 1, "end"],
        """
        def g(n):
            for i in range(n):
                yield i
            return 'end'
        def h():
            r = yield from g(2)
            yield r
        x = list(h())
        """,
    ),
    "send": (
        [None, 10],
        """
        got = []
        def g():
            while True:
                got.append((yield))
        c = g()
        next(c); c.send(None); c.send(10); c.close()
        x = got
        """,
    ),
    # Functions
    "starred call": (
        (1, 2, 3, 4),
        "def f(*a, **k): return (*a, *k.values())\nx = f(*[1, 2], **{'c': 3}, d=4)",
    ),
    "all kinds of parameters": (
        (1, 2, 3, 4),
        "def f(a, /, b, *, c=3, d): return a, b, c, d\nx = f(1, b=2, d=4)",
    ),
    "defaults": ([1, 2], "def f(a, l=[1]):\n    l.append(a)\n    return l\nx = f(2)"),
    "lambda": ([3, 1], "x = sorted([1, 3], key=lambda a: -a)"),
    "closure": (3, "def f():\n    n = 1\n    def g(m): return n + m\n    return g\nx = f()(2)"),
    "nonlocal": (
        2,
        "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    g(); g()\n    return n\nx = f()",
    ),
    "global": (5, "x = 1\ndef f():\n    global x\n    x += 4\nf()"),
    "recursion": (120, "def f(n): return 1 if n < 2 else n * f(n - 1)\nx = f(5)"),
    "decorator": (
        4,
        "def twice(f):\n    def g(*a): return 2 * f(*a)\n    return g\n@twice\ndef f(n): return n\nx = f(2)",
    ),
    "import in a function": (2.0, "def f():\n    import math\n    return math.sqrt(4)\nx = f()"),
    # Classes
    "class": (
        "A(5)",
        """
        class A:
            '''About.'''
            unit = 'mV'
            def __init__(self, n=0):
                self.n = n
            def __repr__(self):
                return f'{type(self).__name__}({self.n})'
        x = repr(A(5))
        """,
    ),
    "special methods": (
        [3, 2, True, [1, 2], 2, "called", 2, 5, False, True],
        """
        class V:
            def __init__(self, *v): self.v = list(v)
            def __add__(self, o): return V(*[a + b for a, b in zip(self.v, o.v)])
            __radd__ = __add__
            def __len__(self): return len(self.v)
            def __contains__(self, k): return k in self.v
            def __iter__(self): return iter(self.v)
            def __getitem__(self, i): return self.v[i]
            def __setitem__(self, i, value): self.v[i] = value
            def __delitem__(self, i): del self.v[i]
            def __call__(self): return 'called'
            def __eq__(self, o): return self.v == o.v
            def __lt__(self, o): return self.v < o.v
            def __hash__(self): return 1
            def __bool__(self): return False
            def __index__(self): return 2
        v = V(1, 2)
        x = [sum((v + v).v) // 2, len(v), 2 in v, list(v), v[1], v()]
        x.append(range(3)[v])
        v[0] = 5
        x.append(v[0])
        x.append(bool(v))
        x.append(V(1) < V(2) and V(1) == V(1))
        """,
    ),
    "inheritance": (
        ["base 1", "own 1 base 1", True, True],
        """
        class Base:
            def __init__(self, n): self.n = n
            def say(self): return f'base {self.n}'
        class Own(Base):
            def __init__(self, n):
                super().__init__(n)
            def say(self):
                return f'own {self.n} ' + super().say()
        class Old(Base):
            def __init__(self, n):
                Base.__init__(self, n)
        x = [Old(1).say(), Own(1).say(), isinstance(Own(1), Base), issubclass(Own, Base)]
        """,
    ),
    "property": (
        [2, 10],
        """
        class A:
            def __init__(self): self._n = 1
            @property
            def n(self): return self._n * 2
            @n.setter
            def n(self, value): self._n = value
        a = A()
        x = [a.n]
        a.n = 5
        x.append(a.n)
        """,
    ),
    "class and static methods": (
        ["A", 3],
        """
        class A:
            @classmethod
            def name(cls): return cls.__name__
            @staticmethod
            def three(): return 3
        x = [A.name(), A().three()]
        """,
    ),
    "private attributes": (
        (1, 2, 3),
        """
        class A:
            _shared = 1
            def __init__(self):
                self._n = 2
                self.__hidden = 2
                self.__hidden += 1
            def __get(self): return self.__hidden
            def all(self): return self._shared, self._n, self.__get()
        x = A().all()
        """,
    ),
    "slots": (1, "class A:\n    __slots__ = ('n',)\na = A()\na.n = 1\nx = a.n"),
    "class in a function": (7, "def f():\n    class A:\n        n = 7\n    return A\nx = f()().n"),
    "class with class decorator": (
        9,
        "def mark(c):\n    c.n = 9\n    return c\n@mark\nclass A: pass\nx = A.n",
    ),
    "derived from list": (
        3,
        "class L(list):\n    def total(self): return sum(self)\nx = L([1, 2]).total()",
    ),
    "derived from dict": (
        "no",
        "class D(dict):\n    def __missing__(self, k): return 'no'\nx = D()['k']",
    ),
    "derived from ndarray": (
        3.0,
        "class A(np.ndarray):\n    def total(self): return float(self.sum())\nx = np.array([1.0, 2.0]).view(A).total()",
    ),
    "own exception": (
        "E: 3",
        """
        class E(Exception):
            def __init__(self, n):
                super().__init__(n)
                self.n = n
            def __str__(self): return f'{self.n}'
        try:
            raise E(3)
        except E as e:
            x = f'{type(e).__name__}: {e}'
        """,
    ),
    "iterator": (
        [1, 2],
        """
        class I:
            def __init__(self): self.n = 0
            def __iter__(self): return self
            def __next__(self):
                self.n += 1
                if self.n > 2: raise StopIteration
                return self.n
        x = list(I())
        """,
    ),
    "setattr and getattr": (
        (1, None, True, False),
        """
        class A: pass
        a = A()
        setattr(a, 'n', 1)
        x = getattr(a, 'n'), getattr(a, 'm', None), hasattr(a, 'n'), hasattr(a, 'm')
        """,
    ),
    "delattr": (
        False,
        "class A: n = 1\na = A()\na.n = 2\ndelattr(a, 'n')\ndelattr(A, 'n')\nx = hasattr(a, 'n')",
    ),
    # Built-in functions
    "type": (
        [True, True, False],
        "x = [type(1) is int, isinstance(int, type), isinstance(1, type)]",
    ),
    "type of an array": (
        [True, True],
        "a = np.zeros(1)\nx = [type(a) is np.ndarray, isinstance(a, np.ndarray)]",
    ),
    "functions over iterables": (
        [6, 1, 3, True, False, [3, 2, 1], [(0, "a")], [2, 4], [2]],
        "l = [1, 2, 3]\nx = [sum(l), min(l), max(l), all(l), any([]), list(reversed(l)), list(enumerate('a')),"
        " list(map(lambda a: 2 * a, l))[:2], list(filter(lambda a: a == 2, l))]",
    ),
    "containers": (
        [{"a": 1}, {1}, frozenset([1]), [1], (1,), b"ab", bytearray(b"a")],
        "x = [dict(a=1), set([1]), frozenset([1]), list((1,)), tuple([1]), bytes([97, 98]), bytearray(b'a')]",
    ),
    "numbers": (
        [1, 2.5, 1j, True, (2, 1), 8, 3, 2, 1, "0b1", "0o7", "0xf", "a", 97],
        "x = [int('1'), float('2.5'), complex(0, 1), bool(1), divmod(5, 2), pow(2, 3), abs(-3), round(2.4),"
        " hash(1), bin(1), oct(7), hex(15), chr(97), ord('a')]",
    ),
    "other functions": (
        ["'a'", "5", 3, True, [0, 2], [2, 3], "  5"],
        "x = [repr('a'), str(5), len('abc'), callable(len), [0, 1, 2][slice(0, 3, 2)],"
        " list(iter([1, 2, 3, 4].pop, 1))[::-1][-2:][::-1][::-1], format(5, '3')]\nx[5] = [2, 3]",
    ),
    "next with default": ("end", "x = next(iter([]), 'end')"),
    "sorted with key and reverse": (
        [3, 2, 1],
        "x = sorted([1, 3, 2], key=lambda a: a, reverse=True)",
    ),
    "zip and star": ([(1, 3), (2, 4)], "x = list(zip(*[(1, 2), (3, 4)]))"),
    "every exception": (
        True,
        "x = all(issubclass(e, BaseException) for e in [ValueError, KeyError, OSError, StopIteration,"
        " RuntimeError, NotImplementedError, MemoryError, RecursionError, Warning, SystemExit,"
        " KeyboardInterrupt, UnicodeDecodeError, TimeoutError, ModuleNotFoundError, EOFError])",
    ),
    # Text
    "f-string": ("n=  2.50 'a' {}", "n = 2.5\nx = f\"n={n:{6}.2f} {'a'!r} {{}}\""),
    "f-string with attributes and items": (
        "1 2",
        "class A: n = 1\nd = {'k': 2}\nx = f\"{A.n} {d['k']}\"",
    ),
    "f-string with equals": ("n=2", "n = 2\nx = f'{n=}'"),
    "percent": ("a 1 2.50", "x = '%s %d %.2f' % ('a', 1, 2.5)"),
    "percent with names": ("1", "x = '%(k)s' % {'k': 1}"),
    "format": (
        "1 b 2 'c' 1,000  x",
        "x = '{} {1[0]} {n} {2!r} {3:,} {4:>2}'.replace('{}', '{0}').format(1, ['b'], 'c', 1000, 'x', n=2)",
    ),
    "format numbered by itself": ("1 2", "x = '{} {}'.format(1, 2)"),
    "format with attribute": ("5", "class A: n = 5\nx = '{0.n}'.format(A())"),
    "format nested": ("  1", "x = '{:{w}}'.format(1, w=3)"),
    "format of another type": ("2.50", "x = '{:.2f}'.format(np.float64(2.5))"),
    "format mapped": (["<1>", "<2>"], "x = list(map('<{}>'.format, [1, 2]))"),
    "format of the class": (["<1>"], "x = list(map(str.format, ['<{}>'], [1]))"),
    "format_map": ("1", "x = '{a}'.format_map({'a': 1})"),
    "format with keywords from a dict": ("1 2", "x = '{a} {b}'.format(**{'a': 1, 'b': 2})"),
    "methods of text": (
        ["A B", ["a", "b"], "a-b", "bb", 1, True, "007", "a"],
        "s = 'a b'\nx = [s.upper(), s.split(), '-'.join(s.split()), 'ab'.replace('a', 'b'), s.find(' '),"
        " s.startswith('a'), '7'.zfill(3), ' a '.strip()]",
    ),
    "indexing text": ("ba", "s = 'abc'\nx = s[1] + s[-3]"),
    "slices": ([[1, 2], [3], [3, 2, 1]], "l = [1, 2, 3]\nx = [l[:2], l[2:], l[::-1]]"),
    "bytes": ("ä", "x = 'ä'.encode().decode('utf-8')"),
    # NumPy
    "array": ([2.0, 4.0], "a = np.array([1.0, 2.0])\na *= 2\nx = a.tolist()"),
    "array items": (
        [[9, 2], [3, 7]],
        "a = np.array([[1, 2], [3, 4]])\na[0, 0] = 9\na[1, 1] += 3\nx = a.tolist()",
    ),
    "array slices": ([0, 5, 5], "a = np.zeros(3, int)\na[1:] = 5\nx = a.tolist()"),
    "array masks": ([0, 1, 0], "a = np.array([5, 1, 6])\na[a > 2] = 0\nx = a.tolist()"),
    "array attributes": (
        ((2, 3), 6, 2, "float64", [3, 2]),
        "a = np.zeros((2, 3))\nx = a.shape, a.size, a.ndim, str(a.dtype), list(a.T.shape)",
    ),
    "array shape set": ((3, 2), "a = np.zeros(6)\na.shape = (3, 2)\nx = a.shape"),
    "array methods": (
        [3.0, 1.5, 2],
        "a = np.array([1.0, 2.0])\nx = [a.sum(), a.mean(), int(a.argmax()) + 1]",
    ),
    "array made read-only": (
        "ValueError",
        "a = np.zeros(1)\na.flags.writeable = False\ntry:\n    a[0] = 1\nexcept ValueError as e:\n    x = type(e).__name__",
    ),
    "array resized": (4, "x = len(np.resize(np.zeros(2), 4))"),
    "new ndarray": ((2, 2), "x = np.ndarray((2, 2), dtype=float).shape"),
    "array over bytes": ([1, 2], "x = np.frombuffer(b'\\x01\\x02', np.uint8).tolist()"),
    "array of objects": (["a", None], "x = np.array(['a', None], dtype=object).tolist()"),
    "structured array": (
        [1.5],
        "a = np.array([(1, 1.5)], dtype=[('n', 'i4'), ('v', 'f8')])\nx = a['v'].tolist()",
    ),
    "numpy submodules": (
        [True, 1.0, 5.0, 2],
        "r = np.random.default_rng(1)\nx = [0 <= r.uniform() < 1, float(np.linalg.det(np.eye(2))), float(abs(np.fft.fft([5.0])[0])),"
        " len(np.random.normal(size=2))]",
    ),
    "numpy generators": (
        True,
        "x = np.random.default_rng(3).integers(9) == np.random.default_rng(3).integers(9)",
    ),
    "masked array": (
        [1.0, None],
        "x = np.ma.masked_array([1.0, 2.0], mask=[False, True]).tolist()",
    ),
    "masked array's data": ([1.0], "x = np.ma.masked_array([1.0]).data.tolist()"),
    "polynomial": ([6.0], "x = [float(np.polynomial.Polynomial([1, 2])(2.5))]"),
    "indexing helpers": (([1, 2], [0, 1]), "x = np.r_[1, 2].tolist(), np.mgrid[0:2].tolist()"),
    "ufunc methods": ([1, 3], "x = np.add.accumulate([1, 2]).tolist()"),
    "vectorize": ([2, 3], "x = np.vectorize(lambda a: a + 1)([1, 2]).tolist()"),
    "numpy functions over scripts' functions": (
        [1.0, 5.0],
        "x = np.apply_along_axis(lambda a: a.sum(), 1, np.array([[1.0], [5.0]])).tolist()",
    ),
    "newaxis, pi, inf": (
        (1, True, True),
        "x = np.zeros(1)[:, np.newaxis].shape[1], np.pi > 3, np.inf > 1",
    ),
    "printed array": ("[1. 2.]", "x = str(np.array([1.0, 2.0]))"),
    # Imports
    "import": (3.0, "import math\nx = math.floor(3.5) * 1.0"),
    "import as": (2.0, "import numpy as other\nx = float(other.sqrt(4))"),
    "import several": (True, "import math, numpy as n\nx = n.pi == math.pi"),
    "from import": (2.0, "from math import sqrt, pi as circle\nx = sqrt(4)"),
    "import of a submodule": (1.0, "import numpy.linalg\nx = float(numpy.linalg.norm([1.0]))"),
    "import of a submodule as": (1.0, "import numpy.linalg as la\nx = float(la.norm([1.0]))"),
    "from import of a submodule": (1.0, "from numpy import linalg\nx = float(linalg.norm([1.0]))"),
    "from submodule import": (1.0, "from numpy.linalg import norm\nx = float(norm([1.0]))"),
    "from nest.random import": (0.5, "from nest.random import uniform\nx = uniform()"),
    "failing import": ("no", "try:\n    import scipy\nexcept ImportError:\n    x = 'no'"),
    "same module": (True, "import numpy\nx = numpy is np and numpy.random is np.random"),
    "versions": (["3.10.0", True], "x = [nest.__version__, isinstance(np.__version__, str)]"),
    # NEST
    "create": (3, "x = len(nest.Create('iaf_psc_alpha', 3))"),
    "node attribute": (-70.0, "x = nest.Create('m').V_m"),
    "node attribute set": (-60.0, "n = nest.Create('m')\nn.V_m = -60.\nx = n.V_m"),
    "node attribute augmented": (-65.0, "n = nest.Create('m')\nn.V_m += 5\nx = n.V_m"),
    "node method": (-55.0, "n = nest.Create('m')\nn.set(V_m=-55.)\nx = n.V_m"),
    "kernel attribute": (0.1, "x = nest.resolution"),
    "kernel attribute set": (0.2, "nest.resolution = 0.2\nx = nest.resolution"),
    "kernel attribute augmented": (0.2, "nest.resolution *= 2\nx = nest.resolution"),
    "kernel attributes by set": (4, "nest.set(local_num_threads=4)\nx = nest.local_num_threads"),
    "kernel attribute by setattr": (0.5, "setattr(nest, 'resolution', 0.5)\nx = nest.resolution"),
    "nest submodule": (1.0, "x = nest.random.uniform(0, 2)"),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_python_runs(name: str) -> None:
    expected, source = ORDINARY[name]
    assert run(source)["x"] == expected


#: What is refused: an exception, a part of its text, and the source. Attempts to get out, with
#: what they achieve without the sandbox, are in tests/integration/escapes.py.
REFUSED: dict[str, tuple[type[BaseException], str, str]] = {
    "private attribute of a module": (AttributeError, "_core of module 'numpy'", "np._core"),
    "private attribute of nest": (AttributeError, "_transport", "nest._transport"),
    "private attribute of an object of nest": (AttributeError, "_count", "nest.Create('m')._count"),
    "private attribute of an object of nest set": (
        AttributeError,
        "_count",
        "nest.Create('m')._count = 5",
    ),
    "private attribute of a class derived from one of nest": (
        AttributeError,
        "_values",
        "class N(nest.Nodes): pass\nN(1)._values",
    ),
    "special method of an object": (AttributeError, "__add__", "(5).__add__(1)"),
    "dict of an own object": (SyntaxError, "__dict__", "class A: pass\nA().__dict__"),
    "special name in a call": (SyntaxError, "__a__", "dict(__a__=1)"),
    "special method by assignment": (SyntaxError, "__new__", "class A:\n    __new__ = int"),
    "special function outside of a class": (SyntaxError, "__init__", "def __init__(self): pass"),
    "slot with a special name": (
        TypeError,
        "__slots__",
        "class A:\n    __slots__ = ('__array_interface__',)",
    ),
    "name that is no plain text": (
        TypeError,
        "plain text",
        "class S(str):\n    def startswith(self, *a): return False\ngetattr((), S('__class__'))",
    ),
    "attribute of a function set": (AttributeError, "function", "def f(): pass\nf.n = 1"),
    "attribute of a class of NumPy set": (AttributeError, "ndarray", "np.ndarray.foo = 1"),
    "attribute of a module set": (AttributeError, "numpy.pi can't be changed", "np.pi = 3"),
    "function of nest set": (AttributeError, "nest.Create can't be changed", "nest.Create = print"),
    "attribute of an array set": (AttributeError, "dtype", "a = np.zeros(1)\na.dtype = object"),
    "attribute of an own array set": (
        AttributeError,
        "strides",
        "class A(np.ndarray): pass\na = np.zeros(4).view(A)\na.strides = (1,)",
    ),
    "items of a module set": (TypeError, "items", "np['pi'] = 3"),
    "items of text set": (TypeError, "items", "s = 'abc'\ns[0] = 'b'"),
    "type of a function": (TypeError, "function", "type(lambda: 0)"),
    "type of a module": (TypeError, "ModuleProxy", "type(np)"),
    "print to a file": (TypeError, "file", "print(1, file=None)"),
    "module that is not allowed": (
        ModuleNotFoundError,
        "those that can be imported: math, nest, numpy",
        "import scipy",
    ),
    "hidden function": (
        AttributeError,
        "numpy.load is not available to scripts: it reads or writes files",
        "np.load('x')",
    ),
    "star import": (SyntaxError, "import *", "from numpy import *"),
    "relative import": (SyntaxError, "package", "from . import a"),
    "async": (SyntaxError, "async", "async def f(): pass"),
    "asynchronous comprehension": (
        SyntaxError,
        "async",
        "async def f(): return [a async for a in b]",
    ),
    "undefined name": (NameError, "nothing", "nothing"),
    "pattern that reads attributes of others": (
        TypeError,
        "own classes",
        "match 1j:\n    case complex(real=r): pass",
    ),
    "Python's own error": (SyntaxError, "'return' outside function", "return 1"),
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
