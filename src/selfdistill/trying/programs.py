"""Run a program that a model wrote, in the grader's sandbox, to see what it prints."""

from __future__ import annotations

from selfdistill.grading.isolation import require
from selfdistill.grading.jobs import run_job
from selfdistill.grading.limits import Isolation, Limits
from selfdistill.grading.sandbox import Sandbox

SHOWN = 4000
"""Characters of output."""
_WRAPPED = """import sys, traceback
try:
    exec(compile({program!r}, "program.py", "exec"), {{"__name__": "__main__"}})
except SystemExit:
    raise
except BaseException as error:
    first, *lines = traceback.format_exception(error)
    sys.stdout.write("".join([first, *(line for line in lines if '"<' not in line and "exec(compile" not in line)]))
"""


def run_program(program: str, stdin: str = "", *, isolation: Isolation = "full", limits: Limits | None = None) -> str:
    """What the program prints, its traceback included, and how it ended where that was not by itself.

    Args:
        program: a whole Python program; nothing of it is run outside of the sandbox.
        stdin: its standard input.
        isolation: `full`, or `process`, which is weaker.
        limits: the grader's defaults if not given.

    Raises:
        UserError: this machine cannot isolate programs as asked.
        HarnessError: the sandbox failed, not the program.
    """
    require(isolation)
    limits = limits or Limits()
    sandbox = Sandbox(isolation, limits)
    try:
        wrapped = _WRAPPED.format(program=program).encode("utf-8", "surrogatepass")
        run = run_job(sandbox, {"kind": "stdin", "program": wrapped}, limits, stdin=stdin)
    finally:
        sandbox.close()
    output = run.output.decode("utf-8", "replace").rstrip()
    if len(output) > SHOWN:
        output = f"{output[:SHOWN]}\n... {len(output) - SHOWN:,} more characters"
    if run.ended != "exit":
        return f"{output}\n[stopped: {run.ended} after {run.seconds:.1f} s]".lstrip()
    return output or "[printed nothing]"
