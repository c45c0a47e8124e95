"""Run a reference solution on many inputs, in the sandbox, to learn the results that programs are held to."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from functools import cache
from typing import Any

from selfdistill.errors import HarnessError
from selfdistill.grading.inside import plain
from selfdistill.grading.isolation import require
from selfdistill.grading.limits import Limits
from selfdistill.grading.official import split_replies
from selfdistill.grading.sandbox import Sandbox

_LIMITS = Limits(seconds_per_test=60.0, memory_mb=4096, output_mb=1024)


def call_reference(program: str, entry_point: str, inputs: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The results of calling `entry_point` on each input, all in one process.

    Raises:
        ValueError: the reference fails on an input, or answers with something that is not plain data.
        UserError: programs cannot be isolated on this machine.
    """
    from selfdistill.grading.jobs import run_job

    require("full")
    job = {"kind": "livecodebench", "program": program.encode(), "entry_point": entry_point, "tests": list(inputs)}
    try:
        run = run_job(_sandbox(), {**job, "prelude": False}, _LIMITS)
    except HarnessError as error:
        raise ValueError(f"the reference solution could not be run: {error}") from error
    replies = split_replies(run.reply, len(inputs))
    if len(replies) != len(inputs) or any(reply[:1] != b"R" for reply in replies):
        raise ValueError(f"the reference solution fails on input {len(replies)}")
    return [plain.decode(reply[1:]) for reply in replies]


@cache
def _sandbox() -> Sandbox:
    sandbox = Sandbox("full", _LIMITS)
    atexit.register(sandbox.close)
    return sandbox
