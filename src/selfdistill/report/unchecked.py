"""What a report did not check, said in the report itself: an absent check must not look like a passed one."""

from __future__ import annotations

from selfdistill.measure.words import plural
from selfdistill.report.summarised import Summary

ABSENT = {
    "contamination": "Whether the training prompts, or the samples, overlap with the benchmark’s problems.",
    "regressions": "Whether anything else got worse: other kinds of tasks, other languages, plain text.",
    "decoding_baselines": (
        "Whether a smarter decoder would do the same without training: min-p, adaptive temperatures, syntax."
    ),
    "rounds": "What further rounds would do: this is one pass from base to student.",
}
"""Key of an optional part of the summary -> what stays unknown without it."""


ABSENT_OF_TWO = {
    "contamination": "Whether either model was trained on the benchmark’s problems.",
    "regressions": ABSENT["regressions"],
    "decoding_baselines": "Whether a smarter decoder gives the base as much: min-p, adaptive temperatures, syntax.",
}
"""The same, of two models that were there already."""


def unchecked(summary: Summary) -> list[str]:
    """Sentences on what the summary cannot tell, the gravest first."""
    of_two = bool(summary.get("compared"))
    notes = [text for key, text in (ABSENT_OF_TWO if of_two else ABSENT).items() if not summary.get(key)]
    once = "how the student came about is not known here" if of_two else "sampling and training were done once"
    notes.append(
        f"Another seed: {once}. The intervals cover the choice of problems and the draw of programs, not a second "
        "student."
    )
    if summary["comparisons"]:
        notes.append(
            "Many comparisons at once: each interval is a 95 % interval of its own, without correction for how many "
            "are shown; only where a decoding was picked in hindsight does it allow for the choice. The comparison in "
            "the headline was fixed beforehand."
        )
    errors = sum(system["outcomes"].get("harness error", 0) for system in summary["systems"])
    if errors:
        notes.append(
            f"{plural(errors, 'program')} could not be judged (harness errors). They count neither as right nor as "
            "wrong; a problem left with too few judged programs has no score in that system."
        )
    return notes
