# ruff: noqa: E501 - small programs
"""Honest programs behave as from a shell: each of these prints what `python solution.py < input` prints."""

from __future__ import annotations

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.records import AssertTests, CallCase, CallTests, StdinCase, StdinTests

pytestmark = pytest.mark.usefixtures("sandbox_works")

STDIN = StdinTests((StdinCase("3\n", "13\n"), StdinCase("10\n", "27\n")))
READ = "n = 2 * int(input()) + 7\n"
PASS = {
    "dev stdout": f"{READ}with open('/dev/stdout', 'w') as out: print(n, file=out)",
    "dev stdout left open": f"{READ}out = open('/dev/stdout', 'w')\nprint(n, file=out)",
    "proc self fd 1": f"{READ}open('/proc/self/fd/1', 'w').write(str(n))",
    "dev stderr": f"{READ}print('x', file=open('/dev/stderr', 'w'))\nprint(n)",
    "descriptor left open": f"{READ}out = open(1, 'w')\nprint(n, file=out)",
    "held by a class": f"{READ}class Out:\n    file = open(1, 'w', closefd=False)\nprint(n, file=Out.file)",
    "its own file": f"{READ}import os, sys\nassert __file__ == '/tmp/solution.py' == os.path.abspath(sys.argv[0])\nprint(n)",
    "its own source": f"{READ}import sys\nassert 'its own source' in open(sys.argv[0]).read()\nprint(n)  # its own source",
    "inspect": f"{READ}import inspect\ndef f(): return 1  # one\nclass C:\n    x = 1\nassert '# one' in inspect.getsource(f) and 'x = 1' in inspect.getsource(C)\nprint(n)",
    "traceback": f"{READ}import traceback\ndef boom(): raise ValueError  # here\ntry: boom()\nexcept ValueError: assert '# here' in traceback.format_exc()\nprint(n)",
    "imports a module that it writes": f"{READ}open('helper.py', 'w').write('x = 5')\nimport helper\nprint(n + helper.x - 5)",
    "help": f"{READ}import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as text: help(len)\nassert 'len(' in text.getvalue()\nprint(n)",
    "site's names": f"{READ}exit, quit, copyright, credits, license, help\nprint(n)",
    "closes stdout": f"{READ}print(n)\nimport sys\nsys.stdout.close()",
    "replaces stdout": f"{READ}print(n)\nimport sys, io\nsys.stdout = io.StringIO()",
    "no stdout": f"{READ}print(n)\nimport sys\nsys.stdout = None",
    "dies at the end": f"{READ}class Last:\n    def __del__(self): print(n)\nlast = Last()",
    "threads": f"{READ}import threading, time\nthreads = [threading.Thread(target=time.sleep, args=(0.1,)) for _ in range(24)]\nfor t in threads: t.start()\nfor t in threads: t.join()\nprint(n)",
    "handles its own signal": f"{READ}import os, signal\nsignal.signal(signal.SIGUSR1, lambda *a: print(n))\nos.kill(os.getpid(), signal.SIGUSR1)",
    "interrupts itself": f"{READ}import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    import time; time.sleep(5)\nexcept KeyboardInterrupt: print(n)",
    "alarm": f"{READ}import signal, time\nclass Late(Exception): pass\ndef late(*a): raise Late\nsignal.signal(signal.SIGALRM, late)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)\ntry: time.sleep(5)\nexcept Late: print(n)",
    "its child is killed": f"{READ}import os, signal, time\npid = os.fork()\nif pid == 0: time.sleep(9)\nos.kill(pid, signal.SIGTERM)\nassert os.waitpid(pid, 0)[1] == signal.SIGTERM\nprint(n)",
    "wrapped stdout": f"{READ}import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'utf-8', line_buffering=True)\nprint(n)",
    "detached stdout": f"{READ}import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'utf-8')\nprint(n)",
    "printed by C": f"{READ}import ctypes\nctypes.CDLL(None).printf(b'%d', n)",
    "names of a main module": f"{READ}assert __annotations__ == {{}} and __spec__ is __cached__ is None and __loader__.name == '__main__'\nprint(n)",
    "the name localhost": f"{READ}import socket\nserver = socket.create_server(('localhost', 0))\nclient = socket.create_connection(('localhost', server.getsockname()[1]))\nserver.accept()[0].send(b'1')\nassert client.recv(1) == b'1'\nprint(n)",
    "main module": f"{READ}import __main__\nfrom __main__ import n as m\nprint(m)",
}
FAIL = {
    **{
        f"ends itself by {name}": f"{READ}import os, signal\nprint(n, flush=True)\nos.kill(os.getpid(), signal.{name})"
        for name in ("SIGTERM", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGABRT", "SIGSEGV")
    },
    "raises a signal": f"{READ}import signal\nprint(n, flush=True)\nsignal.raise_signal(signal.SIGTERM)",
    "alarm without a handler": f"{READ}import signal, time\nprint(n, flush=True)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)\ntime.sleep(1)",
    "flush fails": f"{READ}import sys\nprint(n, flush=True)\nclass Out:\n    def flush(self): raise OSError\nsys.stdout = Out()",
    "takes its output back": f"{READ}import os\nprint(n, flush=True)\nos.read(os.open('/proc/self/fd/1', os.O_RDONLY), 10)",
}


def test_stdin_programs() -> None:
    submissions = [Submission(name, code, STDIN) for name, code in (PASS | FAIL).items()]
    verdicts = {verdict.key: verdict for verdict in grade(submissions, limits=Limits(10.0))}
    assert {name for name, verdict in verdicts.items() if verdict.passed} == PASS.keys()


def test_functions_too() -> None:
    """Their file, their threads, and the signals that they send themselves."""
    source = "import inspect\ndef f(n): return 'inspect' in open(__file__).read() and len(inspect.getsource(f)) > 9"
    kill = "import os, signal\ndef f(n):\n    os.kill(os.getpid(), signal.SIGTERM)\n    return True"
    call, check = CallTests("f", (CallCase((1,), True),)), AssertTests("assert f(1) is True")
    submissions = [Submission(f"{name}/{kind}", code, tests) for kind, tests in (("call", call), ("assert", check))
                   for name, code in (("source", source), ("kill", kill))]  # fmt: skip
    verdicts = {verdict.key: verdict.passed for verdict in grade(submissions, limits=Limits(10.0))}
    assert verdicts == {"source/call": True, "kill/call": False, "source/assert": True, "kill/assert": False}


def test_a_file_of_the_program_is_gone_for_the_next() -> None:
    leave = "import sys\nopen(sys.argv[0]).close()\nprint(1)"
    look = "import os\nprint(len(os.listdir('/tmp')))"
    tests = {"leave": StdinTests((StdinCase("", "1"),)), "look": StdinTests((StdinCase("", "0"),))}
    submissions = [Submission(f"{i}", f"{code}  # {i}", tests[name]) for i in range(3)
                   for name, code in (("leave", leave), ("look", look))]  # fmt: skip
    assert all(verdict.passed for verdict in grade(submissions, workers=1))
