"""A recipe for a model, fitted to this machine: what `init` writes, and `run` where it is given a model."""

from __future__ import annotations

from pathlib import Path

from selfdistill.errors import UserError
from selfdistill.files import write_text
from selfdistill.models.configs import context_length, load_config
from selfdistill.models.recommended import recommended
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.plan.estimate import estimate
from selfdistill.plan.fit import fit
from selfdistill.plan.gpus import gpu_named
from selfdistill.plan.machine import Machine, device_name, this_machine
from selfdistill.plan.measured import all_measured
from selfdistill.plan.model import ModelSize, model_size
from selfdistill.plan.recipe_text import Wanted, recipe_text
from selfdistill.plan.workload import BENCHMARK_SIZES, Workload
from selfdistill.recipe.load import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.schema import Recipe
from selfdistill.steps.evaluation.evaluate import systems_of


def write_recipe(model: str, path: Path, prompts: tuple[str, ...], benchmark: str, memory_gb: float | None) -> Recipe:
    """Fit a recipe, write it, and print what a run takes.

    Raises:
        UserError: the model cannot be found or does not fit, or nobody says where its prompts come from.
    """
    size = model_size(model)
    machine = this_machine(ModelSettings(path=model), memory_gb and memory_gb * 1e9)
    fitted = fit(size, machine, context_length(load_config(model)))
    wanted = Wanted(path.stem, model, prompts or _own_prompts(model), benchmark)
    write_text(path, recipe_text(wanted, machine, fitted, recommended(model)))
    recipe = load_recipe(path)
    print(_takes(recipe, size, machine))
    return recipe


def _own_prompts(model: str) -> tuple[str, ...]:
    """`self`, for a model that can."""
    if not getattr(read_tokenizer(model), "chat_template", None):
        raise UserError(
            "has no chat template, so it cannot write its own prompts",
            where=model,
            fix="give --prompts: repository:DIR, a file, or a hub data set",
        )
    return ("self",)


def _takes(recipe: Recipe, size: ModelSize, machine: Machine) -> str:
    """Time, memory and disk in a few lines."""
    problems = recipe.evaluation.limit or BENCHMARK_SIZES.get(recipe.evaluation.benchmark, 164)
    limit = recipe.sampling.max_new_tokens
    work = Workload(
        recipe.prompts.limit or 1,
        problems,
        len(systems_of(recipe.evaluation, recipe.sampling.decoding)),
        300,
        min(600, limit / 2),
    )
    device = device_name("cpu") if machine.kind == "cpu" else machine.name
    made = estimate(
        recipe.engine,
        recipe.sampling,
        recipe.training,
        recipe.evaluation,
        size,
        gpu_named(device),
        1,
        work,
        known=all_measured(),
        device=device,
    )
    hours = ", ".join(f"{stage.name} {_time(stage.gpu_hours)}" for stage in made.stages)
    disk = sum(made.disk.values())
    return (
        f"{size.parameters / 1e9:.3g}B parameters on {machine.name}, {machine.memory / 1e9:,.1f} GB: "
        f"{recipe.training.method} fine-tuning, {recipe.engine.kind}\n"
        f"a run takes about {_time(made.gpu_hours)} ({hours}) and at most {disk / 1e9:,.1f} GB of disk; "
        f"selfdistill plan says what that assumes"
    )


def _time(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{max(1, round(60 * hours))} min"
