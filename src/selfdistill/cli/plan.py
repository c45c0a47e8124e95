"""`selfdistill plan`: what a recipe would cost, before it is run."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from selfdistill.cli.options import RecipeArgument, SetOption
from selfdistill.errors import UserError
from selfdistill.libraries import quiet_libraries
from selfdistill.plan.cpu import this_cpu
from selfdistill.plan.estimate import Plan, estimate
from selfdistill.plan.gpus import GPUS, UNTESTED
from selfdistill.plan.machine import device_name
from selfdistill.plan.measured import BUSY, all_measured, last_prediction
from selfdistill.plan.model import model_size
from selfdistill.plan.workload import BENCHMARK_SIZES, Workload
from selfdistill.recipe.load import load_recipe
from selfdistill.recipe.schema import Recipe
from selfdistill.steps.evaluation.evaluate import systems_of


def plan(
    recipe: RecipeArgument,
    gpus: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    gpu: Annotated[str, typer.Option(help="h100, h200, a100, l40s, rtx4090, mps or cpu (this one).")] = "h100",
    completion_tokens: Annotated[float, typer.Option(min=1, help="Mean tokens of a completion.")] = 4000,
    prompt_tokens: Annotated[float, typer.Option(min=1, help="Mean tokens of a prompt.")] = 600,
    prompts: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's prompts.limit.")] = None,
    problems: Annotated[int | None, typer.Option(min=1, help="Instead of the benchmark's number.")] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=1, help="Of one GPU in generation, if you have measured it.")
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Estimate tokens, GPU hours, disk and memory of a recipe, and where the time goes. Runs nothing.

    Examples:

      selfdistill plan qwen3-30b-a3b-instruct --gpus 8

      selfdistill plan my-recipe.yaml --gpus 64 --prompts 1000000 --completion-tokens 2500
    """
    loaded = load_recipe(recipe, overrides or ())
    sheets = {**GPUS, **UNTESTED}
    if gpu not in (*sheets, "cpu"):
        raise UserError(f"no data sheet of GPU {gpu}", where="--gpu", fix=f"known: {', '.join(sheets)}, cpu")
    work = Workload(
        prompts=_known(prompts or loaded.prompts.limit, "--prompts"),
        problems=_known(problems or loaded.evaluation.limit or _problems(loaded), "--problems"),
        prompt_tokens=prompt_tokens,
        completion_tokens=min(completion_tokens, loaded.sampling.max_new_tokens),
    ).of(systems_of(loaded.evaluation, loaded.sampling.decoding))
    quiet_libraries()
    size = model_size(loaded.model.path, loaded.model.revision)
    device = device_name(gpu) if gpu == "cpu" else gpu
    known = all_measured()
    sheet = sheets.get(gpu) or this_cpu()
    _print(estimate(loaded, size, sheet, gpus, work, tokens_per_second, known, device), gpus, gpu)


def _known(value: int | None, option: str) -> int:
    if value is None:
        raise UserError("the recipe does not say how many there are", where=option, fix=f"give {option} N")
    return value


def _problems(recipe: Recipe) -> int | None:
    return BENCHMARK_SIZES.get(recipe.evaluation.benchmark)


def _print(made: Plan, gpus: int, gpu: str) -> None:
    table = Table(box=None, pad_edge=False, title=f"{gpus} x {gpu}", title_justify="left")
    table.add_column("stage")
    for heading in ("tokens", "GPU hours", "hours", "share"):
        table.add_column(heading, justify="right")
    total = made.gpu_hours
    for stage in made.stages:
        share = stage.gpu_hours / total if total else 0
        hours = (f"{stage.gpu_hours:,.2f}", f"{stage.gpu_hours / gpus:,.2f}", f"{share:.0%}")
        table.add_row(stage.name, f"{stage.tokens:,.0f}", *hours)
    table.add_row("all", "", f"{total:,.2f}", f"{total / gpus:,.2f}", "100%")
    console = Console(markup=False)
    console.print(table)
    for title, entries in (("disk", made.disk), ("memory a GPU, without the key-value cache", made.memory)):
        console.print(f"\n{title}")
        for name, size in entries.items():
            console.print(f"  {size / 1e9:10,.2f} GB  {name}", highlight=False)
    if line := _fits(made, gpu):
        console.print(f"  {line}", highlight=False)
    console.print("\nassumed")
    for assumption in made.assumptions:
        console.print(f"  {assumption}", highlight=False)
    if gpu == "mps":
        console.print("  mps: the package was never run on it", highlight=False)
    console.print(f"\n{_last_prediction()}", highlight=False)


def _fits(made: Plan, gpu: str) -> str | None:
    """Whether training's memory is within the GPU's."""
    if gpu not in GPUS:
        return None
    needed = sum(size for name, size in made.memory.items() if name.startswith("training"))
    counted = "" if any("activations" in name for name in made.memory) else " before activations"
    verdict = "fits" if needed < GPUS[gpu].memory else "does not fit"
    return f"training takes {needed / 1e9:,.1f} GB{counted}: it {verdict} into {GPUS[gpu].memory / 1e9:,.0f} GB"


def _last_prediction() -> str:
    """How far off the plan of the last run here was."""
    last = last_prediction()
    if last is None:
        return "no finished run on this machine has shown yet how far off such a plan is"
    stages = [
        f"{name} {last['predicted'][name]:,.0f} s for {_spent(seconds, last['waited'].get(name, 0.0))}"
        f" ({last['predicted'][name] / own - 1:+.0%})"
        for name, seconds in last["actual"].items()
        if (own := seconds - last["waited"].get(name, 0.0)) > 0
    ]
    return f"the plan of the last run here ({last['run']}, {last['device']}): {', '.join(stages)}"


def _spent(seconds: float, waited: float) -> str:
    """What a stage took; the part in which other work had the processor is not the plan's fault."""
    if waited < BUSY * seconds:
        return f"{seconds:,.0f} s"
    return f"{seconds - waited:,.0f} s, and {waited:,.0f} s of waiting for other work on this machine"
