"""Learning curves: the gain against the number of training sequences, for hard and soft targets and for texts.

One run for each variant, number of sequences and seed, all with the same prompts; samples are drawn once a seed, and a
run with fewer sequences trains on a subset of them. Compute is counted in floating-point operations (2 a parameter and
token for generating or reading, 6 for training; Kaplan et al. 2020, arXiv 2001.08361, Sec. 2.1) and in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.measure.scores import ScoreTables
from selfdistill.plan.model import model_size
from selfdistill.recipe.load import parse_recipe
from selfdistill.recipe.schema import Recipe
from selfdistill.report.pages.curve import curve_page
from selfdistill.report.pages.page import Page
from selfdistill.report.results import Compute, Curve, CurvePoint
from selfdistill.run.manifest import read_manifest
from selfdistill.studies.cells import Cell
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.execute import execute
from selfdistill.studies.lists import names, numbers
from selfdistill.studies.scores import differences, greedy_gain, over_seeds, read_runs


@dataclass(frozen=True, slots=True)
class Variant:
    """What is trained on: `hard`, `soft`, `texts` (of the recipe's own prompts), or `texts:SOURCE`."""

    name: str

    @property
    def slug(self) -> str:
        """Fit for a directory's name."""
        return self.name.replace(":", "-").replace("/", "_")

    def overrides(self) -> dict[str, dict[str, Any]]:
        """What it changes in the recipe, by section.

        Raises:
            UserError: there is no such variant.
        """
        if self.name in ("hard", "soft"):
            return {"training": {"targets": self.name}}
        kind, _, source = self.name.partition(":")
        if kind != "texts":
            raise UserError(
                f"{self.name!r} is no variant", where="--variants", fix="choose from hard, soft, texts, texts:SOURCE"
            )
        prompts = {"prompts": {"source": source}} if source else {}
        return {"training": {"targets": "soft"}, "sampling": {"source": "texts"}, **prompts}


def cells(recipe: Recipe, variants: Sequence[Variant], sizes: Sequence[int], seeds: Sequence[int]) -> list[Cell]:
    """The runs of a learning curve."""
    return [
        Cell(cell_name(variant, size, seed), _recipe(recipe, variant, size, seed))
        for seed in seeds
        for variant in variants
        for size in sizes
    ]


def cell_name(variant: Variant, size: int, seed: int) -> str:
    """The run's directory in the study's."""
    return f"{variant.slug}-{size}-seed-{seed}"


def summarise(
    recipe: Recipe, variants: Sequence[Variant], sizes: Sequence[int], seeds: Sequence[int], out: Path
) -> Curve:
    """Gains over the base at the base's default, and at greedy, with intervals; `curve.json`."""
    directories = {
        (variant.name, size, seed): StudyDirectory(out).run(cell_name(variant, size, seed))
        for variant in variants
        for size in sizes
        for seed in seeds
    }
    runs = read_runs(directories, recipe.evaluation.pass_at)
    points: list[CurvePoint] = []
    for variant in variants:
        for size in sizes:
            found = [runs[variant.name, size, seed] for seed in seeds]
            own = [directories[variant.name, size, seed] for seed in seeds]
            points.append(_point(variant, size, found, own))
    return {
        "name": recipe.name,
        "seeds": list(seeds),
        "problems": len(next(iter(runs.values())).task_ids),
        "measures": [f"pass@{k}" for k in recipe.evaluation.pass_at],
        "base": over_seeds([run.default("base") for run in runs.values()]),
        "points": points,
    }


def _recipe(recipe: Recipe, variant: Variant, size: int, seed: int) -> Recipe:
    tree = recipe.model_dump(mode="json")
    for section, values in variant.overrides().items():
        tree[section] = {**tree[section], **values}
    tree["training"]["limit"] = size
    tree["seed"] = seed
    return parse_recipe(tree, "--variants")


def _point(variant: Variant, size: int, runs: Sequence[ScoreTables], directories: Sequence[RunDirectory]) -> CurvePoint:
    """Student minus base, each seed's own base: both at their defaults, and both greedy where greedy is in the grid."""
    students, bases = ([run.default(model) for run in runs] for model in ("student", "base"))
    compute = _compute(directories, size)
    found: CurvePoint = {
        "variant": variant.name,
        "sequences": size,
        "kept": _mean([read_json(each.training_data)["sequences"] for each in directories]),
        "flops": compute["flops"],
        "sampling_seconds": compute["sampling_seconds"],
        "training_seconds": compute["training_seconds"],
        "seconds": compute["seconds"],
        "scores": over_seeds(students),
        "gain": differences(students, bases),
    }
    greedy = greedy_gain(runs, runs)
    if greedy is not None:
        found["greedy_gain"] = greedy
    return found


def _compute(directories: Sequence[RunDirectory], size: int) -> Compute:
    found = [_one_run(directory, size) for directory in directories]
    return {
        "flops": _mean([each["flops"] for each in found]),
        "sampling_seconds": _mean([each["sampling_seconds"] for each in found]),
        "training_seconds": _mean([each["training_seconds"] for each in found]),
        "seconds": _mean([each["seconds"] for each in found]),
    }


def _one_run(directory: RunDirectory, size: int) -> Compute:
    manifest, data = read_manifest(directory), read_json(directory.training_data)
    model = manifest["recipe"]["model"]
    parameters = model_size(model["path"], model["revision"]).active
    tokens = data["prompt_tokens"] + data["completion_tokens"]
    available = data["sequences"] + sum(data["dropped"].values())
    share = min(1.0, (data["sequences"] + _other_drops(data)) / available)
    sampling, training = (manifest["stages"][name]["seconds"] for name in ("sample", "train"))
    return {
        "flops": 8.0 * parameters * tokens,
        "sampling_seconds": share * sampling,
        "training_seconds": training,
        "seconds": share * sampling + training,
    }


def _other_drops(data: dict[str, Any]) -> int:
    return sum(count for reason, count in data["dropped"].items() if reason != "over the limit")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, sequences: str, variants: str) -> tuple[Curve, Page]:
    """Run what is missing, and sum it up: see `cli.table.Study`."""
    sizes = [int(size) for size in numbers(sequences, "--sequences", above=0)]
    chosen = [Variant(name) for name in names(variants)]
    each = list(range(seeds))
    execute(cells(recipe, chosen, sizes, each), out, jobs=jobs)
    summary = summarise(recipe, chosen, sizes, each, out)
    return summary, curve_page(summary)
