"""Run many prompts' programs on their inputs and say which agree. Untrusted code runs in the grading sandbox only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfdistill.agreement.asked import Asked
from selfdistill.agreement.groups import groups_of
from selfdistill.agreement.inputs import Inputs, inputs_of
from selfdistill.agreement.records import Agreement
from selfdistill.grading.limits import Limits
from selfdistill.grading.outputs import Result, Task, run_tasks
from selfdistill.recipe.agreement import AgreementSettings

if TYPE_CHECKING:
    from selfdistill.recipe.evaluation import GradingSettings

OUTPUT_MB = 1
"""Of one program; what is compared is less (`outputs.MOST_BYTES`)."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """One prompt's programs."""

    key: str
    asked: Asked
    programs: tuple[str | None, ...]
    """One a sample; None: it has no program."""
    indices: tuple[int, ...]
    """Their sample indices."""
    written: str = ""
    """What the model wrote when it was asked for inputs."""


def agreements(
    candidates: Sequence[Candidates], settings: AgreementSettings, grading: GradingSettings, seed: int
) -> Iterator[Agreement]:
    """One record a prompt, in no fixed order. A prompt without inputs has no groups.

    Raises:
        UserError: the isolation asked for is not available on this machine.
    """
    by_key = {each.key: each for each in candidates}
    inputs = {each.key: inputs_of(each.asked, settings, seed, each.key, each.written) for each in candidates}
    for key, found in inputs.items():
        if not found.values:
            yield Agreement(key, (), {}, (), {}, len(by_key[key].programs), 0, 0.0)
    tasks = [
        Task(each.key, each.programs, inputs[each.key].values, each.asked.entry_point, each.asked.prelude)
        for each in candidates
        if inputs[each.key].values
    ]
    limits = Limits(seconds_per_test=settings.seconds, memory_mb=grading.memory_mb, output_mb=OUTPUT_MB)
    for result in run_tasks(tasks, limits=limits, isolation=grading.isolation, workers=grading.workers):
        yield _agreement(by_key[result.key], inputs[result.key], result)


def _agreement(candidates: Candidates, inputs: Inputs, result: Result) -> Agreement:
    groups = groups_of([outputs if isinstance(outputs, tuple) else None for outputs in result.outputs])
    failures = Counter(outputs for outputs in result.outputs if not isinstance(outputs, tuple))
    return Agreement(
        key=result.key,
        inputs=tuple(map(repr, inputs.values)),
        sources={str(source): count for source, count in inputs.sources.items()},
        groups=tuple(tuple(candidates.indices[position] for position in group) for group in groups),
        failures={str(reason): count for reason, count in failures.items()},
        samples=len(result.outputs),
        programs=result.runs,
        seconds=round(result.seconds, 4),
    )
