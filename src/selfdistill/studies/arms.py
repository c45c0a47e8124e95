"""Arms of an experiment: runs of one recipe with some keys changed, finished one after the other, in one table.

Arms that share samples, a student or the base's scores take them from each other. The table is written anew after
every arm, so a machine that is only there for minutes leaves finished arms behind, and the same command continues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.events import warn
from selfdistill.recipe.load import changed_keys, parse_recipe
from selfdistill.recipe.schema import Recipe
from selfdistill.report.arm_results import Arms
from selfdistill.report.pages.arms import arms_page
from selfdistill.report.pages.page import Page
from selfdistill.run.manifest import finished, read_manifest
from selfdistill.studies.arm import Arm, cell_name, cells_of, chosen, read_arms
from selfdistill.studies.arm_table import Row, summarise
from selfdistill.studies.cells import Cell, sample_key, train_key
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.execute import execute
from selfdistill.studies.lists import names
from selfdistill.studies.publish import publish


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, arms: str, only: str) -> tuple[Arms, Page]:
    """Run what is missing, and sum up all that is finished: see `cli.table.Study`.

    Raises:
        UserError: a mistake in the arms; or, once the others are finished, some arm could not be run.
    """
    given = read_arms(Path(arms))
    wanted = {cell_name(name, seed) for name in chosen(given, names(only), "--only") or given for seed in range(seeds)}
    cells = cells_of(recipe, given, range(seeds), arms)
    done = [cell for cell in cells if _evaluated(cell, out)]
    left = [cell for cell in cells if cell.name in wanted and cell not in done]
    failed: list[str] = []
    found: tuple[Arms, Page] | None = None
    for begin in range(0, len(left), jobs):
        batch = left[begin : begin + jobs]
        try:
            execute([*_givers(done, batch), *batch], out, jobs=jobs)
        except UserError as error:  # an arm's own, e.g. a filter that leaves nothing: the next may do
            warn(f"{', '.join(cell.name for cell in batch)}: {error}")
            failed += [cell.name for cell in batch if not _evaluated(cell, out)]
        done += [cell for cell in batch if _evaluated(cell, out)]
        if done:
            found = _table(recipe, given, done, out)
            publish("arms", *found, out)
    if failed:
        raise UserError(
            f"could not be run: {', '.join(failed)}",
            where=arms,
            fix=f"the reasons stand above, and what is finished in {StudyDirectory(out).page('arms')}",
        )
    return found or _table(recipe, given, done, out)


def _givers(done: Sequence[Cell], batch: Sequence[Cell]) -> list[Cell]:
    """Those finished cells that a batch can take something from, each stage once: opening all of them takes time."""
    givers: dict[str, Cell] = {}
    for cell in batch:
        for key in (
            lambda each: each.recipe.seed,
            lambda each: sample_key(each.recipe),
            lambda each: train_key(each.recipe),
        ):
            same = [each for each in done if key(each) == key(cell)]
            with_targets = [each for each in same if each.recipe.training.stores_targets]
            givers |= {each.name: each for each in (*same[:1], *with_targets[:1])}
    return list(givers.values())


def _table(recipe: Recipe, arms: Mapping[str, Arm], done: Sequence[Cell], out: Path) -> tuple[Arms, Page]:
    seeds = {cell.name: cell.recipe.seed for cell in done}
    rows = [Row(name, arm.title, arm.needs, runs) for name, arm in arms.items() if (runs := _runs(name, seeds, out))]
    summary = summarise(recipe, rows)
    return summary, arms_page(summary, "Arms of an experiment")


def _runs(name: str, seeds: Mapping[str, int], out: Path) -> dict[int, RunDirectory]:
    """An arm's finished runs, by seed."""
    return {s: StudyDirectory(out).run(cell) for cell, s in seeds.items() if cell == cell_name(name, s)}


def _evaluated(cell: Cell, out: Path) -> bool:
    """Whether its run is finished, and was made with the same settings."""
    directory = StudyDirectory(out).run(cell.name)
    if not directory.manifest.is_file() or not finished(directory, "grade"):
        return False
    return not changed_keys(parse_recipe(read_manifest(directory)["recipe"], directory.manifest), cell.recipe)
