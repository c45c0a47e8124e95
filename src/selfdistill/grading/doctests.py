"""Examples of a docstring (`DoctestTests`): run after the program in its sandbox, compared on the host like `doctest`.

What an example must print never enters the sandbox; what it does print is read as plain data.
"""

from __future__ import annotations

import doctest
from collections.abc import Sequence

from selfdistill.grading.checker import Checker
from selfdistill.grading.ended import Result, RunJob
from selfdistill.grading.inside import plain
from selfdistill.grading.outcomes import failure, stopped
from selfdistill.grading.replies import split_replies
from selfdistill.records import DoctestExample, DoctestTests, Outcome


def run_examples(run_job: RunJob, checker: Checker, program: bytes, tests: DoctestTests) -> tuple[Result, float]:
    """Run all examples in one process under one time limit.

    Returns:
        the result of the first example that is wrong, else a pass; and the seconds that were used.
    """
    sources = [example.source for example in tests.examples]
    run = run_job({"kind": "examples", "program": program, "sources": sources})
    replies = split_replies(run.reply, len(sources))
    answered = next((at for at, reply in enumerate(replies) if reply[:1] != b"R"), len(replies))
    given = replies[:answered]
    results, seconds = checker.check(len(run.reply), run.seconds, check_examples, tests.examples, given)
    seconds += run.seconds
    if results and results[-1][0] is not Outcome.PASSED:
        return results[-1], seconds
    if answered < len(replies):
        return failure(replies[answered], run.report), seconds
    if run.ended != "exit":
        return stopped(run.ended), seconds
    return ((Outcome.PASSED, "") if len(replies) == len(sources) else failure(b"", run.report)), seconds


def check_examples(examples: Sequence[DoctestExample], replies: Sequence[bytes]) -> list[Result]:
    """What these replies decide, up to the first example that is wrong. Every reply is an answer."""
    results: list[Result] = []
    for example, reply in zip(examples, replies, strict=False):
        results.append(_result(example, reply))
        if results[-1][0] is not Outcome.PASSED:
            break
    return results


def _result(example: DoctestExample, reply: bytes) -> Result:
    where = f"example {example.source.strip().splitlines()[0]}"
    try:
        found = plain.decode(reply[1:])
    except plain.NotPlainError as error:
        return Outcome.WRONG_ANSWER, f"{where}: the answer is not plain data: {error}"
    match found:
        case (str(printed), None | str() as raised):
            pass
        case _:
            return Outcome.WRONG_ANSWER, f"{where}: no answer of an example"
    if raised is not None and example.raises is None:
        return Outcome.EXCEPTION, f"{where}: {raised.strip()}"
    return (Outcome.PASSED, "") if _matches(example, printed, raised) else (Outcome.WRONG_ANSWER, where)


def _matches(example: DoctestExample, printed: str, raised: str | None) -> bool:
    flags = sum(doctest.OPTIONFLAGS_BY_NAME[name] for name in example.options)
    checker = doctest.OutputChecker()
    if example.raises is None:
        return checker.check_output(example.want, printed, flags)
    if raised is None:
        return False
    if checker.check_output(example.raises, raised, flags):
        return True
    return "IGNORE_EXCEPTION_DETAIL" in example.options and _kind(example.raises) == _kind(raised)


def _kind(message: str) -> str:
    """The exception's name, without its module and what it says."""
    return message.partition("\n")[0].partition(":")[0].rpartition(".")[2].strip()
