"""The ideal-fit student over a whole grid without training: the base decoded in two stages, from few samples.

Programs are drawn from the base under a few of the grid's settings and graded once; every setting's score is then
estimated by weighting them (`weighting`). Greedy is decoded as it is: an ideally fitted student's greedy program is the
base's own, at every T_train. What the preview cannot see is what training adds beyond the composition of decoders
(paper Sec. 4, Lemma B.1).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from selfdistill import seeds
from selfdistill.decoding.distribution import decode, further, logprob_of
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.engines.shared import kept_loaded, shared_model
from selfdistill.engines.stream import Contexts, stream_logits
from selfdistill.files import read_records, write_bytes, write_sealed
from selfdistill.measure.statistics import SHARE, UNBOUNDED, intervals
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.prompted import render_problem
from selfdistill.problems.render import load_renderer
from selfdistill.progress import Update, progress
from selfdistill.recipe.decoding import Decoding, label
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Outcome, Sample, Verdict
from selfdistill.report.results import Preview, PreviewPoint
from selfdistill.run import evaluating, start
from selfdistill.run.manifest import read_manifest
from selfdistill.run.own_recipe import open_manifest
from selfdistill.steps.evaluation.systems import System, make_systems
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.grid import Grid, Truncation
from selfdistill.studies.scores import interval
from selfdistill.studies.weighting import weighted_scores

CHUNK_LOGITS = 2**24
TRUSTED = 0.05
"""Effective share of the draws below which a setting's estimate is marked as not to be trusted."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of the grid."""

    t_train: float
    truncation: Truncation
    t_eval: float


def settings_of(grid: Grid) -> list[Setting]:
    """Every setting of the grid but greedy, which is one and the same for all."""
    return [Setting(*point, t_eval) for point in grid.points() for t_eval in grid.t_eval if t_eval > 0]


def proposals_of(settings: Sequence[Setting]) -> list[Setting]:
    """What programs are drawn under: for each truncation the hottest sampling, decoded hot and decoded cool.

    The hottest sampling retains the most tokens, so that its support covers the others'.
    """
    chosen = []
    for truncation in dict.fromkeys(setting.truncation for setting in settings):
        own = [setting for setting in settings if setting.truncation == truncation]
        hottest = max(setting.t_train for setting in own)
        temperatures = sorted({setting.t_eval for setting in own if setting.t_train == hottest})
        for t_eval in dict.fromkeys((temperatures[0], temperatures[-1])):
            chosen.append(Setting(hottest, truncation, t_eval))
    return chosen


def preview(recipe: Recipe, grid: Grid, out: Path) -> Preview:
    """Draw, grade, weigh; resumable. Writes preview.json and preview.npz (scores problem by problem) into `out`.

    Raises:
        UserError: a mistake in the recipe, its data or the machine's set-up.
    """
    wanted = settings_of(grid)
    proposals = proposals_of(wanted)
    directory, study = RunDirectory(out), StudyDirectory(out)
    start.check_recipe(recipe)
    open_manifest(directory, recipe)
    systems = make_systems(
        [("base", _stages(recipe, setting), "preview") for setting in proposals]
        + [("base", (Decoding(temperature=0),), "grid")]
    )
    with exclusive(directory), kept_loaded():
        evaluating.evaluate_systems(recipe, directory, systems, directory.student)
        arrays = _estimate(recipe, directory, systems, wanted)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(study.preview_scores, buffer.getvalue())
    summary = _summary(recipe, directory, systems, wanted, arrays)
    write_sealed(study.numbers("preview"), dict(summary))
    return summary


def _stages(recipe: Recipe, setting: Setting) -> tuple[Decoding, Decoding]:
    shape = recipe.evaluation.grid
    second = Decoding(temperature=setting.t_eval, top_k=shape.top_k, top_p=shape.top_p)
    return setting.truncation.at(setting.t_train), second


def _estimate(
    recipe: Recipe, directory: RunDirectory, systems: Sequence[System], wanted: Sequence[Setting]
) -> dict[str, np.ndarray]:
    """`pass@k` -> (problems, settings + 1), greedy last; and `effective pass@k` -> (settings,)."""
    task_ids = [problem.task_id for problem in load_problems(recipe.evaluation)]
    position = {task_id: index for index, task_id in enumerate(task_ids)}
    *drawn, greedy = systems
    samples, proposals = [], []
    for index, system in enumerate(drawn):
        own = list(read_records(directory.system_samples(system.name), Sample))
        samples += own
        proposals += [index] * len(own)
    passed = np.concatenate([_passed(directory, system) for system in drawn])
    with progress("weighing programs", len(samples), "programs") as update:
        scored = _logprobs(recipe, samples, [*wanted, *proposals_of(wanted)], update)
    weighted = weighted_scores(
        np.array([position[sample.prompt_id] for sample in samples]),
        np.array(proposals),
        passed,
        scored[:, : len(wanted)],
        scored[:, len(wanted) :],
        recipe.evaluation.pass_at,
    )
    once = np.full(len(task_ids), np.nan)
    pairs = zip(read_records(directory.system_samples(greedy.name), Sample), _passed(directory, greedy), strict=True)
    for sample, value in pairs:
        if not np.isnan(value):
            once[position[sample.prompt_id]] = value
    tables = {f"pass@{k}": np.column_stack([scores, once]) for k, scores in weighted.scores.items()}
    return {**tables, **{f"effective pass@{k}": shares for k, shares in weighted.effective.items()}}


def _passed(directory: RunDirectory, system: System) -> np.ndarray:
    """Of each sample, in the order of the samples: 1 or 0, and NaN for a harness error, which is neither."""
    verdicts = {verdict.key: verdict for verdict in read_records(directory.system_verdicts(system.name), Verdict)}
    samples = read_records(directory.system_samples(system.name), Sample)
    found = [verdicts[sample.key] for sample in samples]
    return np.array([np.nan if v.outcome is Outcome.HARNESS_ERROR else float(v.passed) for v in found])


@torch.inference_mode()
def _logprobs(recipe: Recipe, samples: Sequence[Sample], settings: Sequence[Setting], update: Update) -> np.ndarray:
    """(samples, settings) natural log-probability of each whole program; equal programs are read once."""
    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    prompts = {each.task_id: render_problem(each, renderer).token_ids for each in load_problems(recipe.evaluation)}
    keys = [(sample.prompt_id, sample.token_ids) for sample in samples]
    distinct = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    contexts = [Contexts(prompts[prompt_id], token_ids) for prompt_id, token_ids in distinct]
    totals = torch.zeros((len(contexts), len(settings)), dtype=torch.float64)
    firsts = dict.fromkeys(setting.truncation.at(setting.t_train) for setting in settings)
    seen: set[int] = set()
    for chunk in stream_logits((shared_model(recipe.model),), contexts, CHUNK_LOGITS):
        drawn = chunk.drawn.to(chunk.logits[0].device)
        ranked = {first: decode(chunk.logits[0], (first,)) for first in firsts}
        for column, setting in enumerate(settings):
            first, second = _stages(recipe, setting)
            found = logprob_of(further(ranked[first], second), drawn).double().cpu()
            totals[:, column].index_add_(0, chunk.rows, found)
        before = len(seen)
        seen.update(chunk.rows.tolist())
        update(items=len(seen) - before)
    update(items=len(samples) - len(seen))
    return totals[[distinct[key] for key in keys]].numpy()


def _summary(
    recipe: Recipe,
    directory: RunDirectory,
    systems: Sequence[System],
    wanted: Sequence[Setting],
    arrays: dict[str, np.ndarray],
) -> Preview:
    measures = [f"pass@{k}" for k in recipe.evaluation.pass_at]
    bounds = [*[UNBOUNDED] * len(wanted), SHARE]  # weighted scores may pass 0 and 1; greedy ones are counted
    estimates = {m: intervals(arrays[m], seeds.generator(recipe.seed, "preview", m), bounds) for m in measures}
    manifest = read_manifest(directory)["stages"]
    points: list[PreviewPoint] = [
        {
            "t_train": setting.t_train,
            "truncation": setting.truncation.label,
            "top_k": setting.truncation.top_k,
            "top_p": setting.truncation.top_p,
            "t_eval": setting.t_eval,
            "t_eff": setting.t_train * setting.t_eval,
            "effective": {measure: float(arrays[f"effective {measure}"][column]) for measure in measures},
            "trusted": {
                measure: bool(arrays[f"effective {measure}"][column] >= TRUSTED and estimates[measure][column].problems)
                for measure in measures
            },
            "scores": {measure: interval(estimates[measure][column]) for measure in measures},
        }
        for column, setting in enumerate(wanted)
    ]
    return {
        "name": recipe.name,
        "seed": recipe.seed,
        "problems": int(arrays[measures[0]].shape[0]),
        "measures": measures,
        "proposals": [label(system.stages) for system in systems[:-1]],
        "programs": sum(stage.get("programs", 0) for stage in manifest.values()),
        "seconds": sum(stage["seconds"] for stage in manifest.values()),
        "greedy": {measure: interval(estimates[measure][-1]) for measure in measures[:1]},
        "points": points,
    }
