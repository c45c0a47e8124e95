"""LiveCodeBench's official harness, imitated: one process for all tests, patched input, output captured as text.

Written anew from the harness's observable behaviour (lcb_runner/evaluation/testing_util.py): the star imports, the
program wrapped into one function so that its globals become locals, a trailing main guard unwrapped, `open`,
`sys.stdin` and its methods replaced, `SystemExit` ignored. What it does not imitate: its comparison, which is the
host's (`compare.py`), and its weakness against hostile programs. One reply a test: see `programs.py`; output of a stdin
test travels as a string.
"""

import ast
import builtins
import io
import sys
import types

from . import plain

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


def run(job, send):
    """Run every test and send a reply, each with its length in front; stop at the first that raises."""
    sys.set_int_max_str_digits(50000)
    sys.setrecursionlimit(50000)
    source = job["program"].decode("utf-8", "surrogatepass")
    try:
        if not job["prelude"]:
            run_test = _plain_calls(source, job["entry_point"])
        else:
            run_test = _call_based(source, job["entry_point"]) if job["entry_point"] else _standard_input(source)
    except BaseException as error:
        tag = b"S" if isinstance(error, (SyntaxError, ValueError)) else b"E"
        _send(send, tag + type(error).__name__.encode())
        return
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
        return list(prediction) if isinstance(prediction, tuple) else prediction

    return call


def _plain_calls(source, entry_point):
    """Not the official harness: a reference solution, run as it stands."""
    function = getattr(_module(source), entry_point)
    return lambda args: function(*args)


def _standard_input(source):
    function = _holder(_wrapped(_without_main_guard(source))).wrapped_function

    def call(text):
        captured = io.StringIO()
        captured.close = lambda *ignored: 1  # type: ignore[assignment,method-assign]
        standard_output, sys.stdout = sys.stdout, captured
        try:
            _with_input(function, text)
        finally:
            sys.stdout = standard_output
        return captured.getvalue()

    return call


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
    standard_input, opener = sys.stdin, builtins.open
    sys.stdin, builtins.open = _Stdin(text), _MockOpen(text)
    try:
        function()
    except SystemExit:
        pass
    finally:
        sys.stdin, builtins.open = standard_input, opener
