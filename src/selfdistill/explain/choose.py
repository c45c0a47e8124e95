"""Which samples are measured and which programs are shown: spread evenly, never picked for their looks.

With verdicts, half of the programs shown are pairs of one prompt, a failing one of the base beside a passing one of the
student: what a reader looks for first. They are the first such prompts of the evaluation's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from selfdistill.explain.breaks import Break
from selfdistill.explain.records import Graded, Program
from selfdistill.recipe.explain import AnalysisSettings
from selfdistill.records import Prompt, Sample

Item = TypeVar("Item")


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, at equal distances."""
    if len(items) <= count:
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]


def programs_to_show(
    samples: Sequence[Sample],
    graded: Sequence[Graded],
    breaks: Sequence[Break],
    prompts: dict[str, Prompt],
    settings: AnalysisSettings,
) -> list[tuple[Program, Sample]]:
    """The page's programs, without their positions, and the samples that they are."""
    left_at = {id(each.graded): each.offset for each in breaks}
    pairs = _pairs(graded)[: settings.programs // 4]
    shown = [_of_graded(each, prompts, left_at.get(id(each))) for pair in pairs for each in pair]
    rest = evenly(samples, settings.programs - len(shown))
    return [*shown, *(_program(sample, prompts, "sampled from the base") for sample in rest)]


def _pairs(graded: Sequence[Graded]) -> list[tuple[Graded, Graded]]:
    """(failing program of the base, passing one of the student) of each prompt that has both, first ones first."""
    failing: dict[str, Graded] = {}
    passing: dict[str, Graded] = {}
    for each in graded:
        if each.model == "base" and not each.passed:
            failing.setdefault(each.sample.prompt_id, each)
        if each.model == "student" and each.passed:
            passing.setdefault(each.sample.prompt_id, each)
    return [(failing[prompt], passing[prompt]) for prompt in failing if prompt in passing]


def _of_graded(graded: Graded, prompts: dict[str, Prompt], leaves_at: int | None) -> tuple[Program, Sample]:
    return _program(graded.sample, prompts, f"written by the {graded.model}: {graded.outcome}", leaves_at)


def _program(
    sample: Sample, prompts: dict[str, Prompt], origin: str, leaves_at: int | None = None
) -> tuple[Program, Sample]:
    tokens = len(sample.token_ids)
    return Program(prompts[sample.prompt_id], sample.sample_index, origin, (), tokens, leaves_at), sample
