"""How each kind of job runs its program, from inside the untrusted child. Nothing here knows an expected value.

Replies on the channel: `R` + plain data is an answer; `E` + type name, an exception; `S` + type name, source that
does not compile; `N` + reason, an answer that is not plain data. For stdin programs the answer is what they print.
"""

import builtins
import marshal
import os
import sys
import types

from . import arguments, arrays, kernel, livecodebench, plain, serve, shell

PRELUDE: dict = {}
"""The built-in names, and what LeetCode imports before a solution (LiveCodeBench's list)."""
_COMPILE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, SystemError)


def warm_up():
    """Fill the prelude, import what programs import most, define what the `site` module defines.

    No more than that: every library that is mapped costs a fork and an exit a few microseconds.
    """
    kernel.share_arenas()
    shell.define_builtins()
    shell.open_stdout()
    exec(livecodebench.PRELUDE, PRELUDE)
    for name in ("__builtins__", "exit"):
        PRELUDE.pop(name, None)
    for name, value in vars(builtins).items():
        PRELUDE.setdefault(name, value)
    sys.setrecursionlimit(1000)
    for name in ("threading", "fractions"):
        __import__(name)


def rehearse():
    """Do on a tiny program what every job does, so that the memory it touches is this process's own by then."""
    namespace: dict = {}
    exec(compile(b"def f(x):\n    return [x, str(x)]\n", "rehearsal", "exec", dont_inherit=True), namespace)
    plain.encode(namespace["f"](marshal.loads(marshal.dumps({"kind": (1, 2.5)}))["kind"]))
    types.ModuleType("rehearsal")


def run_stdin(job, channel):
    """A whole program: real stdin and stdout, `__name__ == "__main__"`, an exit code."""
    source = job["program"]
    shell.take_signals(source)
    code = _compile(source, channel)
    module = types.ModuleType("__main__")
    shell.dress(module, source)
    sys.modules["__main__"] = module
    sys.path.insert(0, os.path.dirname(shell.FILE))
    exit_code, write, leave, end = 0, os.write, os._exit, shell.end
    try:
        exec(code, module.__dict__)
    except SystemExit as stop:
        exit_code = _exit_code(stop.code)
    except BaseException as error:
        write(channel, b"E" + type(error).__name__.encode()[:200])
        exit_code = 1
    del module
    leave(end(source, exit_code))


def run_call(job, channel):
    """One call of a function, or of a method of `class Solution`."""
    namespace = load(job["program"], channel, prelude=True)
    _reply(channel, lambda: arrays.marked(entry_point(namespace, job["entry_point"])(*job["args"])))


def run_calls(job, channel):
    """The calls of an assertion script, one after the other in one process; an answer each, its length in front."""
    namespace = load(job["program"], channel, frame=serve.frame)
    for name, args, kwargs in job["calls"]:
        try:
            if name not in namespace:
                raise NameError(name)
            reply = b"R" + plain.encode(namespace[name](*args, **kwargs))
        except BaseException as error:
            reply = _failure(error)
        _write_all(channel, serve.frame(reply))
    os._exit(0)


def run_examples(job, channel):
    """Examples of a docstring, one after the other, as typed at the prompt; what each prints and raises, its length in
    front."""
    import io
    import traceback

    def printed(source):
        sys.stdout, said = io.StringIO(), None
        try:
            exec(compile(source, "<example>", "single", dont_inherit=True), namespace)
        except BaseException as error:
            said = traceback.format_exception_only(type(error), error)[-1]
        return sys.stdout.getvalue(), said

    namespace = load(job["program"], channel, frame=serve.frame)
    for source in job["sources"]:
        try:
            reply = b"R" + plain.encode(printed(source))
        except BaseException as error:
            reply = _failure(error)
        _write_all(channel, serve.frame(reply))
    os._exit(0)


def run_outputs(job, channel):
    """Calls of one function on many inputs in one process; an answer each, its length in front, and no end at one that
    raises."""
    namespace = load(job["program"], channel, prelude=job["prelude"], frame=serve.frame)
    for args in job["inputs"]:
        try:
            reply = b"R" + plain.encode(entry_point(namespace, job["entry_point"])(*args))
        except BaseException as error:
            reply = _failure(error)
        _write_all(channel, serve.frame(reply))
    os._exit(0)


def run_output(job, channel):
    """The value of an expression, with nothing defined but the built-in names (CRUXEval's output prediction)."""
    code = _answer(lambda: compile(job["expression"].strip(), "answer", "eval", dont_inherit=True), channel)
    _reply(channel, lambda: eval(code, {}))


def run_input(job, channel):
    """What `f` gives for an answer's arguments (CRUXEval's input prediction)."""
    namespace = load(job["program"], channel)
    code = _answer(lambda: arguments.code_of(job["expression"]), channel)
    function, names = namespace["f"], arguments.names_for(namespace)

    def call():
        args, kwargs = eval(code, names)
        return function(*args, **kwargs)

    _reply(channel, call)


def _answer(parse, channel):
    try:
        return parse()
    except _COMPILE_ERRORS as error:
        _write_all(channel, b"S" + type(error).__name__.encode())
        os._exit(0)


def _reply(channel, call):
    try:
        reply = b"R" + plain.encode(call())
    except BaseException as error:
        reply = _failure(error)
    _write_all(channel, reply)
    os._exit(0)


def run_serve(job, channel):
    """Answer the calls that a test script makes, from another sandbox."""
    serve.serve(load(job["program"], channel, frame=serve.frame), channel)


def run_livecodebench(job, channel):
    """All tests of one program in one process, as the official LiveCodeBench harness runs them."""
    shell.take_signals(job["program"])
    livecodebench.run(job, lambda reply: _write_all(channel, reply))
    os._exit(0)


KINDS = {
    "stdin": run_stdin,
    "call": run_call,
    "output": run_output,
    "input": run_input,
    "calls": run_calls,
    "examples": run_examples,
    "outputs": run_outputs,
    "serve": run_serve,
    "livecodebench": run_livecodebench,
}


def load(source, channel, *, prelude=False, frame=bytes):
    """Execute a program as a module and give its namespace; report and exit where that fails."""
    shell.take_signals(source)
    code = _compile(source, channel, frame)
    module = types.ModuleType("solution")
    shell.dress(module, source)
    sys.modules["__main__"] = sys.modules["solution"] = module
    if prelude:
        # Found as built-in names: a copy into each program's own would touch, and so copy, the page of every object.
        module.__dict__["__builtins__"] = PRELUDE
        sys.setrecursionlimit(50000)
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        _write_all(channel, frame(_failure(error)))
        os._exit(0)
    return module.__dict__


def entry_point(namespace, name):
    """The function `name`, or that method of a new `Solution`."""
    solution = namespace.get("Solution")
    if isinstance(solution, type) and hasattr(solution, name):
        return getattr(solution(), name)
    if name not in namespace:
        raise NameError(name)
    return namespace[name]


def _compile(source, channel, frame=bytes):
    try:
        return compile(source, shell.FILE, "exec", dont_inherit=True)
    except _COMPILE_ERRORS as error:
        _write_all(channel, frame(b"S" + type(error).__name__.encode()))
        os._exit(1)


def _failure(error):
    if isinstance(error, plain.NotPlainError):
        return b"N" + str(error).encode("utf-8", "replace")[:200]
    return b"E" + type(error).__name__.encode("utf-8", "replace")[:200]


def _exit_code(code):
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _write_all(descriptor, data, _write=os.write):
    view = memoryview(data)
    while view:
        view = view[_write(descriptor, view) :]
