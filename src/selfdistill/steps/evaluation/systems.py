"""The systems that every evaluation puts side by side, so that a gain is always a gain over something named.

Base at its default decoding; base over a grid of temperatures, greedy included; base at the *sampling* settings (the
baseline that the paper lacks); the ideal-fit preview (no training: the base decoded in two stages); the student at its
own decoding and over the same grid; baselines, other rules of decoding, on both, where they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from selfdistill.recipe.decoding import Decoding, Stages, label, split_syntax

Role = Literal["default", "grid", "sampling", "preview", "rival"]


@dataclass(frozen=True, slots=True)
class System:
    """One model under one decoding."""

    name: str
    """Stable and fit for a file name, e.g. `base-T0.7-k20-p0.8`."""
    model: Literal["base", "student"]
    stages: Stages
    """The decoding; two stages for the preview."""
    roles: tuple[Role, ...]
    """Why it is there. A decoding wanted for several reasons is evaluated once."""
    title: str
    """For readers: "base, T 0.7, top-k 20, top-p 0.8"."""


def plan_systems(
    base: Decoding, student: Decoding, sampling: Decoding, grid: Sequence[Decoding], baselines: Sequence[Stages] = ()
) -> tuple[System, ...]:
    """The systems of an evaluation, each decoding once, in the order in which reports show them.

    Args:
        base: the base's own decoding.
        student: the student's own decoding; the preview uses it as its second stage.
        sampling: what made the training data.
        grid: decodings at which both models are measured.
        baselines: other rules of decoding, for both models.
    """
    wanted: list[tuple[Literal["base", "student"], Stages, Role]] = [
        ("base", (base,), "default"),
        ("base", (sampling,), "sampling"),
        ("base", (sampling, student), "preview"),
        ("student", (student,), "default"),
        *(("base", (decoding,), "grid") for decoding in grid),
        *(("student", (decoding,), "grid") for decoding in grid),
        *(("base", stages, "rival") for stages in baselines),
        *(("student", stages, "rival") for stages in baselines),
    ]
    return make_systems(wanted)


def make_systems(wanted: Sequence[tuple[Literal["base", "student"], Stages, Role]]) -> tuple[System, ...]:
    """Systems from models, decodings and roles: what is wanted twice is one system with both roles."""
    roles: dict[tuple[Literal["base", "student"], Stages], list[Role]] = {}
    for model, stages, role in wanted:
        known = roles.setdefault((model, _canonical(stages)), [])
        if role not in known:
            known.append(role)
    return tuple(_system(model, stages, tuple(why)) for (model, stages), why in roles.items())


def _canonical(stages: Stages) -> Stages:
    """Greedy is greedy: its truncation, and a stage before it, change nothing; but syntax does."""
    if stages[-1].greedy:
        syntax, _ = split_syntax(stages)
        return (*([syntax] if syntax else []), Decoding(temperature=0))
    return stages


def _system(model: Literal["base", "student"], stages: Stages, roles: tuple[Role, ...]) -> System:
    name = "-then-".join(stage.slug for stage in stages)
    return System(f"{model}-{name}", model, stages, roles, f"{model}, {label(stages)}")
