"""Which samples are trained on: all of them, but for degenerate ones (paper Sec. 3).

No test, no execution, no judgement of correctness. The paper drops "empty responses and single-line stubs"; here a stub
is made precise, because an embedded or HumanEval completion of one line can be a whole and right answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from selfdistill.records import Sample
from selfdistill.seeds import digest

if TYPE_CHECKING:
    from selfdistill.recipe.training import TrainingSettings

_PLACEHOLDER = re.compile(r"(pass|\.\.\.|return|return None|raise NotImplementedError(\(.*\))?|#.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples are kept, and why the others are not."""

    kept: tuple[int, ...]
    """Indices into the samples, in order."""
    dropped: dict[str, int]
    """By reason: `empty`, `single-line stub`, and where the recipe asks `truncated`, `shortest`,
    `over the limit`, or what `training.keep` refuses: `does not compile`, `lint`, `fails its tests`, `could not be
    judged` (a harness error), `too few agree` and the other reasons of `agreement/keep.py`."""


def select_samples(
    samples: Sequence[Sample],
    settings: TrainingSettings,
    *,
    whole_answers: bool,
    seed: int = 0,
    refused: Mapping[int, str] = MappingProxyType({}),
) -> Selection:
    """Apply the degeneracy filter, and the recipe's own filters if it has any.

    Args:
        samples: in order.
        settings: `drop_truncated` and `drop_shortest` are off unless the recipe sets them.
        whole_answers: completions are answers to an instruction, where one line cannot be a program; false where a
            completion continues given code, where it can.
        seed: draws the subset, if there is a limit.
        refused: samples that `training.keep` refuses, with the reason.
    """
    dropped: Counter[str] = Counter()
    kept = []
    for index, sample in enumerate(samples):
        reason = _degenerate(sample.text, whole_answers=whole_answers)
        if reason is None and settings.drop_truncated and sample.finish_reason == "length":
            reason = "truncated"
        reason = reason or refused.get(index)
        if reason is None:
            kept.append(index)
        else:
            dropped[reason] += 1
    count = int(len(kept) * settings.drop_shortest)
    if count:
        shortest = set(sorted(kept, key=lambda index: (len(samples[index].token_ids), index))[:count])
        kept = [index for index in kept if index not in shortest]
        dropped["shortest"] = count
    if settings.limit is not None and len(kept) > settings.limit:
        drawn = sorted(kept, key=lambda index: digest(seed, "training", *_key(samples[index])))
        dropped["over the limit"] = len(kept) - settings.limit
        kept = sorted(drawn[: settings.limit])
    return Selection(tuple(kept), dict(dropped))


def _key(sample: Sample) -> tuple[str, int]:
    return sample.prompt_id, sample.sample_index


def _degenerate(text: str, *, whole_answers: bool) -> str | None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "empty"
    if len(lines) == 1 and (whole_answers or _PLACEHOLDER.fullmatch(lines[0])):
        return "single-line stub"
    return None
