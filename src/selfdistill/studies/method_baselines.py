"""SSD beside related methods: same prompts, same number of samples, same training; a table with cost.

Each method is a cell: an ordinary run with some keys changed. Resampling from the weights being trained, which TRL's
SSDTrainer did, is approximated by rounds over an eighth of the prompts each: the weights that sample are never older
than one round.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfdistill.directory import RunDirectory, exclusive
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.recipe.load import parse_recipe
from selfdistill.recipe.schema import Recipe
from selfdistill.report.arm_results import Arms
from selfdistill.report.pages.arms import arms_page
from selfdistill.report.pages.page import Page
from selfdistill.run import start
from selfdistill.run.manifest import finished
from selfdistill.run.sampling import sample
from selfdistill.run.training import train
from selfdistill.studies import share
from selfdistill.studies.arm import Arm, cell_name, cells_of, chosen
from selfdistill.studies.arm_table import Row, summarise
from selfdistill.studies.cells import Cell
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.execute import execute
from selfdistill.studies.lists import names
from selfdistill.studies.rounds import round_recipe

ONLINE_ROUNDS = 8
AGREEING_SAMPLES = 10
"""A prompt, of which one is trained on."""


_HARD = {"training.targets": "hard"}
METHODS = {
    "ssd": Arm("SSD, hard targets (the paper's)", changes=_HARD),
    "soft": Arm("SSD, soft targets", changes={"training.targets": "soft"}),
    "texts": Arm(
        "soft targets on texts", "existing programs", {"training.targets": "soft", "sampling.source": "texts"}
    ),
    "online": Arm("online resampling", changes={**_HARD, "rounds": {"count": ONLINE_ROUNDS, "prompts": "fresh"}}),
    "fixed-point": Arm("T 1 without truncation", changes={**_HARD, "sampling.decoding": {"temperature": 1.0}}),
    "plain": Arm("self-training, T 0.8, untruncated", changes={**_HARD, "sampling.decoding": {"temperature": 0.8}}),
    "shuffled": Arm("shuffled samples (a control)", changes={**_HARD, "training.shuffled": True}),
    "compiles": Arm("only samples that compile", "a compiler", {**_HARD, "training.keep": "compiles"}),
    "lint": Arm("only samples without lint", "ruff", {**_HARD, "training.keep": "lint"}),
    "agreement": Arm(
        "only samples that agree",
        f"{AGREEING_SAMPLES} samples a prompt, a sandbox",
        {**_HARD, "training.keep": "agreement", "sampling.samples_per_prompt": AGREEING_SAMPLES},
    ),
    "passing": Arm("only passing samples (ReST)", "a verifier", {**_HARD, "training.keep": "passing"}),
}


def cells(recipe: Recipe, methods: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """One run a method and seed; `online` is made by `resample`.

    Raises:
        UserError: there is no such method.
    """
    return cells_of(recipe, chosen(METHODS, methods, "--methods"), seeds, "--methods")


def resample(cell: Cell, out: Path) -> None:
    """Train a student on samples of the weights being trained, and put it into the cell's run directory.

    Raises:
        UserError: the recipe has too few prompts for the rounds.
    """
    recipe = cell.recipe
    whole = start.begin(recipe, StudyDirectory(out).run(cell.name).root)
    if finished(whole, "train"):
        return
    limit = (recipe.prompts.limit or read_json(whole.prompt_counts)["kept"]) // ONLINE_ROUNDS
    if not limit:
        raise UserError(f"fewer than {ONLINE_ROUNDS} prompts", where="prompts.limit")
    done: list[Path] = []
    tree = recipe.model_dump(mode="json")
    tree["prompts"]["limit"] = limit
    for number in range(1, ONLINE_ROUNDS + 1):
        each = round_recipe(parse_recipe(tree, "rounds"), number, done)
        directory = start.begin(each, _parts(whole) / f"part-{number}")
        with exclusive(directory):
            sample(each, directory)
            train(each, directory)
        done.append(directory.root)
    last = RunDirectory(done[-1])
    share.take_samples(last, whole, targets=False)
    share.take_student(last, whole)


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, methods: str) -> tuple[Arms, Page]:
    """Run what is missing, and sum it up: see `cli.table.Study`."""
    wanted, each = names(methods), list(range(seeds))
    planned = cells(recipe, wanted, each)
    for cell in planned:
        if cell.name.startswith("online-"):
            resample(cell, out)
    execute(planned, out, jobs=jobs)
    summary = summarise(recipe, [_row(name, each, out) for name in wanted], "ssd")
    return summary, arms_page(summary, "Against related methods")


def _row(name: str, seeds: Sequence[int], out: Path) -> Row:
    runs = {seed: StudyDirectory(out).run(cell_name(name, seed)) for seed in seeds}
    parts = {seed: sorted(_parts(directory).glob("part-*")) for seed, directory in runs.items()}
    return Row(name, METHODS[name].title, METHODS[name].needs, runs, parts)


def _parts(directory: RunDirectory) -> Path:
    """Holds the rounds of an online run."""
    return directory.root.with_name(f"{directory.root.name}-parts")
