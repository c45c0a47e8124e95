"""Every file of a run, damaged in every way: one clear line that names it, or the undisturbed result."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import selfdistill
from run.damaged import DAMAGES, delete, flip, said, truncate, unlinked_copy
from run.small import SMALL, results
from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, read_records
from selfdistill.recipe import Recipe, load_recipe
from selfdistill.run import reporting, start
from selfdistill.run.evaluating import evaluate
from selfdistill.run.pipeline import run_recipe
from selfdistill.run.sampling import sample
from selfdistill.run.training import train
from selfdistill.steps.evaluation import grade as grading
from selfdistill.steps.sampling import generate
from selfdistill.steps.training.callbacks import MarkCheckpoints

FEW = (
    *SMALL,
    "prompts.limit=32",
    "evaluation.limit=4",
    "evaluation.grid.temperatures=[0.0]",
    "checks.regressions.tasks=[embedded-text]",
    "checks.regressions.limit=3",
)
NOT_READ_AGAIN = {"report.html", "summary.json", "explain.html", "explain.json", "README.md", ".lock"}
"""Written anew by the run, or for people."""


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return load_recipe("demo", FEW)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, recipe) -> Path:
    return run_recipe(recipe, tmp_path_factory.mktemp("finished") / "run").root


def names(root: Path) -> list[str]:
    found = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.name != ".lock"]
    return sorted(found)


def assert_named_or_undisturbed(message: str | None, path: Path, same: Callable[[], bool]) -> None:
    if message is None:
        assert same(), f"{path} was damaged, and the results are others"
    else:
        assert message.startswith(str(path.parent)), message
        assert path.name in message
        assert message.endswith(")"), "says what to do"
        assert "\n" not in message


def check_each(files: list[str], damaged: Callable[[str], object]) -> None:
    """Every file has its turn, so that one run of hours tells of all that are wrong."""
    faults = []
    for name in files:
        try:
            damaged(name)
        except Exception as error:  # a traceback is what must not come of it; pytest's own outcomes are no Exception
            faults.append(f"{name}: {type(error).__name__}: {error}")
    assert faults == []


def damage_and_run_again(name: str, how: str, finished: Path, recipe: Recipe, root: Path) -> str | None:
    unlinked_copy(finished, root)
    DAMAGES[how](root / name)
    message = said(lambda: run_recipe(recipe, root))
    assert_named_or_undisturbed(message, root / name, lambda: results(root) == results(finished))
    if message is None and Path(name).name not in NOT_READ_AGAIN:
        assert (root / name).exists(), "was made again"
    return message


SOME = [
    ("manifest.json", "flip"),
    ("prompts.jsonl", "flip"),
    ("prompts.json", "delete"),
    ("samples.jsonl", "flip"),
    ("samples.jsonl", "delete"),
    ("targets/000001.safetensors", "flip"),
    ("targets/000000.safetensors", "delete"),
    ("training-data.json", "flip"),
    ("training-log.jsonl", "append"),
    ("student/model.safetensors", "flip"),
    ("student/tokenizer.json", "truncate"),
    ("contamination.json", "flip"),
    ("evaluation/problems.jsonl", "truncate"),
    ("evaluation/student-T1-k20-p0.8.samples.jsonl", "flip"),
    ("evaluation/student-T1-k20-p0.8.verdicts.jsonl", "delete"),
    ("regressions/embedded-text/student-own.scores.jsonl", "flip"),
    ("report.html", "empty"),
]
MADE_AGAIN = {"delete", "empty"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how"), SOME)
def test_a_damaged_file_of_a_finished_run_is_named_or_made_again(name, how, finished, recipe, tmp_path):
    message = damage_and_run_again(name, how, finished, recipe, tmp_path / "run")
    if how not in MADE_AGAIN:
        assert message is not None


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", DAMAGES)
def test_every_file_of_a_finished_run(how, finished, recipe, tmp_path):
    check_each(names(finished), lambda name: damage_and_run_again(name, how, finished, recipe, tmp_path / "run"))


# Half-finished runs ---------------------------------------------------------------------------------------------------


class StoppedHere(BaseException):
    """In the place of a signal at a chosen moment."""


@contextmanager
def stopping_after(owner: Any, name: str, calls: int) -> Iterator[None]:
    """The function does its work so many times, and then the process is stopped."""
    original, left = getattr(owner, name), [calls]

    def counted(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            raise StoppedHere
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, counted)
        with pytest.raises(StoppedHere):
            yield


@pytest.fixture(scope="session")
def half(tmp_path_factory, recipe) -> dict[str, Path]:
    """A run stopped after its first shard, after its first checkpoint, and while its programs are graded."""
    root = tmp_path_factory.mktemp("half")
    directory = start.begin(recipe, root / "run")
    with stopping_after(generate, "append_records", 1):
        sample(recipe, directory)
    kept = {"sample": unlinked_copy(directory.root, root / "sample")}
    sample(recipe, directory)
    with stopping_after(MarkCheckpoints, "on_save", 1):
        train(recipe, directory)
    kept["train"] = unlinked_copy(directory.root, root / "train")
    train(recipe, directory)
    with stopping_after(grading, "append_records", 2):
        evaluate(recipe, directory)
    return {**kept, "evaluate": unlinked_copy(directory.root, root / "evaluate")}


def continued(stage: str, recipe: Recipe, root: Path) -> str | None:
    return said(lambda: getattr(selfdistill, stage)(recipe, start.begin(recipe, root)))


def left(stage: str, root: Path) -> Any:
    """What a stage has made, without times."""
    directory = RunDirectory(root)
    if stage == "sample":
        shards = [path.read_bytes() for path in sorted(directory.targets.iterdir())]
        return directory.samples.read_bytes(), shards
    if stage == "train":
        log = [{**line, "seconds": 0} for line in read_records(directory.training_log, dict)]
        return log, (directory.student / "model.safetensors").read_bytes(), read_json(directory.training_data)
    verdicts = sorted((root / "evaluation").glob("*.verdicts.jsonl"))
    samples = [path.read_bytes() for path in sorted((root / "evaluation").glob("*.samples.jsonl"))]
    return samples, [sorted((v["key"], v["outcome"]) for v in read_records(path, dict)) for path in verdicts]


def damage_and_continue(stage: str, name: str, how: str, half: dict[str, Path], whole: Path, recipe: Recipe) -> None:
    root = unlinked_copy(half[stage], half[stage].with_name("damaged"))
    DAMAGES[how](root / name)
    message = continued(stage, recipe, root)
    assert_named_or_undisturbed(message, root / name, lambda: left(stage, root) == left(stage, whole))


HALVES = [
    ("sample", "samples.jsonl", "flip"),
    ("sample", "samples.jsonl", "truncate"),
    ("sample", "targets/000000.safetensors", "delete"),
    ("train", "samples.jsonl", "truncate"),
    ("train", "targets/000000.safetensors", "delete"),
    ("train", "training-log.jsonl", "flip"),
    ("train", "checkpoints/checkpoint-3/model.safetensors", "flip"),
    ("train", "checkpoints/checkpoint-3/optimizer.pt", "truncate"),
    ("train", "checkpoints/checkpoint-3/complete", "empty"),
    ("evaluate", "student/model.safetensors", "flip"),
    ("evaluate", "evaluation/base-greedy.samples.jsonl", "flip"),
    ("evaluate", "evaluation/base-greedy.samples.jsonl", "delete"),
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("stage", "name", "how"), HALVES)
def test_a_damaged_file_of_a_half_finished_run_is_named_or_made_again(stage, name, how, half, finished, recipe):
    damage_and_continue(stage, name, how, half, finished, recipe)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("stage", ["sample", "train", "evaluate"])
def test_every_file_of_a_half_finished_run(stage, how, half, finished, recipe):
    check_each(names(half[stage]), lambda name: damage_and_continue(stage, name, how, half, finished, recipe))


def take_the_next(path: Path) -> None:
    shutil.copyfile(path.with_name("000001.safetensors"), path)


@pytest.mark.slow
def test_a_missing_shard_never_moves_the_targets_of_the_others(half, recipe, tmp_path):
    """Training on the targets of other samples shows in nothing but its loss."""
    root = unlinked_copy(half["train"], tmp_path / "run")
    shutil.rmtree(root / "checkpoints")
    directory = RunDirectory(root)
    for broken in (delete, take_the_next):
        unlinked_copy(half["train"] / "targets", directory.targets)
        broken(directory.targets / "000000.safetensors")
        manifest = directory.manifest.read_bytes()
        message = continued("train", recipe, root)
        assert message is not None
        assert "000000.safetensors" in message
        assert "selfdistill sample" in message
        assert directory.manifest.read_bytes() == manifest


@pytest.mark.slow
def test_no_checkpoints_stay_behind_a_student(half, recipe, tmp_path):
    root = unlinked_copy(half["evaluate"], tmp_path / "run")
    (root / "checkpoints" / "checkpoint-4").mkdir(parents=True)
    assert continued("train", recipe, root) is None
    assert not (root / "checkpoints").exists()


# A disk that is full --------------------------------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to large files, in this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "size"), [("sample", 5_000), ("train", 2_000_000), ("evaluate", 1_000)])
def test_a_disk_that_fills_is_one_line_and_the_stage_continues(stage, size, half, finished, recipe, tmp_path):
    root = unlinked_copy(half[stage], tmp_path / "run")
    with files_no_larger_than(size):
        message = continued(stage, recipe, root)
    assert message is not None
    assert str(root) in message
    assert "larger than this process may write" in message or "File too large" in message
    assert continued(stage, recipe, root) is None
    assert left(stage, root) == left(stage, finished)


@pytest.mark.slow
def test_damage_between_two_reads_of_one_process_is_noticed(finished, recipe, tmp_path):
    """Digests are remembered for files that stay the same, and only for those."""
    root = unlinked_copy(finished, tmp_path / "run")
    directory = RunDirectory(root)
    assert said(lambda: reporting.write_report(directory)) is None
    path = directory.system_verdicts("base-greedy")
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    message = said(lambda: reporting.write_report(directory))
    assert message is not None
    assert path.name in message
    truncate(path)
    delete(directory.system_samples("base-greedy"))
    assert said(lambda: reporting.write_report(directory)) is not None
