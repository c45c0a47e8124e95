"""The toy's experiment: the base and its ideally fitted student over one global decoding temperature (paper App. C.4).

Every number is exact up to the temperature grid, for which `supremum` gives the limit: the success probability jumps
where top-p lets one more token in, and the best temperature of either model lies just below such a jump.

    >>> result = run_experiment(Experiment())
    >>> f"{result.base.best.success:.2%} at T={result.base.best.temperature:.3f}"
    '8.32% at T=0.639'
    >>> f"{result.student.best.success:.2%} at T={result.student.best.temperature:.3f}"
    '13.77% at T=2.091'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from selfdistill.decoding.distribution import decode
from selfdistill.explain.toy.machine import FORK, LOCK, STATES, Machine, policy, simulated_success, success_of
from selfdistill.recipe.decoding import Decoding, Stages


class Experiment(BaseModel):
    """A machine, how its student was made, and how both are decoded; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: Machine = Machine()
    sampling: Decoding = Decoding(temperature=0.9, top_p=0.85)
    """What the student's training data was sampled with; the student fits it exactly."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.80
    """Of the decoding, for base and student alike."""
    other_top_p: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.65, 0.70, 0.75, 0.80, 0.85, 0.90)
    """The student's lead is shown at each of these."""
    temperatures: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (0.1, 2.5)
    """Lowest and highest decoding temperature."""
    points: Annotated[int, Field(ge=2)] = 500
    """Temperatures between them, evenly spaced."""
    runs: Annotated[int, Field(ge=1)] = 200_000
    """Simulated walks for each model's best temperature."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """A decoding temperature and what it makes of the machine."""

    temperature: float
    success: float
    """Probability that a walk passes."""
    fork: float
    """Probability of the right token at a fork."""
    lock: float
    """Probability of the right token at a lock."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One model over the temperature grid."""

    points: tuple[Point, ...]
    best: Point
    """The best of the grid."""
    supremum: Point
    """What the best tends to as the grid gets finer; at its temperature itself the support may already be wider."""
    simulated: float
    """Share of simulated walks that pass at the best temperature."""
    supports: dict[str, int]
    """Tokens that top-p retains in each state at the best temperature."""
    fork_policy: tuple[float, ...]
    """The fork's retained probabilities at the best temperature, falling."""


@dataclass(frozen=True, slots=True)
class ToyResult:
    """Everything that `selfdistill toy` prints and draws."""

    student_supports: dict[str, int]
    """Tokens that the student retains in each state: S_s of the sampling decoding."""
    student_probabilities: dict[str, tuple[float, ...]]
    """The student's probabilities in each state, in token order; 0 off the support."""
    base: Curve
    student: Curve
    gaps: dict[float, float]
    """Best of the student less best of the base, by top-p of the decoding."""


def run_experiment(experiment: Experiment) -> ToyResult:
    """Compute the toy's numbers."""
    with _one_thread():
        probabilities = policy(experiment.machine, (experiment.sampling,)).tolist()
        return ToyResult(
            student_supports=_supports(experiment.machine, (experiment.sampling,)),
            student_probabilities={state: tuple(row) for state, row in zip(STATES, probabilities, strict=True)},
            base=_curve(experiment, ()),
            student=_curve(experiment, (experiment.sampling,)),
            gaps={top_p: _gap(experiment, top_p) for top_p in experiment.other_top_p},
        )


def summary(result: ToyResult) -> dict[str, Any]:
    """The printed numbers as plain JSON values, without the curves' points."""

    def of(curve: Curve) -> dict[str, Any]:
        return {
            "temperature": curve.best.temperature,
            "success": curve.best.success,
            "simulated": curve.simulated,
            "supremum": {"temperature": curve.supremum.temperature, "success": curve.supremum.success},
            "supports": curve.supports,
            "fork_policy": list(curve.fork_policy),
        }

    return {
        "student": {"supports": result.student_supports, "probabilities": result.student_probabilities},
        "best": {"base": of(result.base), "student": of(result.student)},
        "gain": result.student.best.success - result.base.best.success,
        "gain_by_top_p": {f"{top_p:g}": gap for top_p, gap in result.gaps.items()},
    }


@contextmanager
def _one_thread() -> Iterator[None]:
    """Thousands of operations on 48 numbers each: waking a second thread for one costs forty times the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _gap(experiment: Experiment, top_p: float) -> float:
    """How far the student's best is ahead of the base's."""
    base, student = (_best(_sweep(experiment, model, top_p)) for model in ((), (experiment.sampling,)))
    return student.success - base.success


def _curve(experiment: Experiment, model: Stages) -> Curve:
    machine, points = experiment.machine, _sweep(experiment, model, experiment.top_p)
    best = _best(points)
    stages = (*model, Decoding(temperature=best.temperature, top_p=experiment.top_p))
    fork = decode(machine.logits[FORK], stages).probabilities
    return Curve(
        points=points,
        best=best,
        supremum=_supremum(experiment, model, best),
        simulated=simulated_success(machine, stages, runs=experiment.runs, seed=experiment.seed),
        supports=_supports(machine, stages),
        fork_policy=tuple(fork.tolist()),
    )


def _sweep(experiment: Experiment, model: Stages, top_p: float) -> tuple[Point, ...]:
    temperatures = np.linspace(*experiment.temperatures, experiment.points)
    return tuple(_point(experiment.machine, model, float(temperature), top_p) for temperature in temperatures)


def _point(machine: Machine, model: Stages, temperature: float, top_p: float) -> Point:
    q = policy(machine, (*model, Decoding(temperature=temperature, top_p=top_p)))
    return Point(temperature, success_of(machine, q), float(q[FORK, 0]), float(q[LOCK, 0]))


def _best(points: tuple[Point, ...]) -> Point:
    return max(points, key=lambda point: point.success)


def _supports(machine: Machine, stages: Stages) -> dict[str, int]:
    return dict(zip(STATES, decode(machine.logits, stages).support_sizes.tolist(), strict=True))


def _supremum(experiment: Experiment, model: Stages, best: Point) -> Point:
    """Climb from the grid's best point towards its better neighbour, as far as the success keeps rising."""
    low, high = experiment.temperatures
    step = (high - low) / (experiment.points - 1)

    ends = (max(low, best.temperature - step), min(high, best.temperature + step))
    at = partial(_point, experiment.machine, model, top_p=experiment.top_p)
    return max((_climb(at, best, end) for end in ends), key=lambda point: point.success)


def _climb(at: Callable[[float], Point], start: Point, end: float) -> Point:
    """Halve the step whenever it does not improve; the function rises towards a jump, or to a smooth maximum."""
    here, step = start, (end - start.temperature) / 2
    for _ in range(60):
        there = at(here.temperature + step)
        here = max(here, there, key=lambda point: point.success)
        step /= 2
    return here
