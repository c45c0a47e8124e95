"""`selfdistill compare`: the evaluation and the report of a run, for two checkpoints that exist already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.models import recipe_name
from selfdistill.cli.options import SetOption
from selfdistill.cli.result import print_result
from selfdistill.libraries import quiet_libraries
from selfdistill.models.recommended import recommended
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.load import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.schema import Recipe
from selfdistill.run.compare import compare_checkpoints


def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help="A directory or a hub id.")],
    student: Annotated[str, typer.Argument(metavar="STUDENT", help="Another one.")],
    benchmark: Annotated[
        str, typer.Option(metavar="NAME_OR_FILE", help="Judges both: humaneval, mbpp+, ...")
    ] = "humaneval",
    limit: Annotated[int | None, typer.Option(min=1, help="Use this many of its problems.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Programs drawn for each problem.")] = 10,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="By default runs/compare-BASE-STUDENT.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random draw comes from it.")] = 0,
    overrides: SetOption = None,
) -> None:
    """Evaluate two existing models side by side and write the report of a run. Trains nothing; resumes.

    Each is decoded as its own generation_config.json recommends, and both over the same grid of temperatures. Keys of a
    recipe's evaluation, engine and prompts sections change that: --set evaluation.grid.temperatures=[0,0.7,1].

    Examples:

      selfdistill compare Qwen/Qwen2.5-Coder-0.5B-Instruct ./my-student

      selfdistill compare ./base ./student --benchmark mbpp+ --samples 5 --limit 100 --out runs/theirs
    """
    quiet_libraries()

    recipe = _recipe(base, student, benchmark, limit, samples, seed, overrides or [])
    directory = compare_checkpoints(
        recipe, student, out or Path("runs") / f"compare-{recipe_name(base)}-{recipe_name(student)}"
    )
    print_result(directory.root)


def _recipe(
    base: str, student: str, benchmark: str, limit: int | None, samples: int, seed: int, overrides: list[str]
) -> Recipe:
    """A recipe whose evaluation compares the two; its sampling and training sections are not used."""
    tree = {
        "name": "comparison",
        "description": f"{student} against {base}; nothing was trained here",
        "model.path": base,
        "model.dtype": ModelSettings.model_fields["dtype"].default,
        "prompts.chat": "auto",
        "prompts.template": "auto",
        "engine.batch_size": 64,
        "evaluation.benchmark": benchmark,
        "evaluation.limit": limit,
        "evaluation.base": _decoding(base),
        "evaluation.student": _decoding(student),
        "evaluation.grid": {"temperatures": [0.0, 0.7]},
        "evaluation.samples_per_problem": samples,
        "evaluation.pass_at": [1] if samples < 5 else [1, 5],
        "evaluation.max_new_tokens": 1024,
        "checks.regressions.tasks": [],
        "seed": seed,
    }
    return load_recipe("demo", [*(f"{key}={json.dumps(value)}" for key, value in tree.items()), *overrides])


def _decoding(model: str) -> dict[str, float]:
    """The model's own, or temperature 1 with the truncation of the grid."""
    found: Decoding = recommended(model).decoding or Decoding(temperature=1.0, top_k=20, top_p=0.8)
    return found.model_dump()
