"""What a program finds and what happens at its end, as if a shell had run `python solution.py` in /tmp.

Its file is there if its text asks for one. At its end threads are joined, exit functions run, its objects die and
streams are flushed, as the interpreter does it. Nothing here is trusted: all of it runs in the program's process.
"""

import atexit
import builtins
import gc
import io
import os
import sys
from _frozen_importlib_external import SourceFileLoader
from _sitebuiltins import Quitter, _Helper, _Printer

from . import kernel

FILE = "/tmp/solution.py"
_NEEDS_FILE = (b"__file__", b"argv", b"inspect", b"linecache", b"traceback", b"solution", b"runpy", b"doctest", b"pdb")
_NEEDS_SIGNALS = (b"signal", b"kill", b"alarm", b"itimer")
_SPEAKS_LAST = (b"__del__", b"finally", b"weakref", b"open(", b"FileIO", b"Buffered", b"Wrapper")
"""Words of programs whose objects may still write something when they die; freeing those of others costs time."""


def define_builtins():
    """What the `site` module adds to the built-in names."""
    builtins.exit, builtins.quit = Quitter("exit", "Ctrl-D"), Quitter("quit", "Ctrl-D")
    builtins.help = _Helper()
    builtins.copyright = _Printer("copyright", sys.copyright)
    builtins.credits = _Printer("credits", "See https://www.python.org for more information.")
    builtins.license = _Printer("license", "See https://www.python.org/psf/license/")


def open_stdout():
    """Standard output anew, as onto a pipe: what the interpreter opened at its start remembers that it can seek."""
    kept, (reader, writer) = os.dup(1), os.pipe()
    os.dup2(writer, 1)
    raw = io.FileIO(1, "wb", closefd=False)
    raw.name = "<stdout>"
    stream = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", sys.stdout.errors, newline="\n")
    stream.mode = "w"  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = stream  # type: ignore[misc]
    os.dup2(kept, 1)
    for descriptor in (kept, reader, writer):
        os.close(descriptor)


def dress(module, source):
    """Give a program's module its file name, and the file where its text may look for it."""
    loader = SourceFileLoader(module.__name__, FILE)
    own = {"__builtins__": builtins, "__file__": FILE, "__loader__": loader, "__cached__": None, "__annotations__": {}}
    module.__dict__.update(own)
    if os.getcwd() == "/tmp" and any(word in source for word in _NEEDS_FILE):  # else the directory is the machine's
        with open(FILE, "wb") as file:
            file.write(source)


def take_signals(source):
    """Go on as process 2 where the program may send itself a signal: process 1 ignores what it does not handle.

    Process 1 waits, and ends as a shell tells it: with 128 and the signal's number.
    """
    if os.getpid() != 1 or not any(word in source for word in _NEEDS_SIGNALS):
        return
    kernel.set_dumpable(False)  # nothing of it is secret, but the program must not end by way of it
    program = kernel.clone(0)
    if program == 0:
        kernel.set_dumpable(True)
        return
    os.closerange(0, 4)
    ended = status = 0
    while ended != program:
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def end(source, exit_code):
    """What the interpreter does at its end and a program can see; the process's exit code.

    The caller holds no reference to the program's module.
    """
    try:
        threading = sys.modules.get("threading")
        if threading is not None:
            threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException:
        pass
    exit_code = _flushed(sys.stdout, exit_code)
    if any(word in source for word in _SPEAKS_LAST):
        try:
            _flush_files()
            del sys.modules["__main__"]
            gc.collect()
        except BaseException:
            pass
    _flushed(sys.__stdout__, 0)  # where the program has put another in its place; or objects have printed
    kernel.flush_c_streams()
    return exit_code


def _flush_files():
    """Flush what the program has left open: the collector may close a file before the buffer on it."""
    for item in gc.get_objects():  # without those of before the program, which are frozen
        if issubclass(type(item), (io.TextIOWrapper, io.BufferedWriter)):
            _flushed(item, 0)


def _flushed(stream, exit_code):
    try:
        if stream is not None and not getattr(stream, "closed", False):
            stream.flush()
    except BaseException:
        return exit_code or 120
    return exit_code
