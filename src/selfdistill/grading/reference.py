"""Run a reference solution on many inputs, in the sandbox, to learn the results that programs are held to."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from functools import cache
from typing import Any

from selfdistill.errors import HarnessError
from selfdistill.grading.inside import plain
from selfdistill.grading.isolation import require
from selfdistill.grading.jobs import run_job
from selfdistill.grading.limits import Limits
from selfdistill.grading.replies import split_replies
from selfdistill.grading.sandbox import Sandbox

_LIMITS = Limits(seconds_per_test=60.0, memory_mb=4096, output_mb=256)
_OUT_OF_MEMORY = b"EMemoryError"
_MOST_STOPPED = 8
"""Inputs of one problem on which the reference may be stopped."""


def call_reference(program: str, entry_point: str, inputs: Sequence[tuple[Any, ...]]) -> list[tuple[int, Any]]:
    """The results of calling `entry_point` on each input, in one process as far as that lasts.

    Returns:
        (position in the inputs, result). An input is left out whose result no program could give under the grader's own
        limits: it is larger than its output may be, or takes the reference's memory or a minute.

    Raises:
        ValueError: the reference raises on an input, answers with something that is not plain data, or is stopped on
        more
            than a few.
        UserError: programs cannot be isolated on this machine.
    """
    require("full")
    results: list[tuple[int, Any]] = []
    start = stopped = 0
    while start < len(inputs):
        job = {"kind": "livecodebench", "program": program.encode(), "entry_point": entry_point, "prelude": False}
        try:
            run = run_job(_sandbox(), {**job, "tests": list(inputs[start:])}, _LIMITS)
        except HarnessError as error:
            raise ValueError(f"the reference solution could not be run: {error}") from error
        replies = split_replies(run.reply, len(inputs) - start)
        for position, reply in enumerate(replies, start):
            if reply[:1] != b"R" and reply != _OUT_OF_MEMORY:
                raise ValueError(f"the reference solution fails on input {position}")
            if reply[:1] == b"R" and len(reply) <= Limits().output_mb << 20:
                results.append((position, plain.decode(reply[1:])))
        start += len(replies)
        if start < len(inputs):
            stopped += 1
            # The child ends after an input that raises; one that stops it has no reply.
            raised = bool(replies) and replies[-1] == _OUT_OF_MEMORY
            if stopped > _MOST_STOPPED or (run.ended == "exit" and not raised):
                raise ValueError(f"the reference solution fails on input {start}")
            start += not raised
    return results


@cache
def _sandbox() -> Sandbox:
    sandbox = Sandbox("full", _LIMITS)
    atexit.register(sandbox.close)
    return sandbox
