"""The answer in words: what changed, against which baseline, how sure.

Written from the measured comparisons alone, by fixed rules, so that a disappointing result is said as plainly as a good
one. A difference counts as better or worse only if its whole 95 % interval lies on one side of zero. Nor is anything
said that the intervals do not show: "no measurable change" is no claim that there is none, and an interval that reaches
far to both sides tells nothing.
"""

from __future__ import annotations

from selfdistill.measure.words import listed, percent, plural, point_interval, points, sentence, unbroken
from selfdistill.report.summarised import Answer, ComparedScore, ComparisonRow

TELLING = 0.1
"""An interval that reaches further than this to both sides of zero could hide any gain or loss worth having."""


def answer(
    comparisons: list[ComparisonRow], measures: list[str], samples: int, subject: str = "Self-distillation"
) -> Answer:
    """Headline, verdict and sentences.

    Args:
        comparisons: of the summary; empty where no student was evaluated.
        measures: "pass@1" first; the last one measures exploration.
        samples: programs per problem and system.
        subject: what raised or lowered the score.

    Returns:
        `verdict` (of the first comparison, or None), `headline` (sentences), `sentences` (the evidence in a paragraph).
    """
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
    headline = [_change(default, first, subject), _against_best(default, best, own, first, told=told)]
    sentences = [
        _how_sure(default, first, samples),
        _best_sentence(best, first, told=told) if best and best["base"] != default["base"] else None,
        _last_sentence(default, last) if last != first else None,
        _own_best_sentence(own, first),
        _by_difficulty(default, first),
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


def _change(default: ComparisonRow, measure: str, subject: str) -> str:
    score = default["scores"][measure]["all"]
    before, after = percent(score["base"]), percent(score["student"])
    if tells_nothing(score):
        problems = plural(score["difference"]["problems"], "problem")
        return f"Nothing can be told about {measure} from {problems}: {before} before training, {after} after."
    return {
        "better": f"{subject} raised {measure} from {before} to {after}.",
        "worse": f"{subject} lowered {measure} from {before} to {after}.",
    }.get(score["verdict"], f"No measurable change in {measure}: {before} before training, {after} after.")


def tells_nothing(score: ComparedScore) -> bool:
    """Whether a comparison's interval leaves open a large gain as well as a large loss."""
    low, high = score["difference"]["low"], score["difference"]["high"]
    return low is not None and high is not None and low < -TELLING and high > TELLING


def _against_best(
    default: ComparisonRow, best: ComparisonRow | None, own: ComparisonRow | None, measure: str, *, told: bool
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
        return "Decoding the base better does more, without any training."
    if not told:
        return None
    if best["base"] == default["base"]:
        return "No other decoding of the base scored higher than its default."
    return "It does not measurably beat the base’s best decoding, which needs no training."


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


def _best_sentence(best: ComparisonRow, measure: str, *, told: bool) -> str:
    score = best["scores"][measure]["all"]
    open_question = "That training does more than a better decoding of the base is not shown." if told else ""
    moral = {
        "better": "No decoding that was tried gives the base what training gave the student.",
        "worse": "On this evidence the base is better decoded than trained.",
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


def _last_sentence(default: ComparisonRow, measure: str) -> str:
    score = default["scores"][measure]["all"]
    before, after = percent(score["base"]), percent(score["student"])
    return f"{measure}, the chance that one of several tries is right, went from {before} to {after}: {_judged(score)}."


def _by_difficulty(default: ComparisonRow, measure: str) -> str | None:
    scores = default["scores"][measure]
    parts = [
        f"{point_interval(score['difference'])} on {group} ones" for group, score in scores.items() if group != "all"
    ]
    return f"By difficulty, {measure} changed by {listed(parts).replace(' ones', ' problems', 1)}." if parts else None


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
