"""The contamination check in the report: what was found, and the headline without the problems it touches."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from selfdistill import files, seeds
from selfdistill.directory import RunDirectory
from selfdistill.measure.comparisons import Comparison
from selfdistill.measure.contamination.check import at_least
from selfdistill.measure.scores import ScoreTables
from selfdistill.measure.statistics import DIFFERENCE, SHARE, intervals
from selfdistill.measure.words import VERDICTS, plural
from selfdistill.recipe.contamination import KINDS, Kind

SHOWN = 12
"""Matches that the page lists of each part, the strongest first."""
LEVELS: tuple[Kind, ...] = ("near", "ngram")
"""The headline's comparison is repeated without the problems that prompts overlap with in these kinds or stronger."""


def contamination(
    directory: RunDirectory, scores: ScoreTables, default: Comparison | None, seed: int
) -> dict[str, Any] | None:
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
    prompts = found["parts"][0]
    return {
        "benchmark": found["benchmark"],
        "settings": found["settings"],
        "sentences": [_sentence(part, found["settings"]) for part in found["parts"]],
        "parts": [_shown(part) for part in found["parts"]],
        "without": _without(prompts, scores, default, seed) if default else [],
    }


def _sentence(part: dict[str, Any], settings: dict[str, Any]) -> str:
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


def _shown(part: dict[str, Any]) -> dict[str, Any]:
    strongest = sorted(part["matches"], key=lambda match: (KINDS.index(match["kind"]), -match["similarity"]))
    return {key: value for key, value in part.items() if key != "matches"} | {
        "pairs": len(strongest),
        "shown": strongest[:SHOWN],
    }


def _without(prompts: dict[str, Any], scored: ScoreTables, default: Comparison, seed: int) -> list[dict[str, Any]]:
    repeated = []
    for level in LEVELS:
        touched = {match["task_id"] for match in prompts["matches"] if match["kind"] in at_least(level)}
        kept = np.array([task_id not in touched for task_id in scored.task_ids])
        if kept.all():
            continue
        scores = {}
        for name, table in scored.tables.items():
            pair = table[kept][:, [default.base, default.student]]
            columns = np.hstack([pair, pair[:, 1:] - pair[:, :1]])
            generator = seeds.generator(seed, "report", "overlap", level)
            base, student, difference = intervals(columns, generator, (SHARE, SHARE, DIFFERENCE))
            verdict = VERDICTS[difference.sign] if difference.problems else "not measured"
            scores[name] = {
                "base": base.value,
                "student": student.value,
                "difference": asdict(difference),
                "verdict": verdict,
            }
        repeated.append({"kind": level, "problems": int(kept.sum()), "removed": int((~kept).sum()), "scores": scores})
    return repeated
