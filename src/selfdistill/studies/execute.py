"""Run the cells of a study, each stage once for all cells that share it; resumable, several cells at a time if asked.

Every cell ends as an ordinary run directory, which the other commands (report, explain, evaluate) work on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path

from selfdistill.directory import RunDirectory, exclusive
from selfdistill.libraries import quiet_libraries
from selfdistill.progress import progress
from selfdistill.recipe.schema import Recipe
from selfdistill.run import pipeline as loop
from selfdistill.run import start
from selfdistill.run.manifest import finished
from selfdistill.run.own_recipe import open_manifest
from selfdistill.steps.evaluation.evaluate import systems_of
from selfdistill.stopping import stop_on_signals
from selfdistill.studies import share
from selfdistill.studies.cells import Cell, sample_key, system_key, train_key
from selfdistill.studies.directory import StudyDirectory


def execute(cells: Sequence[Cell], out: Path, *, jobs: int = 1) -> dict[str, RunDirectory]:
    """Sample, train and evaluate every cell.

    Args:
        cells: names must differ.
        out: holds one run directory a cell.
        jobs: cells worked on at the same time, each in a process of its own with its share of the cores.

    Returns:
        The run directories by the cells' names.

    Raises:
        UserError: a mistake in a recipe, its data or the machine's set-up.
    """
    start.check_recipe(cells[0].recipe)
    directories = {cell.name: StudyDirectory(out).run(cell.name) for cell in cells}
    with ExitStack() as stack:
        pool = stack.enter_context(_stopped_with_us(_pool(jobs, out))) if jobs > 1 else None
        _begin(cells, directories)
        for phase in (_Samples(), _Students(), _Evaluations()):
            for batch in phase.batches(cells, directories):
                _run(phase, batch, directories, pool)
                phase.spread(cells, directories)
    return directories


def _begin(cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> None:
    """Manifests and prompts; equal prompts are prepared once."""
    prepared: dict[str, RunDirectory] = {}
    for cell in cells:
        directory = directories[cell.name]
        known = prepared.setdefault(sample_key(cell.recipe), directory)
        if known is not directory and not directory.prompts.is_file():
            open_manifest(directory, cell.recipe)
            share.take_prompts(known, directory)
        start.begin(cell.recipe, directory.root)


def _run(
    phase: _Phase, batch: Sequence[Cell], directories: dict[str, RunDirectory], pool: ProcessPoolExecutor | None
) -> None:
    if not batch:
        return
    work = [(phase.stage, cell.recipe, directories[cell.name].root) for cell in batch]
    if pool is None:
        for item in work:
            _stage(*item)
        return
    with progress(phase.title, len(work), "runs") as update:
        for future in as_completed([pool.submit(_stage, *item) for item in work]):
            future.result()
            update(items=1)


def _stage(name: str, recipe: Recipe, root: Path) -> None:
    directory = RunDirectory(root)
    with exclusive(directory):
        loop.run_stage(name, recipe, directory)


class _Phase:
    """One stage over all cells: whose turn it is, and who takes over from whom."""

    stage = ""
    title = ""

    def batches(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> Iterable[list[Cell]]:
        """Cells whose work depends on nothing that another cell of the batch does."""
        raise NotImplementedError

    def spread(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> None:
        """Give what is finished to the cells that share it."""
        raise NotImplementedError


class _Samples(_Phase):
    stage, title = "sample", "sampling"

    def batches(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> Iterable[list[Cell]]:
        self.spread(cells, directories)
        left = [cell for cell in cells if not finished(directories[cell.name], "sample")]
        # With soft targets first: their samples serve the cells without, and not the other way round.
        left.sort(key=lambda cell: not cell.recipe.training.stores_targets)
        yield _first_of_each(left, lambda cell: sample_key(cell.recipe))
        yield [cell for cell in cells if not finished(directories[cell.name], "sample")]

    def spread(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> None:
        for cell, source in _sources(cells, directories, "sample", lambda cell: sample_key(cell.recipe)):
            wants = cell.recipe.training.stores_targets
            if not wants or source.targets.is_dir():
                share.take_samples(source, directories[cell.name], targets=wants)


class _Students(_Phase):
    stage, title = "train", "training"

    def batches(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> Iterable[list[Cell]]:
        self.spread(cells, directories)
        left = [cell for cell in cells if not finished(directories[cell.name], "train")]
        yield _first_of_each(left, lambda cell: train_key(cell.recipe))

    def spread(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> None:
        for cell, source in _sources(cells, directories, "train", lambda cell: train_key(cell.recipe)):
            share.take_student(source, directories[cell.name])


class _Evaluations(_Phase):
    stage, title = "evaluate", "evaluating"

    def batches(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> Iterable[list[Cell]]:
        self.spread(cells, directories)
        left = [cell for cell in cells if not finished(directories[cell.name], "grade")]
        # One cell of each seed first, so that the base's systems are there for the others.
        first = _first_of_each(left, lambda cell: cell.recipe.seed)
        yield first
        yield [cell for cell in left if cell not in first]

    def spread(self, cells: Sequence[Cell], directories: dict[str, RunDirectory]) -> None:
        known: dict[str, RunDirectory] = {}
        for cell in cells:
            if finished(directories[cell.name], "grade"):
                for system in systems_of(cell.recipe.evaluation, cell.recipe.sampling.decoding):
                    known.setdefault(system_key(cell.recipe, system), directories[cell.name])
        for cell in cells:
            directory = directories[cell.name]
            if finished(directory, "grade"):
                continue
            for system in systems_of(cell.recipe.evaluation, cell.recipe.sampling.decoding):
                source = known.get(system_key(cell.recipe, system))
                if source is not None and not directory.system_verdicts(system.name).is_file():
                    share.take_system(source, directory, system)


def _sources(
    cells: Sequence[Cell], directories: dict[str, RunDirectory], stage: str, key: Callable[[Cell], str]
) -> Iterable[tuple[Cell, RunDirectory]]:
    """Cells that lack a stage, with a run that has the same; of several, the one with soft targets."""
    done = [cell for cell in cells if finished(directories[cell.name], stage)]
    done.sort(key=lambda cell: cell.recipe.training.stores_targets)
    known = {key(cell): directories[cell.name] for cell in done}
    for cell in cells:
        if cell not in done and key(cell) in known:
            yield cell, known[key(cell)]


def _first_of_each(cells: Sequence[Cell], key: Callable[[Cell], object]) -> list[Cell]:
    """The first cell of each key, in the cells' order: a study that is cut short has finished its first seeds."""
    found: dict[object, Cell] = {}
    for cell in cells:
        found.setdefault(key(cell), cell)
    return list(found.values())


def _pool(jobs: int, out: Path) -> ProcessPoolExecutor:
    out.mkdir(parents=True, exist_ok=True)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(threads, StudyDirectory(out).log))


@contextmanager
def _stopped_with_us(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """Where this process is interrupted, or a cell fails, the others stop as at Ctrl-C; they go on from there later."""
    with pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.terminate()
            raise


def _start_worker(threads: int, log: Path) -> None:
    """Each worker's own progress goes to a file: several bars at once are unreadable."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 2)
    import torch

    torch.set_num_threads(threads)
    quiet_libraries()
    stop_on_signals()
