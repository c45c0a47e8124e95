"""The answer in words: what changed, against which baseline, how sure.

Written from the measured comparisons alone, by fixed rules, so that a disappointing result is said as plainly as a good
one. A difference counts as better or worse only if its whole 95 % interval lies on one side of zero. Nor is anything
said that the intervals do not show: "no measurable change" is no claim that there is none, and an interval that reaches
far to both sides tells nothing.
"""

from __future__ import annotations

from selfdistill.measure.words import listed, percent, plural, point_interval, points, sentence, unbroken
from selfdistill.report.parts import ComparedScore
from selfdistill.report.summarised import Answer, ComparisonRow
from selfdistill.report.wording import Words, of_run

TELLING = 0.1
"""An interval that reaches further than this to both sides of zero could hide any gain or loss worth having."""


def answer(comparisons: list[ComparisonRow], measures: list[str], samples: int, words: Words | None = None) -> Answer:
    """Headline, verdict and sentences.

    Args:
        comparisons: of the summary; empty where no student was evaluated.
        measures: "pass@1" first; the last one measures exploration.
        samples: programs per problem and system.
        words: by default those of a run on raw samples.

    Returns:
        `verdict` (of the first comparison, or None), `headline` (sentences), `sentences` (the evidence in a paragraph).
    """
    words = words or of_run("Self-distillation")
    first, last = measures[0], measures[-1]
    default = pick(comparisons, "default")
    if default is None:
        return {
            "verdict": None,
            "headline": ["No student was evaluated: these are the base's results."],
            "sentences": [],
        }
    best = pick(comparisons, "best", first)
    own = pick(comparisons, "best against best", first)
    told = not tells_nothing(default["scores"][first]["all"])
    headline = [_change(default, first, words), _against_best(default, best, own, first, words, told=told)]
    sentences = [
        _how_sure(default, first, samples),
        _best_sentence(best, first, words, told=told) if best and best["base"] != default["base"] else None,
        _last_sentence(default, last, words) if last != first else None,
        _own_best_sentence(own, first),
        _by_difficulty(default, first, words),
        *(_rival(pick(comparisons, kind), default, first) for kind in ("preview", "sampling")),
    ]
    return {
        "verdict": default["scores"][first]["all"]["verdict"],
        "headline": [text for text in headline if text],
        "sentences": [text for text in sentences if text],
    }


def pick(comparisons: list[ComparisonRow], kind: str, picked_by: str = "") -> ComparisonRow | None:
    """The first comparison of a kind (and picked by a measure), or None."""
    return next((each for each in comparisons if each["kind"] == kind and each["picked_by"] == picked_by), None)


def _change(default: ComparisonRow, measure: str, words: Words) -> str:
    score = default["scores"][measure]["all"]
    said = {"better": words.raised, "worse": words.lowered}.get(score["verdict"], words.same)
    return (words.untold if tells_nothing(score) else said).format(
        measure=measure,
        base=percent(score["base"]),
        student=percent(score["student"]),
        problems=plural(score["difference"]["problems"], "problem"),
    )


def tells_nothing(score: ComparedScore) -> bool:
    """Whether a comparison's interval leaves open a large gain as well as a large loss."""
    low, high = score["difference"]["low"], score["difference"]["high"]
    return low is not None and high is not None and low < -TELLING and high > TELLING


def _against_best(
    default: ComparisonRow,
    best: ComparisonRow | None,
    own: ComparisonRow | None,
    measure: str,
    words: Words,
    *,
    told: bool,
) -> str | None:
    """The second line. `best` and `own` have intervals that allow for their choice (`hindsight`)."""
    if best is None or own is None:
        return None
    verdict = best["scores"][measure]["all"]["verdict"]
    if verdict == "better":
        return "It also beats the base’s best decoding."
    if own["scores"][measure]["all"]["verdict"] == "better":
        return "It beats the base’s best decoding only at its own best one."
    if verdict == "worse":
        return words.better_decoded
    if not told:
        return None
    if best["base"] == default["base"]:
        return "No other decoding of the base scored higher than its default."
    return words.not_shown


def _how_sure(default: ComparisonRow, measure: str, samples: int) -> str:
    score = default["scores"][measure]["all"]
    difference = score["difference"]
    return (
        f"That is {points(difference['value'])} percentage points, with a 95 % interval from "
        f"{points(difference['low'])} to {points(difference['high'])}: paired over "
        f"{plural(difference['problems'], 'problem')}, {plural(samples, 'program')} each, both models at their default "
        f"decoding ({unbroken(default['base_title'])}; {unbroken(default['student_title'])})."
        + (" A large gain would look like this, and a large loss too." if tells_nothing(score) else "")
    )


def _best_sentence(best: ComparisonRow, measure: str, words: Words, *, told: bool) -> str:
    score = best["scores"][measure]["all"]
    open_question = words.open_question if told else ""
    moral = {
        "better": words.beyond,
        "worse": words.behind,
    }.get(score["verdict"], open_question)
    return (
        f"{sentence(best['title'])}, reaches {percent(score['base'])}. Against it the student at its default decoding "
        f"is {_judged(score)} points. {moral + ' ' if moral else ''}({best['chosen']})"
    )


def _own_best_sentence(own: ComparisonRow | None, measure: str) -> str | None:
    if own is None:
        return None
    score = own["scores"][measure]["all"]
    return (
        f"Each model at its best decoding for {measure}: student {percent(score['student'])} "
        f"({unbroken(own['student_title'])}), base {percent(score['base'])} ({unbroken(own['base_title'])}); the "
        f"student is {_judged(score)}. Both were picked in hindsight, which the interval allows for."
    )


def _last_sentence(default: ComparisonRow, measure: str, words: Words) -> str:
    score = default["scores"][measure]["all"]
    base, student = percent(score["base"]), percent(score["student"])
    return words.last.format(measure=measure, base=base, student=student, judged=_judged(score))


def _by_difficulty(default: ComparisonRow, measure: str, words: Words) -> str | None:
    scores = default["scores"][measure]
    parts = [
        f"{point_interval(score['difference'])} on {group} ones" for group, score in scores.items() if group != "all"
    ]
    said = listed(parts).replace(" ones", " problems", 1)
    return words.by_difficulty.format(measure=measure, parts=said) if parts else None


def _rival(comparison: ComparisonRow | None, default: ComparisonRow, measure: str) -> str | None:
    if comparison is None:
        return None
    if comparison["base"] == default["base"]:
        return sentence(f"{comparison['title']} is the base at its default decoding: the two are the same here.")
    score = comparison["scores"][measure]["all"]
    return sentence(f"against {comparison['title']}, at {percent(score['base'])}, the student is {_judged(score)}.")


def _judged(score: ComparedScore) -> str:
    """ "better, +5.4 [+3.9, +7.0]"."""
    return f"{score['verdict']}, {point_interval(score['difference'])}"
