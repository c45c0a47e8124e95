"""LiveCodeBench's official harness, imitated: one process for all tests, patched input, output captured as text.

Written anew from the harness's observable behaviour (lcb_runner/evaluation/testing_util.py): functions that its guard
takes away, the star imports, the program wrapped into one function so that its globals become locals, a trailing main
guard unwrapped, `open`, `sys.stdin` and its methods replaced, `SystemExit` ignored. What it does not imitate: its
comparison, which is the host's (`compare.py`), its alarm, which a program can catch, and its weakness against hostile
programs. One reply a test: see `programs.py`; output of a stdin test travels as a string.
"""

import ast
import builtins
import contextlib
import importlib
import io
import sys
import types

from . import arrays, plain

_STARS = [
    "string",
    "re",
    "datetime",
    "collections",
    "heapq",
    "bisect",
    "copy",
    "math",
    "random",
    "statistics",
    "itertools",
    "functools",
    "operator",
    "io",
    "sys",
    "json",
    "builtins",
    "typing",
]
_MODULES = [name for name in _STARS if name not in ("builtins", "typing")]
PRELUDE = (
    "".join([f"from {name} import *\n" for name in _STARS])
    + "".join([f"import {name}\n" for name in _MODULES])
    + "sys.setrecursionlimit(50000)\n"
)


LOADED = b"\1\0\0\0L"
"""The first reply: the program is loaded, and the first test begins."""
_TAKEN_AWAY = {
    "builtins": ("quit", "help"),
    "os": (
        "kill", "system", "putenv", "remove", "removedirs", "rmdir", "fchdir", "setuid", "fork", "forkpty", "killpg",
        "rename", "renames", "truncate", "replace", "unlink", "fchmod", "fchown", "chmod", "chown", "chroot",
        "lchflags", "lchmod", "lchown", "getcwd", "chdir",
    ),
    "shutil": ("rmtree", "move", "chown"),
    "subprocess": ("Popen",),
}  # fmt: skip
_NO_MODULES = ("ipdb", "joblib", "resource", "psutil", "tkinter")


def warm_up():
    """Import what the guard changes: in each child it would take longer than most programs."""
    for module in _TAKEN_AWAY:
        importlib.import_module(module)


def guard(source):
    """What the harness's `reliability_guard` does: these names become None, these modules cannot be imported.

    numpy and multiprocessing, which do not load without these names, have been loaded by the harness before.
    """
    imported = _imported(source)
    if imported & {"multiprocessing", "concurrent"}:
        importlib.import_module("multiprocessing.managers")
    if imported - sys.stdlib_module_names:  # numpy, or a package that may import it
        with contextlib.suppress(ImportError):
            importlib.import_module("numpy")
    for module, names in _TAKEN_AWAY.items():
        for name in names:
            setattr(importlib.import_module(module), name, None)
    for module in _NO_MODULES:
        sys.modules[module] = None  # type: ignore[assignment]


def _imported(source):
    """The names of the packages and modules that a program imports, wherever it does."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - {""}


def run(job, send):
    """Run every test and send a reply, each with its length in front; stop at the first that raises."""
    sys.set_int_max_str_digits(50000)
    source = job["program"].decode("utf-8", "surrogatepass")
    try:
        if not job["prelude"]:
            sys.setrecursionlimit(50000)
            run_test = _plain_calls(source, job["entry_point"])
        else:
            guard(source)
            run_test = _call_based(source, job["entry_point"]) if job["entry_point"] else _standard_input(source)
    except BaseException as error:
        tag = b"S" if isinstance(error, (SyntaxError, ValueError)) else b"E"
        _send(send, tag + type(error).__name__.encode())
        return
    send(LOADED)
    for test in job["tests"]:
        try:
            reply = b"R" + plain.encode(run_test(test))
        except plain.NotPlainError as error:
            reply = b"N" + str(error).encode()[:200]
        except BaseException as error:
            _send(send, b"E" + type(error).__name__.encode()[:200])
            return
        _send(send, reply)


def _send(send, reply):
    send(len(reply).to_bytes(4, "little") + reply)


def _module(source):
    module = types.ModuleType("tmp_sol", "")
    exec(compile(source, "<string>", "exec", dont_inherit=True), module.__dict__)
    return module


def _holder(source):
    """Where the harness looks for the function: in a `Solution` if the text mentions one, even for stdin programs."""
    module = _module(source)
    return module.Solution() if "class Solution" in source else module


def _call_based(source, entry_point):
    method = getattr(_holder(PRELUDE + "\n\n" + source), entry_point)

    def call(args):
        prediction = method(*args)
        return arrays.marked(list(prediction) if isinstance(prediction, tuple) else prediction)

    return call


def _plain_calls(source, entry_point):
    """Not the official harness: a reference solution, run as it stands."""
    function = getattr(_module(source), entry_point)
    return lambda args: function(*args)


def _standard_input(source):
    function = _holder(_wrapped(_without_main_guard(source))).wrapped_function

    def call(text):
        captured = io.StringIO()
        captured.close = _close  # type: ignore[assignment,method-assign]
        standard_output, sys.stdout = sys.stdout, captured
        try:
            _with_input(function, text)
        finally:
            sys.stdout = standard_output
        return captured.getvalue()

    return call


def _close(_):
    """Of the captured output. A program that calls it gives no argument, and fails, as there."""


def _unparse(statements):
    return ast.unparse(ast.Module(statements, []))


def _without_main_guard(source):
    try:
        tree = ast.parse(source)
        last = tree.body[-1]
        if isinstance(last, ast.If) and ast.unparse(last.test).strip() == "__name__ == '__main__'":
            return _unparse(tree.body[:-1]) + "\n" + _unparse(last.body)
    except Exception:
        pass
    return source


def _wrapped(source):
    try:
        body = ast.parse(source).body
        imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
        rest = [node for node in body if not isinstance(node, (ast.Import, ast.ImportFrom))]
        empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        function = ast.FunctionDef("wrapped_function", empty, rest, [], lineno=-1)
        return PRELUDE + "\n" + _unparse(imports) + "\n" + _unparse([function])
    except Exception:
        return source


class _MockOpen:
    """What `unittest.mock.mock_open(read_data=...)` gives a program: every file holds the test's input."""

    def __init__(self, text):
        self._text = text

    def __call__(self, *args, **kwargs):
        file = io.StringIO(self._text)
        file.write = lambda data: None  # type: ignore[assignment,method-assign,return-value]
        return file


class _Stdin:
    """The harness's stand-in for `sys.stdin`: `read` and `readlines` always give everything, `readline` goes on."""

    def __init__(self, text):
        self._text, self._lines = text, io.StringIO(text)
        self.buffer = _Buffer(text.encode("utf-8", "surrogatepass"))

    def read(self, *args):
        return self._text

    def readline(self, *args):
        return self._lines.readline(*args)

    def readlines(self, *args):
        return self._text.split("\n")

    def __getattr__(self, name):
        return getattr(self._lines, name)


class _Buffer:
    """Its `buffer`: every `readline` gives the first line."""

    def __init__(self, data):
        self._data = data

    def read(self, *args):
        return self._data

    def readline(self, *args):
        return self._data.split(b"\n")[0] + b"\n"


def _with_input(function, text):
    lines = iter(text.split("\n"))
    standard_input, opener = sys.stdin, builtins.open
    # The process's own stdin as well: a program has that by `from sys import stdin` at its top. Lines lack their end.
    methods = {"read": lambda *a: text, "readline": lambda *a: next(lines), "readlines": lambda *a: text.split("\n")}
    for name, method in methods.items():
        setattr(standard_input, name, method)
    sys.stdin, builtins.open = _Stdin(text), _MockOpen(text)
    try:
        function()
    except SystemExit:
        pass
    finally:
        sys.stdin, builtins.open = standard_input, opener
