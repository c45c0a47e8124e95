"""Programs of base and student for the same problem, side by side: newly right, newly wrong, both right, both wrong.

Each problem's sample number 0 is compared, and the recipe's seed draws which problems are shown, so that nobody can
have picked them. Judges nothing: the grader did.
"""

from __future__ import annotations

from selfdistill import seeds
from selfdistill.measure.evaluated import Evaluated, EvaluatedProblem, Evaluation, first_samples
from selfdistill.records import Outcome, Sample
from selfdistill.report.parts import Example, Examples, ExampleSide

SHOWN_PER_CATEGORY = 2
MAX_CHARACTERS = 4_000
CATEGORIES = {
    (False, True): "newly right",
    (True, False): "newly wrong",
    (True, True): "both right",
    (False, False): "both wrong",
}


def examples(evaluation: Evaluation, base: Evaluated, student: Evaluated, seed: int) -> Examples:
    """How many problems fall in each category, and the programs of a few."""
    problems = evaluation.problems
    members: dict[str, list[int]] = {category: [] for category in CATEGORIES.values()}
    for index, pair in enumerate(zip(base.first_outcomes, student.first_outcomes, strict=True)):
        if Outcome.HARNESS_ERROR not in pair:
            before, after = (outcome is Outcome.PASSED for outcome in pair)
            members[CATEGORIES[before, after]].append(index)
    chosen = {name: _draw(indices, seed, name) for name, indices in members.items()}
    task_ids = {problems[index].task_id for indices in chosen.values() for index in indices}
    samples = [first_samples(evaluation.directory, each.system, task_ids) for each in (base, student)]
    shown = [
        _example(category, problems[index], index, (base, student), samples)
        for category, indices in chosen.items()
        for index in indices
    ]
    return {
        "base": base.system.title,
        "student": student.system.title,
        "counts": {category: len(indices) for category, indices in members.items()},
        "shown": shown,
    }


def _draw(indices: list[int], seed: int, category: str) -> list[int]:
    order = seeds.generator(seed, "examples", category).permutation(len(indices))[:SHOWN_PER_CATEGORY]
    return [indices[position] for position in order]


def _example(
    category: str,
    problem: EvaluatedProblem,
    index: int,
    pair: tuple[Evaluated, Evaluated],
    samples: list[dict[str, Sample]],
) -> Example:
    base, student = (
        _side(problem, each.first_outcomes[index], own[problem.task_id])
        for each, own in zip(pair, samples, strict=True)
    )
    return {
        "category": category,
        "task_id": problem.task_id,
        "difficulty": problem.difficulty,
        "statement": _clipped(problem.statement),
        "base": base,
        "student": student,
    }


def _side(problem: EvaluatedProblem, outcome: Outcome, sample: Sample) -> ExampleSide:
    return {
        "outcome": outcome.value,
        "cut_off": sample.finish_reason == "length",
        "program": _clipped(_program(problem, sample.text)),
    }


def _program(problem: EvaluatedProblem, text: str) -> str:
    """The answer, after the code that it continues, where it does: a continuation is indented, a chat answer not."""
    continues = text.strip() and text.lstrip("\n")[0].isspace() and "```" not in text
    return problem.program_prefix + text if continues else text


def _clipped(text: str) -> str:
    """At most MAX_CHARACTERS; a completion of 100,000 tokens is nobody's reading."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}\n[… {len(text) - MAX_CHARACTERS:,} more characters]"
