"""What the end of a run means: outcomes from replies, exit statuses and limits. Compares nothing.

A program controls its reply and its exit status, so it can choose between failures; a pass is never read from here.
"""

from __future__ import annotations

import signal

from selfdistill.grading.ended import Ended, Report, Result, Run
from selfdistill.records import Outcome


def unanswered(run: Run, tags: tuple[bytes, ...] = (b"R",)) -> Result | None:
    """How a call failed that gave no answer under one of these tags, or None where it gave one."""
    if run.ended != "exit":
        return stopped(run.ended)
    return None if run.reply[:1] in tags else failure(run.reply, run.report)


def stopped(ended: Ended) -> Result:
    """The outcome of a run that the host stopped."""
    return {"timeout": Outcome.TIMEOUT, "memory limit": Outcome.MEMORY_LIMIT}.get(ended, Outcome.OUTPUT_LIMIT), ""


def failure(reply: bytes, report: Report) -> Result:
    """The outcome of a run that ended by itself without an answer. A program can choose which failure, not a pass."""
    tag, detail = reply[:1], text(reply[1:])
    if tag == b"S":
        return Outcome.SYNTAX_ERROR, detail
    if tag == b"N":
        return Outcome.WRONG_ANSWER, f"the answer is not plain data: {detail}"
    if detail == "MemoryError":
        return Outcome.MEMORY_LIMIT, detail
    if tag == b"E":
        return Outcome.EXCEPTION, detail
    number = report.status & 0x7F
    if (
        number == signal.SIGKILL
    ):  # nothing inside can send that to process 1 of a namespace; the kernel does, for memory
        return Outcome.MEMORY_LIMIT, "killed"
    if number:
        return Outcome.EXCEPTION, f"killed by {signal.Signals(number).name}" if number < 32 else f"signal {number}"
    return Outcome.EXCEPTION, f"ended with exit code {report.status >> 8} and no answer"


def text(data: bytes) -> str:
    """A reply's text as one short printable line."""
    return "".join(char if char.isprintable() else "?" for char in data[:1000].decode("utf-8", "replace"))[:200]
