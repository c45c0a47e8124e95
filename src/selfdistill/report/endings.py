"""How completions end: by themselves, or cut off at a limit. By system, and for the samples that were trained on.

An answer that is cut off is mostly a wrong one, whatever the model knows; and a sample that is cut off does not show
the student how to end. So where many are, the page's first screen says so. `steps/sampling/watch.py` says it meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfdistill import seeds
from selfdistill.measure.evaluated import Completions, Evaluated
from selfdistill.measure.statistics import DIFFERENCE, SHARE, intervals
from selfdistill.measure.words import count, number, percent, plural, point_interval, sentence
from selfdistill.report.estimated import estimated
from selfdistill.report.parts import Described, Ended, Endings
from selfdistill.report.results import JsonObject
from selfdistill.steps.sampling.watch import WARN_ABOVE


def described(completions: Completions) -> Described:
    """Of the summary: completions with the share of them that were cut off; None where there are none."""
    share = completions.truncated / completions.count if completions.count else None
    return {
        "count": completions.count,
        "tokens": completions.tokens,
        "truncated": completions.truncated,
        "truncated_by_context": completions.truncated_by_context,
        "distinct": completions.distinct,
        "mean_logprob": completions.mean_logprob,
        "token_quantiles": list(completions.token_quantiles),
        "truncated_share": share,
    }


def endings(
    evaluated: Sequence[Evaluated],
    samples: Completions | None,
    pair: tuple[Evaluated, Evaluated] | None,
    recipe: JsonObject,
    *,
    trained: bool = True,
) -> Endings:
    """The summary's part on endings.

    Args:
        evaluated: every system.
        samples: what the student was trained on; None if it is not there.
        pair: base and student at their default decodings; None without a student.
        recipe: names the limits.
        trained: whether there was sampling to train on, which has a limit of its own.

    Returns:
        `limits` by recipe key; `ended`, the shares of answers that ended by themselves, base and student, with the
        paired difference and whether the student ends `less often`; `sentences` for the first screen.
    """
    limits = {
        f"{section}.max_new_tokens": recipe[section].get("max_new_tokens")
        for section in ("sampling", "evaluation")
        if section == "evaluation" or trained
    }
    ended = _ended(*pair, recipe["seed"]) if pair else None
    sentences = [
        _less_often(ended, samples) if ended and ended["less_often"] else None,
        _cut_off(evaluated, samples, limits),
        _none_ended(evaluated, samples),
    ]
    return {"limits": limits, "ended": ended, "sentences": [text for text in sentences if text]}


def _ended(base: Evaluated, student: Evaluated, seed: int) -> Ended:
    shares = np.stack([1 - each.truncated / each.sampled for each in (base, student)], axis=1)
    columns = np.hstack([shares, shares[:, 1:] - shares[:, :1]])
    before, after, difference = intervals(
        columns, seeds.generator(seed, "report", "endings"), (SHARE, SHARE, DIFFERENCE)
    )
    return {
        "base": before.value,
        "student": after.value,
        "difference": estimated(difference),
        "less_often": difference.sign < 0,
    }


def _less_often(ended: Ended, samples: Completions | None) -> str:
    text = (
        f"The student ends its answers less often than the base: {percent(ended['student'])} of them against "
        f"{percent(ended['base'])}, {point_interval(ended['difference'])} points, both at their default decoding."
    )
    if samples and samples.truncated:
        share = percent(samples.truncated / samples.count)
        text += f" {share} of its training samples had been cut off, and show no end."
    return text


def _cut_off(evaluated: Sequence[Evaluated], samples: Completions | None, limits: dict[str, int | None]) -> str | None:
    """Where more than WARN_ABOVE of the samples, or of any system's answers, were cut off: how many, and where."""
    parts = []
    if samples and samples.truncated > WARN_ABOVE * samples.count:
        where = _limit("sampling.max_new_tokens", limits, [samples])
        parts.append(f"{_of(samples)} training samples ({percent(samples.truncated / samples.count)}) at {where}")
    answers = [each.completions for each in evaluated if each.completions.count]
    shares = [each.truncated / each.count for each in answers]
    if shares and max(shares) > WARN_ABOVE:
        low, high = number(100 * min(shares)), percent(max(shares))
        where = _limit("evaluation.max_new_tokens", limits, answers)
        parts.append(f"{high if min(shares) == max(shares) else f'{low} to {high}'} of a system’s answers at {where}")
    return f"Cut off before their end: {'; '.join(parts)}." if parts else None


def _of(completions: Completions) -> str:
    return f"{count(completions.truncated)} of {count(completions.count)}"


def _limit(key: str, limits: dict[str, int | None], cut: Sequence[Completions]) -> str:
    """The recipe's limit, the model's context, or both: whichever did it."""
    by_context, truncated = sum(each.truncated_by_context for each in cut), sum(each.truncated for each in cut)
    value = limits[key]
    named = key if value is None else f"{key} = {count(value)}"
    if by_context == truncated:
        return "the end of the model’s context"
    return f"{named} or the end of the model’s context" if by_context else named


def _none_ended(evaluated: Sequence[Evaluated], samples: Completions | None) -> str | None:
    none = []
    if samples and 0 < samples.count == samples.truncated:
        none.append(f"none of the {plural(samples.count, 'training sample')}")
    answers = [each.completions for each in evaluated if each.system.model == "base"]
    if answers and all(0 < each.count == each.truncated for each in answers):
        none.append("no answer of the base")
    if not none:
        return None
    why = "the limit is far too low, or the model’s end-of-turn token is not known"
    return sentence(f"{' and '.join(none)} ended by itself: {why}.")
