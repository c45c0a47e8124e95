"""Grade a stream of submissions over several workers. The memo of verdicts is bounded, as all that they keep."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from selfdistill.checked import checked
from selfdistill.errors import HarnessError, WrongValueError
from selfdistill.grading.children import SandboxKilledError
from selfdistill.grading.isolation import require
from selfdistill.grading.judging import Bench, judge
from selfdistill.grading.limits import Isolation, Limits, Rules, Submission
from selfdistill.grading.outcomes import text
from selfdistill.grading.workers import over_workers, tried, worker_count
from selfdistill.records import Outcome, Tests, Verdict

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
    memo = _Memo()
    benches = [Bench(isolation, limits, rules) for _ in range(worker_count(workers))]
    return over_workers(submissions, [_Judge(bench, memo, stop_early) for bench in benches])


class _Memo:
    """Verdicts of the programs seen last, by the program and the identity of its tests."""

    def __init__(self) -> None:
        self._verdicts: OrderedDict[tuple[int, bytes], tuple[Tests, Verdict]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, submission: Submission) -> Verdict | None:
        """The verdict of an identical submission, under this one's key and with no time of its own."""
        key = _memo_key(submission)  # not under the lock: a program may be long
        with self._lock:
            found = self._verdicts.get(key)
        return replace(found[1], key=submission.key, seconds=0.0) if found else None

    def put(self, submission: Submission, verdict: Verdict) -> None:
        """Remember a verdict. The tests are kept as well, so that their identity stays theirs."""
        if verdict.outcome is Outcome.HARNESS_ERROR:
            return
        key = _memo_key(submission)
        with self._lock:
            self._verdicts[key] = (submission.tests, verdict)
            if len(self._verdicts) > _MEMO_SIZE:
                self._verdicts.popitem(last=False)


def _memo_key(submission: Submission) -> tuple[int, bytes]:
    program = (submission.program or "").encode("utf-8", "surrogatepass")
    return id(submission.tests), hashlib.blake2b(program, digest_size=16).digest()


class _Judge:
    """One worker: its bench, and what all workers remember."""

    def __init__(self, bench: Bench, memo: _Memo, stop_early: bool) -> None:
        self._bench, self._memo, self._stop_early = bench, memo, stop_early

    def work(self, submission: Submission) -> Verdict:
        """The verdict, from an identical submission where there is one."""
        verdict = self._memo.get(submission)
        if verdict is None:
            verdict = self._judged(submission)
            self._memo.put(submission, verdict)
        return verdict

    def close(self) -> None:
        """End the bench."""
        self._bench.close()

    def _judged(self, submission: Submission) -> Verdict:
        """What still fails after some tries is said to be ours, instead of blaming the program."""
        verdict, faults, lost = tried(
            lambda: judge(self._bench, submission, stop_early=self._stop_early), self._bench.close
        )
        if verdict is not None:
            return replace(verdict, seconds=verdict.seconds + lost) if faults else verdict
        ours = not all(isinstance(fault, SandboxKilledError) for fault in faults)
        outcome = Outcome.HARNESS_ERROR if ours else Outcome.MEMORY_LIMIT
        return Verdict(submission.key, outcome, detail=_fault(faults[-1]), seconds=lost)


def _fault(error: Exception) -> str:
    """An exception as one short line that can be written."""
    said = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    return text(" ".join(said[:1000].split()).encode("utf-8", "replace"))
