"""The trusted side of an assertion script: runs `check(candidate)` or a list of asserts, with the program elsewhere.

The script's constants are the expected values, so it runs in a sandbox of its own. The program's names are proxies:
a call sends plain data and gets plain data back, as exact built-in types. An object that is not plain data is a
`Remote`, equal only to itself. Passing means that the script ran to its end here, which no answer can forge.

Verdicts: `P` passed, `A` + detail an assertion failed, `E` + type name an exception of the program (or caused by its
answer), `D` the program's process ended, `S` + type name it did not compile, `H` + reason the script itself is broken.
"""

import ast
import builtins
import functools
import importlib
import marshal
import os
import sys
import types

from . import plain, serve

ANSWER_LIMIT = 64 << 20
NO_MEMORY = b"EMemoryError"
"""The program's answers have filled the memory of this process."""


class ProgramEnded(BaseException):
    """The program is gone or talks nonsense; no `except Exception` of a script may hide that."""


class Remote:
    """An object in the program: a function, an instance, a generator. Operations on it run over there."""

    def __init__(self, link, target):
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_target", target)

    def __call__(self, *args, **kwargs):
        """Call it over there."""
        return self._link.ask("call", self._target, args, kwargs)

    def __getattr__(self, name):
        if name.startswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return self._link.ask("attribute", self._target, (name,), {})

    def __getitem__(self, key):
        return self._link.ask("item", self._target, (key,), {})

    def __iter__(self):
        return iter(self._link.ask("items", self._target, (), {}))

    def __len__(self):
        return self._link.ask("length", self._target, (), {})

    def __contains__(self, item):
        return item in self._link.ask("items", self._target, (), {})  # compared here: its own answer may be a lie

    def __bool__(self):
        return self._link.ask("truth", self._target, (), {})

    def __str__(self):
        return str(self._link.ask("text", self._target, (), {}))

    def __repr__(self):
        return str(self._link.ask("repr", self._target, (), {}))


class Link:
    """The connection to the program: one question, one answer."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self.raised = None

    def start(self):
        """Wait until the program's module has run."""
        data = self._receive()
        if data != b"ready":  # a program can choose which failure it reports, and no more than that
            tag = data[:1].decode("ascii", "replace")
            detail = data[1:200].decode("utf-8", "replace")
            raise ProgramEnded(tag + detail if tag in ("E", "S", "N") else "E" + "malformed answer")

    def ask(self, operation, target, args, kwargs):
        """Do `operation` over there; apply what it changed in the arguments; return or raise what it did."""
        state = {"handles": False}
        args = list(args)
        request = (operation, target, *plain.deeply(lambda: (tuple(_outward(args, state)), _outward(kwargs, state))))
        self._send(marshal.dumps((*request, state["handles"]), 2))
        try:
            tag, value, extra = plain.decode(self._receive())
        except ValueError as error:
            raise ProgramEnded("E" + f"malformed answer: {error}") from None
        if tag == "raise":
            self.raised = _exception(value, extra)
            raise self.raised
        if extra is not None:
            _apply_changes(args, extra)
        return Remote(self, value) if tag == "handle" and type(value) is int else value

    def _send(self, data):
        view = memoryview(serve.frame(data))
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            raise ProgramEnded("D") from None

    def _receive(self):
        try:
            data = serve.read_frame(lambda size: os.read(self._descriptor, size), ANSWER_LIMIT)
        except OSError:
            data = None
        if data is None:
            raise ProgramEnded("D")
        return data


class Namespace(dict):
    """The script's globals. What it does not define is a built-in, a module of the standard library, or the program's.

    The program's own last, and with an entry point no more than that: a check that calls a name of the program's choice
    would believe whatever it answers.
    """

    def __init__(self, link, modules, entry_point):
        super().__init__(__name__="checks", __builtins__=builtins)
        self._link, self._modules, self._entry_point = link, modules, entry_point

    def __missing__(self, name):
        if hasattr(builtins, name):
            return getattr(builtins, name)
        if name in self._modules:
            return importlib.import_module(name)
        if self._entry_point is not None and name != self._entry_point:
            raise NameError(f"name {name!r} is not defined")
        return _from_program(self._link, name)


def run(source, setup, entry_point, script_socket):
    """Run a script against the program at the other end of the socket; the verdict as bytes."""
    link = Link(script_socket)
    _offer_solution_module(link)
    try:
        code = [_compiled(part) for part in (setup, source)]
        namespace = Namespace(link, _modules(source), entry_point)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"Hthe test script does not compile: {error}".encode("utf-8", "replace")[:300]
    try:
        link.start()
        for part in code:
            exec(part, namespace)
        if entry_point:
            namespace["check"](_from_program(link, entry_point))
        return b"P"
    except ProgramEnded as error:
        return str(error).encode("utf-8", "replace")[:200]
    except BaseException as error:
        return _failed(error, link)


@functools.lru_cache(maxsize=1024)
def _compiled(source):
    """A benchmark's script is run for every program of its problem."""
    return compile(source, "checks.py", "exec", dont_inherit=True)


@functools.lru_cache(maxsize=1024)
def _modules(source):
    """Standard modules that a script uses as such, by their attributes only: `sys.getsizeof(x)`, not `bisect(a, x)`."""
    nodes = list(ast.walk(ast.parse(source)))
    bases = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    names = [(node.id, id(node) in bases) for node in nodes if isinstance(node, ast.Name)]
    return sys.stdlib_module_names & (
        {name for name, base in names if base} - {name for name, base in names if not base}
    )


def _failed(error, link):
    if isinstance(error, AssertionError) and error is not link.raised:
        lines = list(_lines(error.__traceback__))
        return b"A" + f"assertion at line {lines[-1]} of the test script".encode() if lines else b"A"
    return b"E" + type(error).__name__.encode("utf-8", "replace")[:200]


def _lines(traceback):
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "checks.py":
            yield traceback.tb_lineno
        traceback = traceback.tb_next


def _from_program(link, name):
    """A function or class of the program as a proxy, another global as its value."""
    value = link.ask("get", name, (), {})
    return Remote(link, name) if isinstance(value, Remote) else value


def _offer_solution_module(link):
    """`from solution import sum`: how a script names a function of the program that is called like a built-in."""
    module = types.ModuleType("solution")

    def find(name):
        if name.startswith("__"):  # the import system asks for these
            raise AttributeError(name)
        return _from_program(link, name)

    module.__getattr__ = find  # type: ignore[method-assign]
    sys.modules["solution"] = module


def _outward(value, state):
    """A value as plain data, `Remote` objects as handles."""
    if isinstance(value, Remote):
        state["handles"] = True
        target = value._target
        return (serve.HANDLE, target)
    kind = type(value)
    if kind in (list, tuple):
        return kind([_outward(item, state) for item in value])
    if kind is dict:
        return {key: _outward(item, state) for key, item in value.items()}
    if kind in (set, frozenset, str, int, float, bool, bytes, complex, type(None)):
        return value
    return plain._exact(value, 0)


def _exception(names, args):
    """The nearest built-in exception type of the program's, with its plain arguments."""
    for name in names if type(names) is list else ():
        kind = getattr(builtins, name, None) if type(name) is str else None
        if kind is StopIteration or kind is StopAsyncIteration:
            kind = RuntimeError  # it would end a loop of the script, and with it the assertions that come after
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                error = kind(*args)
            except Exception:
                error = kind()
            return error
    raise ProgramEnded("E" + (str(names[0])[:100] if type(names) is list and names else "BaseException"))


def _apply_changes(sent, changed):
    """Make the arguments that the program changed in place hold what it left in them."""
    if type(changed) is not tuple or len(changed) != 2 or type(changed[0]) is not tuple:
        raise ProgramEnded("E" + "malformed answer")
    for mine, theirs in zip(sent, changed[0], strict=False):
        if type(mine) is not type(theirs):
            continue
        if type(mine) is list:
            mine[:] = theirs
        elif type(mine) in (dict, set):
            mine.clear()
            mine.update(theirs)
