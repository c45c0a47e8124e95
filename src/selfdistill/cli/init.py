"""`selfdistill init`: a recipe for a model, fitted to this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfdistill.libraries import quiet_libraries

if TYPE_CHECKING:
    from selfdistill.plan.machine import Machine
    from selfdistill.plan.model import ModelSize
    from selfdistill.recipe import Recipe


def init(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A directory, a hub id, or a model's recipe.")],
    prompts: Annotated[
        list[str] | None,
        typer.Option(
            "--prompts", metavar="SOURCE", help="self, repository:DIR, a file, a hub data set; repeat to mix."
        ),
    ] = None,
    benchmark: Annotated[
        str, typer.Option(metavar="NAME_OR_FILE", help="Judges base and student: humaneval, mbpp+, ...")
    ] = "humaneval",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="By default NAME.yaml here.")] = None,
    memory: Annotated[
        float | None, typer.Option("--memory-gb", min=0.1, help="Fit this much instead of what is here.")
    ] = None,
) -> None:
    """Write a recipe for a model that fits this machine, and say what a run of it will take. Runs nothing.

    Without --prompts an instruct model writes its own. Everything in the file can be changed.

    Examples:

      selfdistill init Qwen/Qwen2.5-Coder-0.5B-Instruct

      selfdistill init ./my-model --prompts repository:src --prompts self --benchmark humaneval+ --out mine.yaml
    """
    quiet_libraries()
    from selfdistill.errors import UserError
    from selfdistill.recipe.one_card import known_models

    if model in known_models() and not Path(model).is_dir():
        model = known_models()[model].path
    path = out or Path(f"{recipe_name(model)}.yaml")
    if path.exists():
        raise UserError("is there already", where=path, fix="choose another --out, or remove it")
    write_recipe(model, path, tuple(prompts or ()), benchmark, memory)
    print(f"recipe: {path.resolve()}")
    print(f"next: selfdistill run {path}")


def recipe_name(model: str) -> str:
    """A run's name from a directory's or a hub id's last part."""
    last = Path(model).expanduser().resolve().name if Path(model).expanduser().is_dir() else model.rpartition("/")[2]
    return re.sub(r"[^a-z0-9.]+", "-", last.lower()).strip("-.") or "model"


def is_model(source: str) -> bool:
    """Whether a text that is no recipe's name names a model: a directory of one, or a hub id."""
    if Path(source).expanduser().is_dir():
        return (Path(source).expanduser() / "config.json").is_file()
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", source)) and not source.endswith((".yaml", ".yml"))


def recipe_for(source: str, out: Path | None) -> str:
    """What `run` runs: a recipe as it is; for a model the recipe that was written for it, or is now.

    Args:
        source: a built-in recipe's name, a YAML file, a model's directory or hub id.
        out: the run's directory, if the user gave one; the recipe is kept beside it, so that the same command resumes.
    """
    from selfdistill.recipe import builtin_recipes
    from selfdistill.recipe.one_card import known_models

    if source in known_models() and not Path(source).is_file():
        _say_where_there_is_no_gpu(source)
    if source in builtin_recipes() or Path(source).is_file() or not is_model(source):
        return source
    quiet_libraries()
    name = recipe_name(source)
    path = out.with_name(f"{out.name}.yaml") if out else Path("runs") / f"{name}.yaml"
    if not path.is_file():
        write_recipe(source, path, (), "humaneval", None)
    print(f"recipe: {path}")
    return str(path)


def _say_where_there_is_no_gpu(name: str) -> None:
    """A recipe for one card would run for days without one."""
    import torch

    from selfdistill.events import warn

    if not torch.accelerator.is_available():
        warn(f"{name} is fitted to a GPU of 24 GB, and none is here: selfdistill init {name} fits one to this machine")


def write_recipe(model: str, path: Path, prompts: tuple[str, ...], benchmark: str, memory_gb: float | None) -> Recipe:
    """Fit a recipe, write it, and print what a run takes.

    Raises:
        UserError: the model cannot be found or does not fit, or nobody says where its prompts come from.
    """
    from selfdistill.files import write_text
    from selfdistill.models.load import context_length, load_config
    from selfdistill.models.recommended import recommended
    from selfdistill.plan.fit import fit
    from selfdistill.plan.machine import this_machine
    from selfdistill.plan.model import model_size
    from selfdistill.plan.recipe_text import Wanted, recipe_text
    from selfdistill.recipe import load_recipe
    from selfdistill.recipe.model import ModelSettings

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
    from selfdistill.errors import UserError
    from selfdistill.models.load import read_tokenizer

    if not getattr(read_tokenizer(model), "chat_template", None):
        raise UserError(
            "has no chat template, so it cannot write its own prompts",
            where=model,
            fix="give --prompts: repository:DIR, a file, or a hub data set",
        )
    return ("self",)


def _takes(recipe: Recipe, size: ModelSize, machine: Machine) -> str:
    """Time, memory and disk in a few lines."""
    from selfdistill.cli.plan import BENCHMARK_SIZES
    from selfdistill.plan.estimate import estimate
    from selfdistill.plan.gpus import gpu_named
    from selfdistill.plan.measured import all_measured
    from selfdistill.plan.workload import Workload
    from selfdistill.run.prediction import device_name
    from selfdistill.steps.evaluation.evaluate import systems_of

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
    made = estimate(recipe, size, gpu_named(device), 1, work, known=all_measured(), device=device)
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
