"""Attempts to get out of a restricted script, each with an effect that can be seen from outside.

Sources have gaps that a test fills: ``{marker}`` is the path of a file that must not come to be,
``{secret_file}`` that of one whose content must not come out, ``{secret_variable}`` the name of a
variable of the server's environment whose value must not, ``{port}`` that of a socket nobody must
connect to. Where the way out is memory, the script itself looks whether it got there, and prints
:data:`REACHED`. What an attempt learns it puts into ``result``, which the test asks for.

Without the sandbox, an attempt that is ``plain`` takes effect; a test shows that, so that none is
harmless by mistake.
"""

# ruff: noqa: E501, RUF001  # attempts stand in the table as somebody would type them

from __future__ import annotations

from dataclasses import dataclass

#: Printed by attempts that got at memory. They write it in two parts, as errors quote sources.
REACHED = "REACHED"


@dataclass(frozen=True)
class Escape:
    """Attempt to get out of a script."""

    name: str
    source: str
    #: Whether the attempt takes effect in plain Python.
    plain: bool = True
    #: Whether the attempt needs system calls, so that their filter alone has to refuse it.
    system: bool = False

    def filled(self, marker: str, secret_file: str, secret_variable: str, port: int) -> str:
        """Return the source, with its gaps filled."""
        source = self.source.replace("{marker}", marker).replace("{secret_file}", secret_file)
        return source.replace("{secret_variable}", secret_variable).replace("{port}", str(port))


def _attempt(name: str, source: str, plain: bool = True, system: bool = False) -> Escape:
    return Escape(name, source.strip("\n") + "\n", plain, system)


_TOUCH = "open('{marker}', 'w').close()"

ESCAPES = [
    # Walks over attributes
    _attempt(
        "walk to the subclasses of object",
        """
for c in ().__class__.__base__.__subclasses__():
    if c.__name__ == '_wrap_close':
        c.__init__.__globals__['system']('touch {marker}')
""",
    ),
    _attempt(
        "walk with computed names",
        """
u = '_' * 2
walk = getattr(getattr((), u + 'class' + u), u + 'base' + u)
for c in getattr(walk, u + 'subclasses' + u)():
    if c.__name__ == '_wrap_close':
        getattr(getattr(c, u + 'init' + u), u + 'globals' + u)['system']('touch {marker}')
""",
    ),
    _attempt(
        "walk over the method resolution order",
        """
for c in type(1).mro()[-1].__subclasses__():
    if c.__name__ == '_wrap_close':
        c.__init__.__globals__['system']('touch {marker}')
""",
    ),
    _attempt(
        "walk spelt with other letters",
        """
for c in ().__ｃlass__.__base__.__subｃlasses__():
    if c.__name__ == '_wrap_close':
        c.__init__.__globals__['system']('touch {marker}')
""",
    ),
    _attempt(
        "globals of a function",
        "def f(): pass\nf.__globals__['__builtins__'].open('{marker}', 'w')",
        False,
    ),
    _attempt(
        "globals of a library's function", "nest.Create.__globals__['os'].system('touch {marker}')"
    ),
    _attempt(
        "globals of NumPy's function",
        "np.full.__globals__['__builtins__']['open']('{marker}', 'w')",
    ),
    _attempt(
        "globals of a lambda by map",
        "b = list(map(getattr, [nest.Create], ['__globals__']))[0]\nb['os'].system('touch {marker}')",
    ),
    _attempt("loader of a module", "np.__loader__.set_data('{marker}', b'x')"),
    _attempt("dict of a module", "nest.__dict__['os'].system('touch {marker}')"),
    _attempt(
        "wrapped function",
        "np.sum.__wrapped__.__globals__['__builtins__']['open']('{marker}', 'w')",
        False,
    ),
    _attempt("self of a built-in function", "print.__self__.open('{marker}', 'w')"),
    _attempt(
        "self of super",
        "super(bool, True).__init__.__self__.__class__.__base__.__subclasses__()\nprint.__self__.open('{marker}', 'w')",
    ),
    _attempt(
        "reduce",
        "f, a = (1).__reduce_ex__(2)[:2]\nf.__globals__['__builtins__']['open']('{marker}', 'w')",
    ),
    # Formats
    _attempt("format", "result = '{0.Create.__globals__[os].environ}'.format(nest)"),
    _attempt("format_map", "result = '{n.Create.__globals__[os].environ}'.format_map({'n': nest})"),
    _attempt(
        "format of the class", "result = str.format('{0.Create.__globals__[os].environ}', nest)"
    ),
    _attempt(
        "format by map",
        "result = list(map(str.format, ['{0.Create.__globals__[os].environ}'], [nest]))",
    ),
    _attempt(
        "format by getattr",
        "result = getattr('{0.Create.__globals__[os].environ}', 'for' + 'mat')(nest)",
    ),
    _attempt(
        "format of a derived class",
        """
class S(str):
    def out(self, *a):
        return super().format(*a)
result = S('{0.Create.__globals__[os].environ}').out(nest)
""",
    ),
    _attempt(
        "format of NumPy's text",
        "result = np.str_('{0.Create.__globals__[os].environ}').format(nest)",
    ),
    _attempt(
        "format by vectorize",
        "result = np.vectorize(str.format, otypes=[object])('{0.Create.__globals__[os].environ}', nest)",
    ),
    _attempt(
        "format caught while an attribute is augmented",
        """
class S(str): pass
class Catch:
    def __radd__(self, method):
        global result
        result = method(nest)
        return method
s = S('{0.Create.__globals__[os].environ}')
s.format += Catch()
""",
    ),
    _attempt(
        "format by a pattern",
        "match '{0.Create.__globals__[os].environ}':\n    case str(format=f):\n        result = f(nest)",
    ),
    _attempt(
        "format by a pattern's positions",
        """
class S(str):
    __match_args__ = ('format',)
match S('{0.Create.__globals__[os].environ}'):
    case S(f):
        result = f(nest)
""",
    ),
    _attempt(
        "format nested in format",
        "result = '{:{0.Create.__globals__[os].environ}}'.format(nest)",
        False,
    ),
    _attempt(
        "string.Formatter",
        "import string\nresult = string.Formatter().format('{0.Create.__globals__[os].environ}', nest)",
    ),
    # Frames, code, tracebacks
    _attempt(
        "frame of a generator",
        "g = (i for i in [1])\ng.gi_frame.f_builtins['open']('{marker}', 'w')",
    ),
    _attempt(
        "frame of a generator by getattr",
        "g = (i for i in [1])\nf = getattr(g, 'gi_' + 'frame')\ngetattr(f, 'f_' + 'builtins')['open']('{marker}', 'w')",
    ),
    _attempt(
        "frame of a generator by a pattern",
        "match (i for i in [1]):\n    case object(gi_frame=f):\n        f.f_builtins['open']('{marker}', 'w')",
    ),
    _attempt(
        "frame of the caller of a generator",
        """
def g():
    yield h.gi_frame.f_back.f_builtins['open']('{marker}', 'w')
h = g()
next(h)
""",
    ),
    _attempt(
        "frame of a coroutine",
        "async def f(): pass\nc = f()\nc.cr_frame.f_builtins['open']('{marker}', 'w')\nc.close()",
    ),
    _attempt(
        "frame of an asynchronous generator",
        "async def f(): yield\nf().ag_frame.f_builtins['open']('{marker}', 'w')",
    ),
    _attempt(
        "traceback of an exception",
        "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame.f_builtins['open']('{marker}', 'w')",
    ),
    _attempt(
        "traceback given to a context",
        """
class Catch:
    def __enter__(self): pass
    def __exit__(self, kind, error, trace):
        getattr(getattr(trace, 'tb_' + 'frame'), 'f_' + 'builtins')['open']('{marker}', 'w')
with Catch():
    1 / 0
""",
    ),
    _attempt(
        "traceback by with_traceback",
        "try:\n    1 / 0\nexcept Exception as e:\n    e.with_traceback(None).__class__.__init__.__self__\n    "
        + _TOUCH,
        False,
    ),
    _attempt(
        "exception group",
        """
try:
    raise ExceptionGroup('g', [ValueError()])
except* ValueError as e:
    e.__traceback__.tb_frame.f_builtins['open']('{marker}', 'w')
""",
    ),
    _attempt(
        "exception group that splits strangely",
        """
class G(ExceptionGroup):
    def split(self, kind):
        self.__traceback__.tb_frame.f_builtins['open']('{marker}', 'w')
        return None, None
try:
    raise G('g', [ValueError()])
except* ValueError:
    pass
""",
    ),
    _attempt(
        "code of a function",
        "def f(): pass\nf.__code__ = nest.Create.__code__.replace(co_names=('open',))\nopen('{marker}', 'w')",
    ),
    _attempt(
        "function made of code",
        "def f(): return open('{marker}', 'w')\ntype(f)(f.__code__, {'__builtins__': np.full.__globals__['__builtins__']})()",
    ),
    _attempt(
        "module in an AttributeError",
        "try:\n    nest.random.nothing\nexcept AttributeError as e:\n    e.obj.os.system('touch {marker}')",
    ),
    # Classes
    _attempt("class made by type", "type('A', (), {'__getattr__': lambda s, n: 1})()\n" + _TOUCH),
    _attempt("type derived from", "class M(type):\n    pass\nM('A', (), {})\n" + _TOUCH),
    _attempt(
        "metaclass",
        "class M(type):\n    def __call__(cls, *a): return open('{marker}', 'w')\nclass A(metaclass=M): pass\nA()",
    ),
    _attempt(
        "metaclass that is a function",
        "class A(metaclass=lambda *a: nest.Create.__globals__['os'].system('touch {marker}')): pass",
    ),
    _attempt(
        "init_subclass",
        "class A:\n    def __init_subclass__(cls): cls.o = nest.Create.__globals__['os']\nclass B(A): pass\nB.o.system('touch {marker}')",
    ),
    _attempt(
        "class_getitem",
        "class A:\n    def __class_getitem__(cls, k): return k.__globals__\nA[nest.Create]['os'].system('touch {marker}')",
    ),
    _attempt(
        "mro_entries",
        "class A:\n    def __mro_entries__(self, bases): return (nest.__class__,)\nclass B(A()): pass\nB.__init__.__globals__['os'].system('touch {marker}')",
    ),
    _attempt(
        "class that changes itself",
        "class A: pass\na = A()\na.__class__ = nest.__class__\nnest.Create.__globals__['os'].system('touch {marker}')",
        False,
    ),
    _attempt("class of the module", "result = type(nest).__init__.__globals__['os'].environ"),
    # Memory
    _attempt(
        "array interface of a class",
        """
v = np.array([12345])
class A:
    __array_interface__ = {'data': (v.__array_interface__['data'][0], False), 'shape': (1,), 'typestr': '<i8', 'version': 3}
np.array(A())[0] == 12345 and print('REA' + 'CHED')
""",
    ),
    _attempt(
        "array interface made up",
        """
s = b'secret of memory'
class A:
    def __getattr__(self, name):
        if name == '__array_interface__':
            return {'data': (id(s), False), 'shape': (64,), 'typestr': '|u1', 'version': 3}
        raise AttributeError(name)
s in np.array(A()).tobytes() and print('REA' + 'CHED')
""",
    ),
    _attempt(
        "array interface set",
        """
s = b'secret of memory'
class A: pass
a = A()
setattr(a, '__array_' + 'interface__', {'data': (id(s), False), 'shape': (64,), 'typestr': '|u1', 'version': 3})
s in np.array(a).tobytes() and print('REA' + 'CHED')
""",
    ),
    _attempt(
        "array interface in the dict of an object",
        """
s = b'secret of memory'
class A: pass
a = A()
a.__dict__['__array_interface__'] = {'data': (id(s), False), 'shape': (64,), 'typestr': '|u1', 'version': 3}
s in np.array(a).tobytes() and print('REA' + 'CHED')
""",
    ),
    _attempt(
        "object made of a buffer",
        "s = []\nnp.ndarray((1,), object, np.array([id(s)]))[0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "object made of a buffer by type",
        "s = []\ntype(np.zeros(1))((1,), object, np.array([id(s)]))[0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "object in a structure made of a buffer",
        "s = []\nnp.ndarray((1,), [('a', 'O')], np.array([id(s)]))['a'][0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "object made of a buffer by a derived class",
        "s = []\nclass A(np.ndarray): pass\nA((1,), object, np.array([id(s)]))[0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "object made by a type that changes its mind",
        """
s = []
class D:
    n = 0
    @property
    def dtype(self):
        D.n += 1
        return np.dtype('i8' if D.n < 2 else 'O')
for _ in range(2):
    a = np.ndarray((1,), D(), np.array([id(s)]))
    a.dtype == object and a[0] is s and print('REA' + 'CHED')
""",
    ),
    _attempt(
        "object made by recarray",
        "s = []\nnp.recarray(1, dtype=[('a', 'O')], buf=np.array([id(s)]))['a'][0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "object made by rec.array",
        "s = []\nnp.rec.array(np.array([id(s)]).tobytes(), dtype=[('a', 'O')], shape=1)['a'][0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "object made by a masked array's base",
        "s = []\nnp.ma.array([1]).baseclass((1,), object, np.array([id(s)]))[0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "object made by a masked array's base, by its getter",
        "s = []\nnp.ma.MaskedArray.baseclass.fget(np.ma.array([1]))((1,), object, np.array([id(s)]))[0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "objects read as numbers",
        "s = []\nnp.frombuffer(np.array([s, 0], object), 'i8')[0] == id(s) and print('REA' + 'CHED')",
    ),
    _attempt(
        "objects read as numbers by their data",
        "s = []\nnp.frombuffer(np.array([s, 0], object).data, 'i8')[0] == id(s) and print('REA' + 'CHED')",
    ),
    _attempt(
        "objects written as numbers",
        "s = []\na = np.array([0, 0], object)\nnp.ndarray((2,), 'i8', a)[0] = id(s)\na[0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "objects read as text",
        "s = []\nnp.char.chararray((1,), itemsize=8, buffer=np.array([s, 0], object)) is not None and print('REA' + 'CHED')",
    ),
    _attempt(
        "strides beyond an array",
        "np.lib.stride_tricks.as_strided(np.zeros(1), (99,), (8,)).size == 99 and print('REA' + 'CHED')",
    ),
    _attempt("array's ctypes", "np.zeros(1).ctypes.data and print('REA' + 'CHED')"),
    _attempt(
        "array's ctypes by getattr",
        "getattr(np.zeros(1), 'cty' + 'pes').data and print('REA' + 'CHED')",
    ),
    _attempt(
        "array's ctypes by a pattern",
        "match np.zeros(1):\n    case np.ndarray(ctypes=c):\n        c.data and print('REA' + 'CHED')",
    ),
    _attempt(
        "generator's ctypes",
        "np.random.default_rng().bit_generator.ctypes.state_address and print('REA' + 'CHED')",
    ),
    _attempt(
        "memory of an array that was resized",
        "a = np.zeros(9)\nb = a[:]\na.resize(10**6, refcheck=False)\nprint('REA' + 'CHED')",
    ),
    _attempt("ctypeslib", "np.ctypeslib.ctypes.CDLL(None).system(b'touch {marker}')"),
    # Other modules
    *(
        _attempt(f"import of {module}", f"import {module}\n{use}")
        for module, use in {
            "os": "os.system('touch {marker}')",
            "posix": "posix.system('touch {marker}')",
            "sys": "sys.modules['os'].system('touch {marker}')",
            "subprocess": "subprocess.run(['touch', '{marker}'])",
            "builtins": "builtins.open('{marker}', 'w')",
            "io": "result = io.open('{secret_file}').read()",
            "pathlib": "pathlib.Path('{marker}').touch()",
            "shutil": "shutil.copy('{secret_file}', '{marker}')",
            "tempfile": "tempfile._os.system('touch {marker}')",
            "socket": "socket.create_connection(('127.0.0.1', {port}))",
            "urllib.request": "urllib.request.urlopen('http://127.0.0.1:{port}', timeout=1)",
            "ctypes": "ctypes.CDLL(None).system(b'touch {marker}')",
            "importlib": "importlib.import_module('os').system('touch {marker}')",
            "inspect": "inspect.currentframe().f_builtins['open']('{marker}', 'w')",
            "gc": "[o for o in gc.get_objects() if type(o) is dict and 'system' in o and 'fork' in o][0]['system']('touch {marker}')",
            "types": "types.FunctionType((lambda: open('{marker}', 'w')).__code__, {})()",
            "pickle": "pickle.loads(b\"cos\\nsystem\\n(S'touch {marker}'\\ntR.\")",
            "multiprocessing": "multiprocessing.get_context('fork').Process(target=open, args=('{marker}', 'w')).run()",
            "threading": "threading.Thread(target=open, args=('{marker}', 'w')).run()",
            "code": "code.InteractiveInterpreter().runcode(\"open('{marker}', 'w')\")",
            "pty": "pty.spawn(['touch', '{marker}'])",
            "sqlite3": "sqlite3.connect('{marker}').execute('create table t (n)')",
            "typing": "typing.get_type_hints(type('A', (), {'__annotations__': {'a': \"open('{marker}', 'w') and int\"}}))",
        }.items()
    ),
    _attempt("from import", "from os import system\nsystem('touch {marker}')"),
    _attempt("__import__", "__import__('os').system('touch {marker}')"),
    _attempt(
        "__import__ from __builtins__",
        "__builtins__['__import__']('os').system('touch {marker}')",
        False,
    ),
    _attempt("import of everything", "from os import *\nsystem('touch {marker}')"),
    _attempt(
        "import as a special name",
        "from os import system as __import__\n__import__('touch {marker}')",
    ),
    _attempt("import in a class", "class A:\n    import os\nA.os.system('touch {marker}')"),
    _attempt(
        "operator.attrgetter",
        "import operator\noperator.attrgetter('__globals__')(nest.Create)['os'].system('touch {marker}')",
    ),
    _attempt(
        "functools.update_wrapper",
        "import functools\ndef f(): pass\nfunctools.update_wrapper(f, np.full, (), ('__globals__',))\nsys.modules['os'].system('touch {marker}')",
        False,
    ),
    _attempt(
        "NumPy's own modules",
        "np._core.multiarray.sys.modules['os'].system('touch {marker}')",
        False,
    ),
    _attempt(
        "NumPy's lib", "getattr(np.lib, '_npyio_impl', np.lib.npyio).os.system('touch {marker}')"
    ),
    _attempt(
        "NumPy's ctypeslib by from",
        "from numpy import ctypeslib\nctypeslib.ctypes.CDLL(None).system(b'touch {marker}')",
    ),
    _attempt(
        "NumPy's ctypeslib by import as",
        "import numpy.ctypeslib as c\nc.ctypes.CDLL(None).system(b'touch {marker}')",
    ),
    _attempt(
        "NumPy's lib by from",
        "from numpy import lib as l\ngetattr(l, '_npyio_impl', l.npyio).os.system('touch {marker}')",
    ),
    _attempt("NumPy's f2py", "np.f2py.sys.modules['os'].system('touch {marker}')"),
    _attempt(
        "NumPy's tests", "np.testing.tempdir\nnp.testing._private.utils.os.system('touch {marker}')"
    ),
    _attempt(
        "NumPy's masked arrays' modules",
        "getattr(np.ma.core.np.lib, '_npyio_impl', np.lib.npyio).os.system('touch {marker}')",
    ),
    _attempt("NEST's ll_api", "nest.ll_api.os.popen('touch {marker}').read()"),
    _attempt(
        "NEST's ll_api by getattr", "getattr(nest, 'll_' + 'api').os.popen('touch {marker}').read()"
    ),
    _attempt(
        "NEST's ll_api by from", "from nest import ll_api\nll_api.os.popen('touch {marker}').read()"
    ),
    _attempt(
        "NEST's ll_api by a pattern",
        "match nest:\n    case object(ll_api=l):\n        l.os.popen('touch {marker}').read()",
    ),
    _attempt("NEST's plots", "nest.raster_plot.os.system('touch {marker}')"),
    _attempt("module in NEST's submodule", "nest.random.os.system('touch {marker}')"),
    _attempt("module in NEST", "nest.os.system('touch {marker}')"),
    _attempt("NEST's transport", "nest._transport.system('touch {marker}')"),
    _attempt("foreign function in NEST", "nest.system('touch {marker}')"),
    # Files
    _attempt("open to write", "with open('{marker}', 'w') as f:\n    f.write('x')"),
    _attempt("open to read", "result = open('{secret_file}').read()"),
    _attempt("open in a list", "result = [open][0]('{secret_file}').read()"),
    _attempt("open as a default", "def f(o=open): return o('{secret_file}').read()\nresult = f()"),
    _attempt("save", "np.save('{marker}', np.zeros(1))\nopen('{marker}', 'w')"),
    _attempt("savez", "np.savez('{marker}', a=np.zeros(1))\nopen('{marker}', 'w')"),
    _attempt("savetxt", "np.savetxt('{marker}', np.zeros(1))"),
    _attempt("savetxt by from", "from numpy import savetxt\nsavetxt('{marker}', np.zeros(1))"),
    _attempt("loadtxt", "result = np.loadtxt('{secret_file}', dtype=str)"),
    _attempt("genfromtxt", "result = np.genfromtxt('{secret_file}', dtype=str)"),
    _attempt("fromfile", "result = np.fromfile('{secret_file}', 'u1').tobytes()"),
    _attempt("fromregex", "result = np.fromregex('{secret_file}', '(.*)', [('a', 'U99')])"),
    _attempt("memmap", "np.memmap('{marker}', dtype='u1', mode='w+', shape=1)"),
    _attempt("memmap to read", "result = np.memmap('{secret_file}', mode='r').tobytes()"),
    _attempt("load of a pickle", "np.load('{secret_file}', allow_pickle=True)", False),
    _attempt(
        "rec.fromfile", "result = np.rec.fromfile('{secret_file}', dtype=[('a', 'S32')], shape=1)"
    ),
    _attempt("DataSource", "result = np.lib.npyio.DataSource().open('{secret_file}').read()"),
    _attempt("tofile", "np.zeros(1).tofile('{marker}')"),
    _attempt("tofile by getattr", "getattr(np.zeros(1), 'to' + 'file')('{marker}')"),
    _attempt("tofile of the class", "np.ndarray.tofile(np.zeros(1), '{marker}')"),
    _attempt("tofile by map", "list(map(np.ndarray.tofile, [np.zeros(1)], ['{marker}']))"),
    _attempt("tofile by a generic alias", "np.ndarray[int, float].tofile(np.zeros(1), '{marker}')"),
    _attempt(
        "tofile by a method",
        "type([].append)\nclass A:\n    def f(self): pass\ntype(A().f)(np.ndarray, 1).tofile(np.zeros(1), '{marker}')",
    ),
    _attempt(
        "tofile by a generic alias of an array",
        "type(list[int])(np.zeros(1), ()).tofile('{marker}')",
    ),
    _attempt(
        "object made by a generic alias",
        "s = []\nnp.ndarray[int, float]((1,), object, np.array([id(s)]))[0] is s and print('REA' + 'CHED')",
    ),
    _attempt(
        "tofile of a derived class",
        "class A(np.ndarray):\n    def out(self): super().tofile('{marker}')\nnp.zeros(1).view(A).out()",
    ),
    _attempt("tofile of a masked array's data", "np.ma.array([1.0]).data.tofile('{marker}')"),
    _attempt(
        "tofile by a pattern",
        "match np.zeros(1):\n    case np.ndarray(tofile=f):\n        f('{marker}')",
    ),
    _attempt("tofile of a number", "np.float64(1).tofile('{marker}')"),
    _attempt("dump", "np.zeros(1).dump('{marker}')"),
    _attempt("dump of a record", "np.zeros(1, [('a', 'i4')])[0].dump('{marker}')"),
    _attempt("print to a file", "print('x', file=open('{marker}', 'w'))"),
    # Code from text
    _attempt("eval", "eval(\"open('{marker}', 'w')\")"),
    _attempt("eval by another name", "e = eval\ne(\"open('{marker}', 'w')\")"),
    _attempt("exec", "exec(\"open('{marker}', 'w')\")"),
    _attempt("compile", "exec(compile(\"open('{marker}', 'w')\", '', 'exec'))"),
    _attempt("globals", "globals()['__builtins__']['open']('{marker}', 'w')"),
    _attempt("vars", "vars(nest)['ll_api'].os.system('touch {marker}')"),
    _attempt("breakpoint", "breakpoint()\n" + _TOUCH, False),
    _attempt("bmat looks into frames", "result = np.bmat('__builtins__')\n" + _TOUCH, False),
    _attempt("annotation", "x: open('{marker}', 'w')"),
    _attempt("annotation of a parameter", "def f(a: open('{marker}', 'w')): pass"),
    _attempt("default argument", "def f(a=open('{marker}', 'w')): pass"),
    _attempt("decorator", "@print.__self__.open\ndef f(): pass", False),
    _attempt(
        "exception's type",
        "try:\n    1 / 0\nexcept nest.ll_api.os.system('touch {marker}'):\n    pass",
    ),
    _attempt("f-string", "f\"{open('{marker}', 'w')}\""),
    _attempt("f-string's format", "f\"{1:{nest.ll_api.os.system('touch {marker}')}}\""),
    # Changing what the guards rely on
    _attempt(
        "guard replaced",
        "def _getattr_(o, n): return o\n_getattr_.__globals__['__builtins__'].open('{marker}', 'w')",
        False,
    ),
    _attempt(
        "builtins replaced",
        "__builtins__ = np.full.__globals__['__builtins__']\nopen('{marker}', 'w')",
    ),
    _attempt(
        "builtins as a parameter",
        "def f(__builtins__): return __builtins__['open']\nf(np.full.__globals__['__builtins__'])('{marker}', 'w')",
    ),
    _attempt(
        "builtins caught",
        "try:\n    raise ValueError(np.full.__globals__['__builtins__'])\nexcept ValueError as __builtins__:\n    __builtins__.args[0]['open']('{marker}', 'w')",
    ),
    _attempt(
        "builtins by walrus",
        "(__builtins__ := np.full.__globals__['__builtins__'])['open']('{marker}', 'w')",
    ),
    _attempt(
        "builtins by a pattern",
        "match np.full.__globals__['__builtins__']:\n    case {**__builtins__}:\n        __builtins__['open']('{marker}', 'w')",
    ),
    _attempt("attribute of a class of NumPy", "np.ndarray.foo = 1\n" + _TOUCH, False),
    _attempt(
        "attribute of a function",
        "np.full.__code__ = (lambda: open('{marker}', 'w')).__code__\nnp.full()",
    ),
    _attempt(
        "default of a function",
        "nest.Create.__defaults__ = (nest.Create.__globals__['os'].system('touch {marker}'),)",
    ),
    _attempt(
        "function of NEST replaced",
        "nest.Create = nest.ll_api.os.system\nnest.Create('touch {marker}')",
        False,
    ),
    _attempt(
        "special name of NEST set",
        "setattr(nest, '__' + 'class__', type(np))\nnest.ll_api.os.system('touch {marker}')",
        False,
    ),
    # The process itself, which the filter of system calls has to protect alone
    _attempt("environment", "import os\nresult = os.environ['{secret_variable}']"),
    _attempt("environment in proc", "result = open('/proc/self/environ').read()"),
    _attempt(
        "environment of the parent",
        "import os\nresult = open(f'/proc/{os.getppid()}/environ').read()",
    ),
    _attempt(
        "fork",
        "import os\npid = os.fork()\nif pid == 0:\n    open('{marker}', 'w')\n    os._exit(0)\nos.waitpid(pid, 0)",
    ),
    _attempt(
        "vfork and exec by spawn",
        "import os\nos.waitpid(os.posix_spawn('/bin/touch', ['touch', '{marker}'], {}), 0)",
    ),
    _attempt(
        "program in place of the process",
        "import os\nos.execv('/bin/touch', ['touch', '{marker}'])",
    ),
    _attempt(
        "thread",
        "import _thread, time\n_thread.start_new_thread(open, ('{marker}', 'w'))\nfor _ in range(200):\n    time.sleep(0.01)",
    ),
    _attempt(
        "system call by number",
        "import ctypes\nctypes.CDLL(None).syscall(ctypes.c_long(257), -100, b'{marker}', 0o101, 0o600)",
    ),
    _attempt("link", "import os\nos.symlink('/', '{marker}')"),
    _attempt("link to the secret", "import os\nos.link('{secret_file}', '{marker}')"),
    _attempt("rename", "import os\nos.rename('{secret_file}', '{marker}')"),
    _attempt("directory", "import os\nos.mkdir('{marker}')"),
    _attempt("named pipe", "import os\nos.mkfifo('{marker}')"),
    *(
        _attempt(
            name,
            f"import ctypes, fcntl, mmap, os, resource, socket\n{call}\nprint('REA' + 'CHED')",
            plain,
            True,
        )
        for name, call, plain in [
            ("own memory by proc", "open('/proc/self/mem', 'r+b')", True),
            ("executable memory", "mmap.mmap(-1, 4096, prot=7)", True),
            ("file in memory", "os.memfd_create('x')", True),
            ("limit set", "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", True),
            ("limit set by prlimit", "resource.prlimit(0, resource.RLIMIT_NOFILE, (9, 9))", True),
            ("signal to the parent", "os.kill(os.getppid(), 0)", True),
            ("signal to everybody", "os.kill(-1, 0)", True),
            ("signal to the group", "os.killpg(0, 0)", True),
            ("trace of the parent", "1 / (ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0)", True),
            (
                "memory of the parent",
                "1 / (ctypes.CDLL(None).process_vm_readv(os.getppid(), None, 0, None, 0, 0) == 0)",
                True,
            ),
            ("look at a file", "os.stat('{secret_file}')", True),
            ("look into a directory", "os.listdir('/')", True),
            ("removal of a file", "os.unlink('{secret_file}')", True),
            ("mode of a file", "os.chmod('{secret_file}', 0o777)", True),
            ("cut of a file", "os.truncate('{secret_file}', 0)", True),
            ("where a link leads", "os.readlink('/proc/self/exe')", True),
            ("change of directory", "os.chdir('/')", True),
            ("socket", "socket.socket()", True),
            ("pair of sockets", "socket.socketpair()", True),
            ("pipe", "os.pipe()", True),
            ("duplicate of a descriptor", "os.dup(1)", True),
            ("duplicate of a descriptor by fcntl", "fcntl.fcntl(1, fcntl.F_DUPFD, 0)", True),
            ("descriptor changed for others", "os.set_blocking(1, False)", True),
            ("signals of a descriptor", "fcntl.fcntl(1, fcntl.F_SETOWN, os.getpid())", True),
            # There is no terminal, and the process leads its session already.
            ("text typed into a terminal", "fcntl.ioctl(0, 0x5412, b'x')", False),
            ("change of session", "os.setsid()", False),
            ("change of priority", "os.setpriority(os.PRIO_PROCESS, 0, 5)", True),
            ("change of user", "os.setuid(os.getuid())", True),
            ("change of processors", "os.sched_setaffinity(0, os.sched_getaffinity(0))", True),
        ]
    ),
    _attempt(
        "connection by datagram",
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\ns.connect(('127.0.0.1', {port}))",
    ),
]

#: What a script can begin in spite of the sandbox; limits end it.
BOMBS = [
    _attempt("memory", "l = []\nwhile True:\n    l.append(bytearray(10**7))"),
    _attempt("one huge array", "a = np.ones(10**12)"),
    _attempt("huge text", "s = 'x' * 10**12"),
    _attempt("huge text by a format", "s = '{:>1000000000000}'.format('x')"),
    _attempt("huge number", "n = 10**10\nfor _ in range(40):\n    n *= n"),
    _attempt("list that doubles", "l = [0]\nwhile True:\n    l += l"),
    _attempt(
        "repetition in repetition",
        "l = ['x' * 1000]\nfor _ in range(40):\n    l = [l] * 1000\nresult = repr(l)",
    ),
    _attempt("endless loop", "while True:\n    pass"),
    _attempt(
        "endless loop that catches everything",
        "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass",
    ),
    _attempt("endless loop in C", "sum(iter(int, 1))"),
    _attempt("endless power", "n = 7 ** (7 ** 12)"),
    _attempt("endless output", "while True:\n    print('x' * 1000)"),
    _attempt("endless recursion", "def f(): f()\nf()"),
    _attempt(
        "recursion in a special method",
        "class A:\n    def __repr__(self): return repr(self)\nrepr(A())",
    ),
    _attempt("nesting for the compiler", "(" * 5000 + ")" * 5000),
    _attempt("nesting for the visitor", "x = " + "-" * 100_000 + "1"),
    _attempt("fork bomb", "import os\nwhile True:\n    os.fork()"),
    _attempt(
        "threads",
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(99,)).start()",
    ),
    _attempt("open files", "l = []\nwhile True:\n    l.append(open('/dev/null'))"),
    _attempt(
        "decompression",
        "import zlib\nzlib.decompress(zlib.compress(bytes(10**9)) * 9)\nl = []\nwhile True:\n    l.append(zlib.decompress(zlib.compress(bytes(10**8))))",
    ),
]
