"""Read what an evaluation left in a run directory, and reduce it to counts per system and problem.

Samples are streamed: a real run's token ids do not fit in memory. Computes no statistic (`scores` does).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from selfdistill import files
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.measure.tally import RULES
from selfdistill.records import Answers, Outcome, Sample, Verdict
from selfdistill.steps.evaluation.systems import System

_TYPE_NAME = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class EvaluatedProblem:
    """A line of evaluation/problems.jsonl: what readers need of a problem, without its tests."""

    task_id: str
    difficulty: str | None
    statement: str
    program_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Completions:
    """What a set of samples looks like, whatever became of them."""

    count: int
    tokens: int
    truncated: int
    """Cut off at the token limit."""
    truncated_by_context: int
    """Of these, those that ended where the model's context does, before the recipe's limit."""
    distinct: int
    """Different texts among those of one prompt, summed over prompts."""
    mean_logprob: float
    """Mean over tokens of the natural log-probability under the distribution that each was drawn from."""
    token_quantiles: tuple[int, int, int]
    """10th, 50th and 90th percentile of the completion's length in tokens."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One system's verdicts, counted. Arrays have shape (problems,), in the order of problems.jsonl."""

    system: System
    judged: np.ndarray
    """Programs with a verdict that is not a harness error."""
    passed: np.ndarray
    outcomes: Counter[str]
    exceptions: Counter[str]
    """Outcome `exception` by its type."""
    completions: Completions
    sampled: np.ndarray
    """Completions."""
    truncated: np.ndarray
    """Completions that were cut off."""
    rule: Answers | None
    """By which programs were taken from the answers; None where there is but one way."""
    rules: dict[str, int]
    """`programs` that could be taken in two ways, and how many of them pass under `needed` and under `whole`."""
    first_outcomes: tuple[Outcome, ...] = field(repr=False)
    """Verdict of each problem's sample number 0."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that an evaluation left, counted."""

    directory: RunDirectory
    problems: tuple[EvaluatedProblem, ...]
    """In the order of problems.jsonl."""
    evaluated: tuple[Evaluated, ...]
    """One a system."""


def read_evaluation(
    directory: RunDirectory, limit: int | None = None, systems: Sequence[System] | None = None
) -> Evaluation:
    """Count a finished evaluation.

    Args:
        directory: of the run.
        limit: the recipe's on an answer's tokens; what was cut off before it was cut off by the model's context.
        systems: those that are wanted, of the evaluated ones; all by default.

    Raises:
        UserError: there is no evaluation, or it is not finished.
    """
    wanted = read_systems(directory) if systems is None else systems
    problems = read_problems(directory)
    evaluated = tuple(read_evaluated(directory, system, problems, limit) for system in wanted)
    return Evaluation(directory, tuple(problems), evaluated)


def read_systems(directory: RunDirectory) -> list[System]:
    """The evaluated systems, in the order of the evaluation.

    Raises:
        UserError: there is no evaluation in this directory.
    """
    from pydantic import TypeAdapter

    if not directory.systems.exists():
        root = directory.root
        raise UserError("holds no evaluation to report", where=root, fix=f"run: selfdistill evaluate {root}")
    return TypeAdapter(list[System]).validate_python(files.read_json(directory.systems))


def read_problems(directory: RunDirectory) -> list[EvaluatedProblem]:
    """The evaluated problems, in the order of the evaluation."""
    return list(files.read_records(directory.problems, EvaluatedProblem))


def read_evaluated(
    directory: RunDirectory, system: System, problems: Sequence[EvaluatedProblem], limit: int | None = None
) -> Evaluated:
    """Count one system's verdicts and completions.

    Args:
        directory: of the run.
        system: one of its systems.
        problems: all of them.
        limit: the recipe's on an answer's tokens; what was cut off before it was cut off by the model's context.

    Raises:
        UserError: verdicts are missing: the evaluation is not finished; or one is on a problem that is not there.
    """
    position = {problem.task_id: index for index, problem in enumerate(problems)}
    judged, passed = np.zeros(len(problems), np.int64), np.zeros(len(problems), np.int64)
    outcomes: Counter[str] = Counter()
    exceptions: Counter[str] = Counter()
    rule: Answers | None = None
    rules = {"programs": 0, "needed": 0, "whole": 0}
    first: dict[int, Outcome] = {}
    for verdict in files.read_records(directory.system_verdicts(system.name), Verdict):
        task_id = verdict.task_id
        if task_id not in position:
            raise _unknown_problem(task_id, directory.system_verdicts(system.name))
        problem = position[task_id]
        outcomes[verdict.outcome.value] += 1
        if verdict.outcome is Outcome.EXCEPTION:
            exceptions[exception_type(verdict.detail)] += 1
        if verdict.outcome is not Outcome.HARNESS_ERROR:
            judged[problem] += 1
            passed[problem] += verdict.passed
        if verdict.answers is not None:
            rule = verdict.answers
            rules["programs"] += 1
            for each in RULES:
                rules[each] += verdict.passes(each)
        if verdict.sample_index == 0:
            first[problem] = verdict.outcome
    completions, sampled, truncated = _described(directory.system_samples(system.name), limit)
    if sum(outcomes.values()) != completions.count or len(first) != len(problems):
        raise UserError(
            f"the evaluation of {system.title!r} is not finished: {sum(outcomes.values())} verdicts",
            where=directory.root,
            fix=f"run: selfdistill evaluate {directory.root}",
        )
    return Evaluated(
        system=system,
        judged=judged,
        passed=passed,
        outcomes=outcomes,
        exceptions=exceptions,
        completions=completions,
        sampled=np.array([sampled[problem.task_id] for problem in problems]),
        truncated=np.array([truncated[problem.task_id] for problem in problems]),
        rule=rule,
        rules=rules,
        first_outcomes=tuple(first[index] for index in range(len(problems))),
    )


def _unknown_problem(task_id: str, verdicts: Path) -> UserError:
    return UserError(
        f"has a verdict on {task_id!r}, which is not among the evaluated problems",
        where=verdicts,
        fix="delete the evaluation's folder and evaluate anew",
    )


def first_samples(directory: RunDirectory, system: System, task_ids: set[str]) -> dict[str, Sample]:
    """Sample number 0 of some problems."""
    samples = files.read_records(directory.system_samples(system.name), Sample)
    return {s.prompt_id: s for s in samples if s.sample_index == 0 and s.prompt_id in task_ids}


def describe(path: Path, limit: int | None = None) -> Completions:
    """Stream a file of samples and describe it; all zero where it has none.

    Args:
        path: JSON Lines of `Sample`.
        limit: the recipe's on a completion's tokens, if it is known.
    """
    return _described(path, limit)[0]


def _described(path: Path, limit: int | None) -> tuple[Completions, Counter[str], Counter[str]]:
    """The description; completions, and those that were cut off, counted by prompt."""
    lengths, by_context, total_logprob = [], 0, 0.0
    sampled: Counter[str] = Counter()
    truncated: Counter[str] = Counter()
    texts: set[int] = set()
    for sample in files.read_records(path, Sample):
        lengths.append(len(sample.token_ids))
        sampled[sample.prompt_id] += 1
        if sample.finish_reason == "length":
            truncated[sample.prompt_id] += 1
            by_context += limit is not None and len(sample.token_ids) < limit
        total_logprob += sum(sample.logprobs)
        texts.add(hash((sample.prompt_id, sample.text)))
    tokens = sum(lengths)
    quantiles = np.percentile(lengths, [10, 50, 90], method="inverted_cdf").tolist() if lengths else [0, 0, 0]
    low, middle, high = (int(quantile) for quantile in quantiles)
    mean_logprob = total_logprob / tokens if tokens else 0.0
    found = Completions(
        count=len(lengths),
        tokens=tokens,
        truncated=truncated.total(),
        truncated_by_context=by_context,
        distinct=len(texts),
        mean_logprob=mean_logprob,
        token_quantiles=(low, middle, high),
    )
    return found, sampled, truncated


def exception_type(detail: str) -> str:
    """The type's name that opens a verdict's detail, e.g. `IndexError` of `IndexError: list index out of range`."""
    match = _TYPE_NAME.match(detail)
    return match.group().rpartition(".")[2] if match else "unnamed"
