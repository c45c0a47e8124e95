"""Grade a stream of submissions over several workers, each a thread with sandboxes of its own.

The sandboxes do the work; a thread only waits, compares and passes data on. Nothing is kept that grows with the stream:
a bounded number of submissions is in flight, and the memo of verdicts is bounded too.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from selfdistill.checked import checked
from selfdistill.errors import HarnessError, WrongValueError
from selfdistill.grading.isolation import require
from selfdistill.grading.judging import Bench, judge
from selfdistill.grading.limits import Isolation, Limits, Rules, Submission
from selfdistill.grading.outcomes import text
from selfdistill.grading.sandbox import SandboxKilledError
from selfdistill.records import Outcome, Tests, Verdict

_TRIES = 3
_PAUSE_SECONDS = 0.2
"""Before the second try, and twice that before the third: what was short may be there again."""
_RETRY_SECONDS = 60.0
"""No further try of a submission after this much."""
_MEMO_SIZE = 10_000


@checked
def grade(
    submissions: Iterable[Submission],
    *,
    limits: Limits | None = None,
    rules: Rules = "judge",
    isolation: Isolation = "full",
    workers: int | None = None,
    stop_early: bool = True,
) -> Iterator[Verdict]:
    """Grade submissions; verdicts come as they are ready, in no fixed order. Identical programs are run once.

    Args:
        submissions: read lazily, a few ahead of the verdicts.
        limits: of each test; the defaults of `Limits`.
        rules: how programs are run and outputs compared, see docs/grading.md.
        isolation: `full`, or by name a weaker level.
        workers: programs at a time; by default the processors that this process may use.
        stop_early: stop at a program's first failed test.

    Raises:
        UserError: the isolation asked for is not available on this machine; an argument is of the wrong type, or has
            no such value.
    """
    if workers is not None and workers < 1:
        raise WrongValueError(f"workers is {workers}, less than 1", where="grade()")
    limits = limits or Limits()
    require(isolation)
    count = workers or len(os.sched_getaffinity(0))
    return _stream(iter(submissions), [Bench(isolation, limits, rules) for _ in range(count)], stop_early)


def _stream(submissions: Iterator[Submission], benches: list[Bench], stop_early: bool) -> Iterator[Verdict]:
    todo: queue.SimpleQueue[Submission | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[Verdict | BaseException] = queue.SimpleQueue()
    memo = _Memo()
    threads = [
        threading.Thread(target=_work, args=(bench, processors, todo, done, memo, stop_early), daemon=True)
        for bench, processors in zip(benches, _processors(len(benches)), strict=True)
    ]
    for thread in threads:
        thread.start()
    in_flight = 0
    try:
        for submission in submissions:
            todo.put(submission)
            in_flight += 1
            if in_flight >= 2 * len(threads):
                yield _result(done)
                in_flight -= 1
        while in_flight:
            yield _result(done)
            in_flight -= 1
    finally:
        memo.stopped = True
        for _ in threads:
            todo.put(None)
        for thread in threads:
            thread.join()


def _processors(workers: int) -> list[set[int]]:
    """The processors of each worker, shared as little as can be: no program may slow down that of another worker.

    With one for each, none waits behind another's program either.
    """
    available = sorted(os.sched_getaffinity(0))
    if workers > len(available):
        return [{available[number % len(available)]} for number in range(workers)]
    return [set(available[number::workers]) for number in range(workers)]


def _result(done: queue.SimpleQueue[Verdict | BaseException]) -> Verdict:
    result = done.get()
    if isinstance(result, BaseException):
        raise result
    return result


class _Memo:
    """Verdicts of the programs seen last, by the program and the identity of its tests."""

    def __init__(self) -> None:
        self.stopped = False
        self._verdicts: OrderedDict[tuple[int, bytes], tuple[Tests, Verdict]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, submission: Submission) -> Verdict | None:
        """The verdict of an identical submission, under this one's key and with no time of its own."""
        with self._lock:
            found = self._verdicts.get(_memo_key(submission))
        return replace(found[1], key=submission.key, seconds=0.0) if found else None

    def put(self, submission: Submission, verdict: Verdict) -> None:
        """Remember a verdict. The tests are kept as well, so that their identity stays theirs."""
        if verdict.outcome is Outcome.HARNESS_ERROR:
            return
        with self._lock:
            self._verdicts[_memo_key(submission)] = (submission.tests, verdict)
            if len(self._verdicts) > _MEMO_SIZE:
                self._verdicts.popitem(last=False)


def _memo_key(submission: Submission) -> tuple[int, bytes]:
    program = (submission.program or "").encode("utf-8", "surrogatepass")
    return id(submission.tests), hashlib.blake2b(program, digest_size=16).digest()


def _work(
    bench: Bench,
    processors: set[int],
    todo: queue.SimpleQueue[Submission | None],
    done: queue.SimpleQueue[Verdict | BaseException],
    memo: _Memo,
    stop_early: bool,
) -> None:
    with suppress(OSError):  # taken away meanwhile
        os.sched_setaffinity(0, processors)  # of this thread, and of the sandboxes that it starts
    try:
        while (submission := todo.get()) is not None and not memo.stopped:
            verdict = memo.get(submission)
            if verdict is None:
                verdict = _judge_with_retries(bench, submission, stop_early)
                memo.put(submission, verdict)
            done.put(verdict)
    except BaseException as error:
        done.put(error)
    finally:
        bench.close()


def _judge_with_retries(bench: Bench, submission: Submission, stop_early: bool) -> Verdict:
    """A harness fault is ours: try again in fresh sandboxes, and at last say so instead of blaming the program.

    So is any exception while judging: it belongs to this submission and ends no run.
    """
    faults: list[Exception] = []
    began = time.monotonic()
    while len(faults) < _TRIES and time.monotonic() - began <= _RETRY_SECONDS:
        tried = time.monotonic()
        try:
            verdict = judge(bench, submission, stop_early=stop_early)
            return replace(verdict, seconds=verdict.seconds + tried - began) if faults else verdict
        except Exception as error:
            faults.append(error)
            bench.close()
            time.sleep(_PAUSE_SECONDS * len(faults))
    seconds = time.monotonic() - began
    if all(isinstance(fault, SandboxKilledError) for fault in faults):
        return Verdict(submission.key, Outcome.MEMORY_LIMIT, detail=_fault(faults[-1]), seconds=seconds)
    return Verdict(submission.key, Outcome.HARNESS_ERROR, detail=_fault(faults[-1]), seconds=seconds)


def _fault(error: Exception) -> str:
    """An exception as one short line that can be written."""
    said = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    return text(" ".join(said[:1000].split()).encode("utf-8", "replace"))
