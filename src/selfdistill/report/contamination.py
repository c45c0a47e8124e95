"""The contamination check in the report: what was found, and the headline without the problems it touches."""

from __future__ import annotations

import numpy as np

from selfdistill import files, seeds
from selfdistill.directory import RunDirectory
from selfdistill.measure.comparisons import Comparison
from selfdistill.measure.contamination.check import at_least
from selfdistill.measure.scores import ScoreTables
from selfdistill.measure.statistics import DIFFERENCE, SHARE, intervals
from selfdistill.measure.words import VERDICTS, plural
from selfdistill.recipe.contamination import KINDS, Kind
from selfdistill.report.estimated import estimated
from selfdistill.report.parts import ComparedScore, ComparedShown, ComparedWhole, Contamination, Without
from selfdistill.report.results import JsonObject

SHOWN = 12
"""Matches that the page lists of each part, the strongest first."""
LEVELS: tuple[Kind, ...] = ("near", "ngram")
"""The headline's comparison is repeated without the problems that prompts overlap with in these kinds or stronger."""


def contamination(
    directory: RunDirectory, scores: ScoreTables, default: Comparison | None, seed: int
) -> Contamination | None:
    """The summary's part on contamination; None where it was not checked.

    Args:
        directory: of the run; holds contamination.json, if it was checked.
        scores: of its evaluation.
        default: the headline's comparison, if there is one.
        seed: the recipe's.
    """
    if not directory.contamination.exists():
        return None
    found = files.read_json(directory.contamination)
    parts: list[ComparedWhole] = found["parts"]
    return {
        "benchmark": found["benchmark"],
        "settings": found["settings"],
        "sentences": [_sentence(part, found["settings"]) for part in parts],
        "parts": [_shown(part) for part in parts],
        "without": _without(parts[0], scores, default, seed) if default else [],
    }


def _sentence(part: ComparedWhole, settings: JsonObject) -> str:
    counts = {kind: part["counts"][kind]["texts"] for kind in KINDS}
    against = {"statements": "statements", "solutions": "reference solutions"}[part["against"]]
    same = counts["exact"] + counts["normalised"]
    return (
        f"Of {plural(part['compared'], part['texts'][:-1])}, compared with the problems’ {against}: "
        f"{_number(same)} the same up to white space, {_number(counts['near'])} nearly the same (similarity of "
        f"at least {settings['similarity']:g}), {_number(counts['ngram'])} otherwise with {settings['words']} "
        "or more words in a row in common."
    )


def _number(count: int) -> str:
    return f"{count:,}" if count else "none"


def _shown(part: ComparedWhole) -> ComparedShown:
    strongest = sorted(part["matches"], key=lambda match: (KINDS.index(match["kind"]), -match["similarity"]))
    return {
        "texts": part["texts"],
        "against": part["against"],
        "compared": part["compared"],
        "problems": part["problems"],
        "short": part["short"],
        "boilerplate": part["boilerplate"],
        "counts": part["counts"],
        "pairs": len(strongest),
        "shown": strongest[:SHOWN],
    }


def _without(prompts: ComparedWhole, scored: ScoreTables, default: Comparison, seed: int) -> list[Without]:
    repeated: list[Without] = []
    for level in LEVELS:
        touched = {match["task_id"] for match in prompts["matches"] if match["kind"] in at_least(level)}
        kept = np.array([task_id not in touched for task_id in scored.task_ids])
        if kept.all():
            continue
        scores: dict[str, ComparedScore] = {}
        for name, table in scored.tables.items():
            pair = table[kept][:, [default.base, default.student]]
            columns = np.hstack([pair, pair[:, 1:] - pair[:, :1]])
            generator = seeds.generator(seed, "report", "overlap", level)
            base, student, difference = intervals(columns, generator, (SHARE, SHARE, DIFFERENCE))
            verdict = VERDICTS[difference.sign] if difference.problems else "not measured"
            scores[name] = {
                "base": base.value,
                "student": student.value,
                "difference": estimated(difference),
                "verdict": verdict,
            }
        repeated.append({"kind": level, "problems": int(kept.sum()), "removed": int((~kept).sum()), "scores": scores})
    return repeated
