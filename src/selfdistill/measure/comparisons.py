"""Which systems are compared with which, and how each side was chosen.

A comparison whose sides were fixed before the test is worth more than one whose side was picked on it; so each carries
the sentence that says how it was chosen. Computes nothing but the choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from selfdistill.measure.words import unbroken
from selfdistill.recipe.decoding import label
from selfdistill.steps.evaluation.systems import Role, System

Kind = Literal[
    "default", "best", "best against best", "preview", "sampling", "rival", "equal decoding", "equal decoding, preview"
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The student in one system against the base in another; both are positions in the list of systems."""

    kind: Kind
    student: int
    base: int
    title: str
    """Names the base's side: "the base at its default decoding"."""
    chosen: str
    """How the two sides were chosen, a sentence."""
    picked_by: str = ""
    """The measure by which a side was picked on the test, where one was."""


def comparisons(systems: Sequence[System], means: Mapping[str, Sequence[float]]) -> list[Comparison]:
    """The comparisons that the systems allow, the most important first; none without a student.

    Args:
        systems: everything that was evaluated.
        means: measure -> each system's mean over all problems, by which the best ones are picked; may be NaN.
    """
    student = find(systems, "student", "default")
    if student is None:
        return []
    picked = [comparison for measure in means for comparison in _picked(systems, student, means[measure], measure)]
    return [
        *_fixed(systems, student, "default", "the base at its default decoding", _DEFAULT),
        *picked,
        *_fixed(systems, student, "preview", "the ideal-fit preview", _PREVIEW),
        *_fixed(systems, student, "sampling", "the base at the sampling settings", _SAMPLING),
        *_rivals(systems, student),
        *_equal_decodings(systems),
    ]


def find(systems: Sequence[System], model: str, role: Role) -> int | None:
    """Position of the first system of a model with a role."""
    return next((i for i, system in enumerate(systems) if system.model == model and role in system.roles), None)


def best(systems: Sequence[System], means: Sequence[float], model: str) -> int | None:
    """Position of a model's system with the highest mean; NaN never wins."""
    of_model = [i for i, system in enumerate(systems) if system.model == model and not math.isnan(means[i])]
    return max(of_model, key=lambda i: means[i], default=None)


_EQUAL = "Equal decoding at evaluation."
_DEFAULT = "Each model at its own default decoding, fixed in the recipe beforehand."
_PREVIEW = (
    "The base decoded in two stages, the sampling settings and then the student’s: what a student that fitted its "
    "targets perfectly would do, without any training."
)
_SAMPLING = "The base decoded with the very settings that its training samples were drawn with."
_RIVAL = "The base under another rule of decoding, which the recipe names; no training."


def _fixed(systems: Sequence[System], student: int, role: Role, title: str, chosen: str) -> list[Comparison]:
    base = find(systems, "base", role)
    if base is None:
        return []
    return [Comparison(_KINDS[role], student, base, title, chosen)]


def _rivals(systems: Sequence[System], student: int) -> list[Comparison]:
    return [
        Comparison("rival", student, i, f"the base at {unbroken(label(system.stages))}", _RIVAL)
        for i, system in enumerate(systems)
        if system.model == "base" and "rival" in system.roles
    ]


_KINDS: dict[Role, Kind] = {"default": "default", "preview": "preview", "sampling": "sampling"}


def _picked(systems: Sequence[System], student: int, means: Sequence[float], measure: str) -> list[Comparison]:
    base, own = best(systems, means, "base"), best(systems, means, "student")
    if base is None or own is None:
        return []
    tried = sum(system.model == "base" for system in systems)
    stages = systems[base].stages
    preview = "preview" in systems[base].roles
    name = f"the ideal-fit preview at {unbroken(stages[-1].label)}" if preview else unbroken(label(stages))
    title = f"the base’s best decoding for {measure}, {name}"
    among = ", the preview among them," if any("preview" in system.roles for system in systems) else ","
    chosen = (
        f"Best of {tried} decodings of the base{among} picked by {measure} on these same test "
        f"problems: hindsight that favours the base. The interval of {measure} allows for it: it is for the best "
        "decoding of the base, whichever that is."
    )
    both = (
        f"Best of each model’s decodings, both picked by {measure} on these same problems: hindsight on both sides, "
        f"which the interval of {measure} allows for."
    )
    return [
        Comparison("best", student, base, title, chosen, measure),
        Comparison("best against best", own, base, title, both, measure),
    ]


def _equal_decodings(systems: Sequence[System]) -> list[Comparison]:
    """Student against base, and against the preview, wherever both were decoded alike."""
    bases = {system.stages: i for i, system in enumerate(systems) if system.model == "base"}
    previews = {system.stages[-1:]: i for i, system in enumerate(systems) if "preview" in system.roles}
    students = [(i, system.stages) for i, system in enumerate(systems) if system.model == "student"]
    plain = [
        Comparison("equal decoding", i, bases[stages], "the base at equal decoding", _EQUAL)
        for i, stages in students
        if stages in bases
    ]
    ideal = [
        Comparison("equal decoding, preview", i, previews[stages], "the preview at equal decoding", _EQUAL)
        for i, stages in students
        if stages in previews
    ]
    return plain + ideal
