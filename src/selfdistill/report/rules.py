"""What the rule does by which a program is taken from an answer: how many pass under it, and under the other one.

The grader runs function-style answers under both rules (docs/grading.md, `evaluation.grading.answers`); scores are
those of the rule that the recipe names. Where the other gives another score, readers should know.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfdistill.measure.evaluated import Evaluated
from selfdistill.measure.words import count
from selfdistill.report.parts import AnswerRules, RuleCounts

POINT = 0.01
"""Both counts are shown where they differ by more than this share of the programs."""


def answer_rules(evaluated: Sequence[Evaluated], pair: tuple[Evaluated, Evaluated] | None) -> AnswerRules | None:
    """The summary's part on the two rules; None where there is but one way to take programs from these answers.

    Args:
        evaluated: every system.
        pair: base and student at their default decodings; None without a student.

    Returns:
        `rule`, the recipe's; `systems`, each with `programs` that have two ways and the counts that pass under `needed`
        and under `whole`; `differ`, whether any system's counts differ by more than a point; `sentences` for the first
        screen.
    """
    rows: list[RuleCounts] = [
        {
            "name": each.system.name,
            "title": each.system.title,
            "model": each.system.model,
            "programs": each.rules["programs"],
            "needed": each.rules["needed"],
            "whole": each.rules["whole"],
        }
        for each in evaluated
        if each.rules["programs"]
    ]
    rule = next((each.rule for each in evaluated if each.rule), None)
    if rule is None:
        return None
    told = [each for each in pair or () if _differs(**each.rules)]
    return {
        "rule": rule,
        "systems": rows,
        "differ": any(_differs(row["needed"], row["whole"], row["programs"]) for row in rows),
        "sentences": [_sentence(rule, *pair)] if pair and told else [],
    }


def _differs(needed: int, whole: int, programs: int) -> bool:
    return abs(needed - whole) > POINT * programs


def _sentence(rule: str, base: Evaluated, student: Evaluated) -> str:
    other = "whole" if rule == "needed" else "needed"
    asked, instead = (
        " and ".join(f"{_passed(each, name)} of the {each.system.model}’s programs" for each in (base, student))
        for name in (rule, other)
    )
    return (
        f"What is run of an answer matters. Under “{rule}”, this run’s rule, {asked} pass; under “{other}” {instead}."
    )


def _passed(each: Evaluated, rule: str) -> str:
    return f"{count(each.rules[rule])} of {count(each.rules['programs'])}"
