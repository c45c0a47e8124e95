"""Read what an evaluation left in a run directory, and reduce it to counts per system and problem.

Samples are streamed: a real run's token ids do not fit in memory. Computes no statistic (`summary` does).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from selfdistill import files
from selfdistill.errors import UserError
from selfdistill.evaluation.systems import System
from selfdistill.records import Outcome, Sample, Verdict

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
    first_outcomes: tuple[Outcome, ...] = field(repr=False)
    """Verdict of each problem's sample number 0."""


def read_systems(run_dir: Path) -> list[System]:
    """The evaluated systems, in the order of the evaluation.

    Raises:
        UserError: there is no evaluation in this directory.
    """
    from pydantic import TypeAdapter

    path = run_dir / "evaluation" / "systems.json"
    if not path.exists():
        raise UserError("holds no evaluation to report", where=run_dir, fix=f"run: selfdistill evaluate {run_dir}")
    return TypeAdapter(list[System]).validate_python(files.read_json(path))


def read_problems(run_dir: Path) -> list[EvaluatedProblem]:
    """The evaluated problems, in the order of the evaluation."""
    return list(files.read_records(run_dir / "evaluation" / "problems.jsonl", EvaluatedProblem))


def read_evaluated(run_dir: Path, system: System, problems: list[EvaluatedProblem]) -> Evaluated:
    """Count one system's verdicts and completions.

    Raises:
        UserError: verdicts are missing: the evaluation is not finished.
    """
    position = {problem.task_id: index for index, problem in enumerate(problems)}
    judged, passed = np.zeros(len(problems), np.int64), np.zeros(len(problems), np.int64)
    outcomes: Counter[str] = Counter()
    exceptions: Counter[str] = Counter()
    first: dict[int, Outcome] = {}
    for verdict in files.read_records(_path(run_dir, system, "verdicts"), Verdict):
        task_id, _, sample_index = verdict.key.rpartition("/")
        problem = position[task_id]
        outcomes[verdict.outcome.value] += 1
        if verdict.outcome is Outcome.EXCEPTION:
            exceptions[exception_type(verdict.detail)] += 1
        if verdict.outcome is not Outcome.HARNESS_ERROR:
            judged[problem] += 1
            passed[problem] += verdict.passed
        if sample_index == "0":
            first[problem] = verdict.outcome
    completions = describe(_path(run_dir, system, "samples"))
    if sum(outcomes.values()) != completions.count or len(first) != len(problems):
        raise UserError(
            f"the evaluation of {system.title!r} is not finished: {sum(outcomes.values())} verdicts",
            where=run_dir,
            fix=f"run: selfdistill evaluate {run_dir}",
        )
    ordered = tuple(first[index] for index in range(len(problems)))
    return Evaluated(system, judged, passed, outcomes, exceptions, completions, ordered)


def first_texts(run_dir: Path, system: System, task_ids: set[str]) -> dict[str, str]:
    """The text of sample number 0 of some problems."""
    samples = files.read_records(_path(run_dir, system, "samples"), Sample)
    return {s.prompt_id: s.text for s in samples if s.sample_index == 0 and s.prompt_id in task_ids}


def describe(path: Path) -> Completions:
    """Stream a file of samples and describe it; all zero where it has none."""
    lengths, truncated, total_logprob = [], 0, 0.0
    texts: set[int] = set()
    for sample in files.read_records(path, Sample):
        lengths.append(len(sample.token_ids))
        truncated += sample.finish_reason == "length"
        total_logprob += sum(sample.logprobs)
        texts.add(hash((sample.prompt_id, sample.text)))
    tokens = sum(lengths)
    quantiles = np.percentile(lengths, [10, 50, 90], method="inverted_cdf").tolist() if lengths else [0, 0, 0]
    low, middle, high = (int(quantile) for quantile in quantiles)
    mean_logprob = total_logprob / tokens if tokens else 0.0
    return Completions(len(lengths), tokens, truncated, len(texts), mean_logprob, (low, middle, high))


def exception_type(detail: str) -> str:
    """The type's name that opens a verdict's detail, e.g. `IndexError` of `IndexError: list index out of range`."""
    match = _TYPE_NAME.match(detail)
    return match.group().rpartition(".")[2] if match else "unnamed"


def _path(run_dir: Path, system: System, what: str) -> Path:
    return run_dir / "evaluation" / f"{system.name}.{what}.jsonl"
