"""Running sums over positions, by sample and kind: all that is kept of a stream, however long it is.

Means are ratios of sums; their bands resample whole samples, because positions of one program are not independent.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from selfdistill import seeds
from selfdistill.explain.kinds import KINDS, Kind, is_fork
from selfdistill.explain.measured import Measured
from selfdistill.explain.records import MODELS, Band, Curve, KindRow, ThresholdRow
from selfdistill.measure.bootstrap import percentile_interval, resampled_ratios
from selfdistill.recipe.explain import AnalysisSettings

RESAMPLES = 2_000
_GROUPS: dict[Kind | Literal["all"], list[int]] = {"all": [0, 1], "lock": [0], "fork": [1]}
"""Columns of the sums that belong to a row of the tables."""
_THRESHOLD_MEASURES = ("base_kept", "student_kept", "base_head_entropy", "student_head_entropy", "moved", "fit")


class Sums:
    """Sums of measures and curves over the positions of each sample, separately for locks and forks."""

    def __init__(self, samples: int, settings: AnalysisSettings) -> None:
        self._settings = settings
        self._samples = samples
        self._sums: dict[str, np.ndarray] = {}  # (samples, 2, ...) of each measure and curve
        self._counts: dict[str, np.ndarray] = {}  # (samples, 2) positions where it is defined
        self._thresholds = np.zeros((len(settings.sensitivity), 2, 1 + len(_THRESHOLD_MEASURES)))
        self.positions = np.zeros((samples, 2))
        """Counted."""
        self.matched = np.zeros((samples, 2))
        """Those whose mass in the first ranks is matched between the models."""
        self.residual = 0.0
        """Of the identities."""

    def add(self, rows: np.ndarray, measured: Measured) -> None:
        """Count one chunk.

        Args:
            rows: (N,) index of each position's sample.
            measured: N positions.
        """
        values = {name: value.cpu().numpy() for name, value in measured.values.items()}
        curves = {name: value.cpu().numpy() for name, value in measured.curves.items()}
        kinds = is_fork(values["effective"], self._settings.fork_tokens).astype(int)
        np.add.at(self.positions, (rows, kinds), 1)
        self.residual = max(self.residual, measured.residual)
        for name, value in {**values, **curves}.items():
            self._accumulate(name, rows, kinds, value)
        gap = np.abs(curves["base_mass_curve"][:, -1] - curves["student_mass_curve"][:, -1])
        matched = gap <= self._settings.matched_mass
        np.add.at(self.matched, (rows[matched], kinds[matched]), 1)
        for model in ("base", "student"):
            entropy = curves[f"{model}_entropy_curve"][matched]
            self._accumulate(f"{model}_matched_entropy_curve", rows[matched], kinds[matched], entropy)
        self._add_thresholds(values)

    def kind_rows(self) -> tuple[KindRow, ...]:
        """Means of every measure: over all positions, over locks, over forks."""
        scalars = [name for name, sums in self._sums.items() if sums.ndim == 2]
        total = max(1.0, self.positions.sum())
        rows = []
        for label, kinds in _GROUPS.items():
            count = self.positions[:, kinds].sum()
            means = {name: self._bands(name, kinds)[0] for name in scalars}
            rows.append(KindRow(label, int(count), float(count / total), means))
        return tuple(rows)

    def threshold_rows(self) -> tuple[ThresholdRow, ...]:
        """The main means again for each other threshold."""
        rows = []
        for threshold, table in zip(self._settings.sensitivity, self._thresholds, strict=True):
            counts = table[:, 0]
            means = {
                f"{kind}_{name}": float(table[index, 1 + column] / counts[index]) if counts[index] else float("nan")
                for index, kind in enumerate(KINDS)
                for column, name in enumerate(_THRESHOLD_MEASURES)
            }
            rows.append(ThresholdRow(threshold, float(counts[1] / max(1.0, counts.sum())), means))
        return tuple(rows)

    def curves(self) -> tuple[Curve, ...]:
        """Every curve for both models: over all positions, over locks, over forks."""
        ranks = tuple(float(rank) for rank in range(1, self._sums["base_mass_curve"].shape[-1] + 1))
        axes: dict[Any, tuple[float, ...]] = {"mass": ranks}
        axes |= dict.fromkeys(("survivors", "entropy", "matched_entropy"), self._settings.temperatures)
        return tuple(
            Curve(name, model, label, axis, tuple(self._bands(f"{model}_{name}_curve", kinds)))
            for name, axis in axes.items()
            for label, kinds in _GROUPS.items()
            for model in MODELS
        )

    def _accumulate(self, name: str, rows: np.ndarray, kinds: np.ndarray, values: np.ndarray) -> None:
        if name not in self._sums:
            self._sums[name] = np.zeros((self._samples, 2, *values.shape[1:]))
            self._counts[name] = np.zeros((self._samples, 2))
        defined = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        np.add.at(self._sums[name], (rows[defined], kinds[defined]), values[defined])
        np.add.at(self._counts[name], (rows[defined], kinds[defined]), 1)

    def _add_thresholds(self, values: dict[str, np.ndarray]) -> None:
        table = np.stack([np.ones_like(values["moved"]), *(values[name] for name in _THRESHOLD_MEASURES)], axis=1)
        defined = np.isfinite(table).all(1)
        table, effective = table[defined], values["effective"][defined]
        for index, threshold in enumerate(self._settings.sensitivity):
            forks = is_fork(effective, threshold)
            self._thresholds[index] += [table[~forks].sum(0), table[forks].sum(0)]

    def _bands(self, name: str, kinds: list[int]) -> list[Band]:
        """Means over positions with percentile intervals, samples resampled; one of each column."""
        sums = self._sums[name][:, kinds].sum(1).reshape(self._samples, -1)
        counts = self._counts[name][:, kinds].sum(1)
        if not counts.sum():
            return [Band(float("nan"), float("nan"), float("nan"))] * sums.shape[1]
        means = sums.sum(0) / counts.sum()
        drawn = resampled_ratios(sums, counts, seeds.generator(0, "analysis", "bootstrap"), RESAMPLES)
        bounds = percentile_interval(drawn)
        return [Band(*map(float, triple)) for triple in zip(means, *bounds, strict=True)]
