"""How good was the advice? A preview's recommendation against the full grid of trained students.

The regret is what the best trained student scores above the one that was recommended, on the same problems. The best
of many is picked for being high and flatters itself, so the regret is, if anything, too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from selfdistill import seeds
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_sealed
from selfdistill.measure.bootstrap import RESAMPLES, percentile_interval, resampled
from selfdistill.measure.scores import ScoreTables
from selfdistill.measure.statistics import Scores, means
from selfdistill.report.results import GreedyRegret, OverSeeds, Place, RankCorrelation, Regret, Sweep
from selfdistill.run.manifest import read_manifest
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.previewed import read_preview
from selfdistill.studies.scores import differences, mean_score, over_seeds, pooled, read_runs
from selfdistill.studies.sweep import cell_name, grid_system

Name = tuple[float, str, float]
"""T_train, truncation, T_eval."""


def regret(preview: Path, sweep: Path, recommended: Place, measure: str) -> Regret:
    """Compare a preview and its recommendation with a finished sweep.

    Args:
        preview: its directory.
        sweep: of the same recipe and problems, with the recommended setting in its grid.
        recommended: a point of the preview.
        measure: e.g. `pass@1`.

    Returns:
        `recommended`: the trained score at the recommended setting; `best` and `regret`: the best trained setting, and
        its paired difference to the recommended one; `regret_across_seeds`: the same with the best picked on the other
        seeds, null for a single one; `best_compared` and `regret_compared`: the best of the settings that the preview
        tells apart (it scores greedy once for all T_train); `greedy`: score and regret of the recommended student
        decoded greedily, null where the sweep has none; `random`: the mean regret of all settings;
        `rank_correlation`: Spearman's, of previewed and trained scores; `points`: both scores of each setting; `cost`:
        seconds of both.

    Raises:
        UserError: there is no finished sweep, it was judged on other problems, or it lacks the recommended setting.
    """
    study, summary = StudyDirectory(sweep), _read_sweep(sweep)
    points = dict.fromkeys((point["t_train"], point["truncation"]) for point in summary["points"])
    cells = {(point, seed): study.run(cell_name(*point, seed)) for point in points for seed in summary["seeds"]}
    runs = read_runs(cells, [int(measure.partition("@")[2])])
    trained = _trained(runs, summary["points"], summary["seeds"])
    before = read_preview(preview, measure)
    table = before.on_problems_of(next(iter(runs.values())))
    previewed = {_name(before.points[column]): table[:, column] for column in before.trusted()}
    wanted = _name(recommended)
    if wanted not in trained:
        raise _not_trained(wanted, sweep)
    common = [name for name in trained if name in previewed]
    best, best_compared = (_best(trained, names, measure) for names in (list(trained), common))
    scores = {name: over_seeds(trained[name])[measure] for name in trained}
    without = np.column_stack([previewed[name] for name in common])
    after = np.column_stack([pooled(trained[name], measure) for name in common])
    return {
        "sweep": str(sweep),
        "seeds": summary["seeds"],
        "problems": summary["problems"],
        "settings": len(trained),
        "recommended": scores[wanted],
        "best": {**_named(best), "score": scores[best]},
        "regret": differences(trained[best], trained[wanted])[measure],
        "regret_across_seeds": _across_seeds(trained, wanted, measure),
        "best_compared": {**_named(best_compared), "score": scores[best_compared]},
        "regret_compared": differences(trained[best_compared], trained[wanted])[measure],
        "greedy": _greedy(trained, wanted, best, measure),
        "random": float(scores[best]["value"] - np.mean([each["value"] for each in scores.values()])),
        "rank_correlation": _rank_correlation(without, after, summary["seeds"][0]),
        "points": [
            {**_named(name), "previewed": value, "trained": scores[name]}
            for name, value in zip(common, means(without).tolist(), strict=True)
        ],
        "cost": {"preview": _seconds([RunDirectory(preview)]), "sweep": _seconds(list(cells.values()))},
    }


def _read_sweep(sweep: Path) -> Sweep:
    numbers = StudyDirectory(sweep).numbers("sweep")
    if not numbers.is_file():
        raise UserError("holds no finished sweep", where=sweep, fix="run selfdistill sweep RECIPE --out DIR")
    return cast("Sweep", read_sealed(numbers, "the sweep's own command makes it again"))


def _not_trained(wanted: Name, sweep: Path) -> UserError:
    t_train, truncation, t_eval = wanted
    return UserError(
        f"the sweep has no student at T_train {t_train:g}, truncation {truncation}, T_eval {t_eval:g}",
        where=sweep,
        fix="sweep over the preview's grid",
    )


def _trained(
    runs: dict[tuple[tuple[float, str], int], ScoreTables], points: Sequence[Place], seeds_there: Sequence[int]
) -> dict[Name, list[Scores]]:
    """Every setting's scores, seed by seed."""
    trained = {}
    for point in points:
        own = [runs[(point["t_train"], point["truncation"]), seed] for seed in seeds_there]
        trained[_name(point)] = [run.of(grid_system(run, "student", point["t_eval"])) for run in own]
    return trained


def _greedy(trained: dict[Name, list[Scores]], wanted: Name, best: Name, measure: str) -> GreedyRegret | None:
    name = (*wanted[:2], 0.0)
    if name not in trained:
        return None
    return {
        "score": over_seeds(trained[name])[measure],
        "regret": differences(trained[best], trained[name])[measure],
    }


def _across_seeds(trained: dict[Name, list[Scores]], wanted: Name, measure: str) -> OverSeeds | None:
    """In each seed, the setting that is best in all others against the recommended one: less flattered."""
    seeds_there = range(len(trained[wanted]))
    if len(seeds_there) < 2:
        return None
    pairs = []
    for seed in seeds_there:
        others = {name: [each for at, each in enumerate(scores) if at != seed] for name, scores in trained.items()}
        pairs.append((trained[_best(others, list(others), measure)][seed], trained[wanted][seed]))
    return differences([one for one, _ in pairs], [other for _, other in pairs])[measure]


def _rank_correlation(previewed: np.ndarray, trained: np.ndarray, seed: int) -> RankCorrelation | None:
    """Spearman's between the columns' means, with a 95 % interval by problem; None for fewer than three settings."""
    if previewed.shape[1] < 3:
        return None

    def of(rows: np.ndarray) -> float:
        return _spearman(means(previewed[rows]), means(trained[rows]))

    drawn = resampled(of, len(previewed), seeds.generator(seed, "regret"), RESAMPLES // 10)
    low, high = percentile_interval(drawn)
    value = _spearman(means(previewed), means(trained))
    return {"value": value, "low": float(low), "high": float(high), "settings": previewed.shape[1]}


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import spearmanr  # takes a moment to import

    return float(spearmanr(one, other).statistic)


def _seconds(runs: Sequence[RunDirectory]) -> float:
    """Of all stages that were not taken over from another run."""
    stages = [stage for run in runs for stage in read_manifest(run)["stages"].values()]
    return float(sum(stage["seconds"] for stage in stages if not stage.get("shared")))


def _best(trained: dict[Name, list[Scores]], names: Sequence[Name], measure: str) -> Name:
    return max(names, key=lambda name: mean_score(trained[name], measure))


def _name(point: Place) -> Name:
    return point["t_train"], point["truncation"], point["t_eval"]


def _named(name: Name) -> Place:
    return {"t_train": name[0], "truncation": name[1], "t_eval": name[2]}
