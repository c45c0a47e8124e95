"""Filters of related methods, for comparison only: SSD itself trains on every sample.

`compiles` and `lint` are deterministic tools as weak filters; `passing` is rejection sampling (ReST, arXiv 2308.08998)
and uses the prompts' tests as a verifier.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.embedded.problems import prompt_problems
from selfdistill.errors import MissingExtraError, UserError
from selfdistill.files import append_records, read_records
from selfdistill.grading.checker import Checker
from selfdistill.grading.checks import check_compiles
from selfdistill.grading.ended import Result
from selfdistill.grading.limits import Limits, Submission
from selfdistill.grading.pool import grade
from selfdistill.grading.workers import tried
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.programs.extract import answer_of, assemble_program
from selfdistill.processes import is_main_process
from selfdistill.records import AssertTests, Outcome, Problem, Prompt, Sample, Verdict

if TYPE_CHECKING:
    from selfdistill.recipe.evaluation import GradingSettings
    from selfdistill.recipe.training import TrainingSettings

APPEND_EVERY = 256
_COMPILING = Limits(seconds_per_test=2.0, memory_mb=512)
_VERIFIER = "set training.verifier to a benchmark with them"


def judge_samples(
    training: TrainingSettings,
    grading: GradingSettings,
    source: str,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    verdicts: Path,
    *,
    chat: bool,
) -> dict[int, str]:
    """Which samples `training.keep` refuses, with the reason.

    Args:
        training: the recipe's section, which says what is kept.
        grading: how tests are run.
        source: the recipe's of the prompts, which may bring their tests.
        prompts: those that were sampled.
        samples: in order.
        verdicts: where the grader's verdicts are kept, for `passing`.
        chat: whether completions are answers from which the code must be extracted.

    Raises:
        UserError: tests are wanted and a prompt has none.
        MissingExtraError: ruff is wanted and not installed.
    """
    keep = training.keep
    if keep == "all":
        return {}
    if keep == "passing":
        tests = partial(_problems, training, source)
        return _failing(tests, grading, samples, verdicts, chat=chat)
    by_id = {prompt.prompt_id: prompt for prompt in prompts}
    programs = [_program(by_id[sample.prompt_id], sample, chat=chat) for sample in samples]
    if keep == "compiles":
        return dict.fromkeys(_not_compiling(programs), "does not compile")
    return dict.fromkeys(_lint(programs), "lint")


def require_judge(training: TrainingSettings, source: str) -> None:
    """Make sure that what `training.keep` judges by is there.

    Raises:
        MissingExtraError: ruff is wanted and not installed.
        UserError: there is no such benchmark of tests, or none is named and the prompts have none of their own.
    """
    if training.keep == "lint" and util.find_spec("ruff") is None:
        raise MissingExtraError("training.keep lint", extra="lint")
    if training.keep == "passing" and not _problems(training, source):
        raise UserError(f"the prompts of {source} have no tests", where="training.keep", fix=_VERIFIER)


def _program(prompt: Prompt, sample: Sample, *, chat: bool) -> str | None:
    prefix = "" if chat else prompt.statement
    return assemble_program(
        Problem(prompt.prompt_id, "", AssertTests(""), program_prefix=prefix), sample.text, chat=chat
    )


def _not_compiling(programs: Sequence[str | None]) -> list[int]:
    """Indices of the programs that do not compile. They are compiled where that can be killed, and never run."""
    checker = Checker(_COMPILING)

    def compiles(program: str) -> list[Result]:
        return checker.check_apart(0.0, check_compiles, program)[0]

    try:
        found = [
            tried(partial(compiles, program), checker.close)[0] if program is not None else None for program in programs
        ]
    finally:
        checker.close()
    return [index for index, results in enumerate(found) if not results or results[0][0] is not Outcome.PASSED]


def _lint(programs: Sequence[str | None]) -> list[int]:
    """Indices of the programs in which ruff finds a fault of rules E9 (cannot be run) or F (pyflakes)."""
    with tempfile.TemporaryDirectory() as folder:
        for index, program in enumerate(programs):
            (Path(folder) / f"{index:08d}.py").write_text(
                program if program is not None else "(", encoding="utf-8", errors="replace"
            )
        command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E9,F"]
        done = subprocess.run(
            [*command, "--output-format", "json", folder], capture_output=True, text=True, check=False
        )
    if done.returncode not in (0, 1) or "No module named ruff" in done.stderr:
        raise MissingExtraError("training.keep lint", extra="lint")
    return sorted({int(Path(fault["filename"]).stem) for fault in json.loads(done.stdout)})


def _failing(
    tests: Callable[[], Sequence[Problem]],
    grading: GradingSettings,
    samples: Sequence[Sample],
    path: Path,
    *,
    chat: bool,
) -> dict[int, str]:
    verdicts = {verdict.key: verdict for verdict in read_records(path, Verdict)}
    if is_main_process():
        waiting: list[Verdict] = []
        for verdict in _grade(tests, grading, [s for s in samples if s.key not in verdicts], chat=chat):
            verdicts[verdict.key] = verdict
            waiting.append(verdict)
            if len(waiting) >= APPEND_EVERY:
                append_records(path, waiting)
                waiting.clear()
        append_records(path, waiting)
    found = ((index, verdicts[sample.key].outcome) for index, sample in enumerate(samples))
    return {index: _reason(outcome) for index, outcome in found if outcome is not Outcome.PASSED}


def _reason(outcome: Outcome) -> str:
    """A sample without a verdict has not failed; but only samples that are known to pass may be kept."""
    return "could not be judged" if outcome is Outcome.HARNESS_ERROR else "fails its tests"


def _grade(
    tests: Callable[[], Sequence[Problem]], settings: GradingSettings, samples: Sequence[Sample], *, chat: bool
) -> Iterator[Verdict]:
    if not samples:
        return iter(())
    problems = {problem.task_id: problem for problem in tests()}
    missing = next((sample.prompt_id for sample in samples if sample.prompt_id not in problems), None)
    if missing is not None:
        raise UserError(
            f"prompt {missing} has no tests",
            where="training.keep",
            fix=_VERIFIER,
        )
    limits = Limits(seconds_per_test=settings.seconds_per_test, memory_mb=settings.memory_mb)
    submissions = (
        Submission(answer.key, answer.program, answer.tests)
        for s in samples
        for answer in [
            answer_of(problems[s.prompt_id], s.text, s.key, chat=chat, answers=settings.answers, rules=settings.rules)
        ]
    )
    return grade(
        submissions, limits=limits, rules=settings.rules, isolation=settings.isolation, workers=settings.workers
    )


def _problems(training: TrainingSettings, source: str) -> Sequence[Problem]:
    if training.verifier is not None:
        return load_benchmark(training.verifier)
    return tuple(prompt_problems()) if source.startswith("embedded") else ()
