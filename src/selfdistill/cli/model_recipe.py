"""A recipe for a model, fitted to this machine: what `init` writes, and `run` where it is given a model."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfdistill.errors import UserError
from selfdistill.events import warn
from selfdistill.files import write_text
from selfdistill.models.configs import context_length, load_config
from selfdistill.models.paths import resolve_path
from selfdistill.models.recommended import Recommended, recommended
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.plan.amount import AMOUNTS, HOURS, Amount
from selfdistill.plan.cpu import sheet_of
from selfdistill.plan.estimate import Plan, estimate
from selfdistill.plan.fit import fit
from selfdistill.plan.gpus import Gpu
from selfdistill.plan.machine import Machine, device_name, this_machine
from selfdistill.plan.measured import Measured, all_measured
from selfdistill.plan.model import ModelSize, model_size
from selfdistill.plan.recipe_text import Wanted, recipe_text
from selfdistill.plan.workload import BENCHMARK_SIZES, Workload, mean_completion
from selfdistill.problems.benchmarks import load_benchmark, names
from selfdistill.problems.embedded_benchmarks import FAMILIES
from selfdistill.problems.repository import is_repository, repository_statements
from selfdistill.problems.tables import table_kind, table_rows
from selfdistill.recipe.load import load_recipe, parse_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.schema import Recipe
from selfdistill.recipe.text import parse_yaml
from selfdistill.steps.evaluation.evaluate import systems_of
from selfdistill.urls import is_url

PROMPT_TOKENS = {True: 100, False: 300}
"""Of a prompt on average: of those that a model writes itself, and of others."""
USUAL = 600
"""Tokens of an answer, at most, on average: recipes of models that think are written by hand."""
USUAL_PROBLEMS = 164
"""Of a benchmark on the hub whose size is not written down: HumanEval's."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a recipe is fitted to."""

    wanted: Wanted
    size: ModelSize
    machine: Machine
    context: int
    advice: Recommended
    problems: int
    """Of the whole benchmark."""
    device: str
    sheet: Gpu | None
    known: list[Measured]

    def recipe(self, amount: Amount, takes: str = "") -> str:
        """The YAML of so much."""
        fitted = fit(self.size, self.machine, self.context, amount.tokens)
        return recipe_text(self.wanted, self.machine, fitted, self.advice, amount, takes)

    def plan(self, recipe: Recipe) -> Plan:
        """What a run of it takes on this machine, with nothing else on it."""
        work = Workload(
            prompts=recipe.prompts.limit or 1,
            problems=min(self.problems, recipe.evaluation.limit or self.problems),
            prompt_tokens=PROMPT_TOKENS[self.wanted.prompts == ("self",)],
            completion_tokens=min(USUAL, mean_completion(recipe.sampling.max_new_tokens)),
        ).of(systems_of(recipe.evaluation, recipe.sampling.decoding))
        return estimate(recipe, self.size, self.sheet, 1, work, known=self.known, device=self.device)


def write_recipe(
    model: str,
    path: Path,
    prompts: tuple[str, ...],
    benchmark: str,
    memory_gb: float | None,
    hours: float | None = None,
) -> Recipe:
    """Fit a recipe, write it, and print what a run takes.

    Args:
        model: directory or hub id.
        path: of the recipe.
        prompts: sources; without any the model writes its own.
        benchmark: name or file.
        memory_gb: fitted to, in the place of what is free here.
        hours: that a run may take; by default `HOURS`.

    Raises:
        UserError: the model cannot be found or does not fit, or nobody says where its prompts come from.
    """
    size = model_size(model)
    _require_weights(model)
    machine = this_machine(ModelSettings(path=model), memory_gb and memory_gb * 1e9)
    device = device_name("cpu") if machine.kind == "cpu" else machine.name
    fitting = Fitting(
        Wanted(path.stem, model, prompts or _own_prompts(model), benchmark),
        size,
        machine,
        context_length(load_config(model)),
        recommended(model),
        _problems(benchmark),
        device,
        sheet_of(device),
        all_measured(),
    )
    for source in fitting.wanted.prompts:
        _require_prompts(source)
    hours = hours or HOURS.get(machine.kind)
    amount, made = most(fitting, hours, path)
    takes = "" if hours is None else f"Sized for {_time(hours)} (--hours); it takes about {_time(made.gpu_hours)}."
    write_text(path, fitting.recipe(amount, takes))
    recipe = load_recipe(path)
    print(_takes(recipe, fitting, made))
    needed, free = sum(made.disk.values()), shutil.disk_usage(path.resolve().parent).free
    if needed > free:
        warn(f"only {free / 1e9:,.1f} GB are free here: give run an --out on another disk, or free some")
    if hours is not None and made.gpu_hours > hours:
        warn(f"that is the least that init writes, and more than {_time(hours)}: take a smaller model, or a GPU")
    return recipe


def _require_weights(model: str) -> None:
    """A directory with a configuration alone can be counted, and not run."""
    folder = Path(resolve_path(model))
    if folder.is_dir() and not any(folder.glob("*.safetensors")):
        raise UserError("has no weights: no safetensors file is there", where=model, fix="fetch the whole model")


def _require_prompts(source: str) -> None:
    """What is on this machine is opened now. Its columns' names are the recipe's to say; the hub is asked later."""
    if is_repository(source):
        found: Any = next(repository_statements(source), None)
    elif table_kind(source) and not Path(source).is_dir() and not is_url(source):
        if not Path(source).is_file():
            raise UserError("no such file", where=source, fix="give --prompts a file, a directory or a hub id")
        found = next(table_rows(source), None)
    else:
        return
    if found is None:
        raise UserError("holds no prompt", where=source, fix="give other --prompts")


def most(fitting: Fitting, hours: float | None, path: Path) -> tuple[Amount, Plan]:
    """The largest amount whose plan is within the hours, else the smallest."""
    for amount in AMOUNTS:
        made = fitting.plan(parse_recipe(parse_yaml(fitting.recipe(amount), path)[0], path))
        if hours is None or made.gpu_hours <= hours:
            break
    return amount, made


def _own_prompts(model: str) -> tuple[str, ...]:
    """`self`, for a model that can."""
    if not getattr(read_tokenizer(model), "chat_template", None):
        raise UserError(
            "has no chat template, so it cannot write its own prompts",
            where=model,
            fix="give --prompts: repository:DIR, a file, or a hub data set",
        )
    return ("self",)


def _problems(benchmark: str) -> int:
    """How many there are; one's own are read, so that what is wrong with them shows now."""
    if benchmark in (*names(), *FAMILIES):
        return BENCHMARK_SIZES.get(benchmark, USUAL_PROBLEMS)
    return len(load_benchmark(benchmark))


def _takes(recipe: Recipe, fitting: Fitting, made: Plan) -> str:
    """Time, memory and disk in a few lines."""
    size, machine = fitting.size, fitting.machine
    hours = ", ".join(f"{stage.name} {_time(stage.gpu_hours)}" for stage in made.stages)
    disk = sum(made.disk.values())
    return (
        f"{size.parameters / 1e9:.3g}B parameters on {machine.name}, {machine.memory / 1e9:,.1f} GB: "
        f"{recipe.training.method} fine-tuning, {recipe.engine.kind}\n"
        f"a run takes about {_time(made.gpu_hours)} ({hours}) and at most {disk / 1e9:,.1f} GB of disk; "
        f"selfdistill plan says what that assumes{_beside(machine)}"
    )


def _beside(machine: Machine) -> str:
    """Other work takes its share of a CPU."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    if machine.kind != "cpu" or load < 0.3 * cores:
        return ""
    return f"\nother work is running here ({load:.1f} of {cores} cores): beside it a run takes longer"


def _time(hours: float) -> str:
    return f"{hours:,.2g} h" if hours >= 1 else f"{max(1, round(60 * hours))} min"
