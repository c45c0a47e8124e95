"""Work taken over from another run: whole, marked as another's, and without a way back into the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, write_json, write_text
from selfdistill.recipe.decoding import Decoding
from selfdistill.steps.evaluation.systems import plan_systems
from selfdistill.studies.share import take_prompts, take_samples, take_student, take_system

BASE, STUDENT = (Decoding(temperature=t) for t in (0.7, 1.0))
FIRST, *_, LAST = plan_systems(BASE, STUDENT, BASE, [])
RECORDS = {
    "sample": {"seconds": 3.0, "tokens": 7},
    "agree": {"seconds": 4.0, "programs": 9},
    "train": {"seconds": 5.0},
    f"evaluate {FIRST.name}": {"seconds": 2.0},
}


@pytest.fixture
def source(tmp_path) -> RunDirectory:
    run = RunDirectory(tmp_path / "source")
    write_json(run.manifest, {"stages": RECORDS})
    files = [run.prompts, run.prompt_counts, run.samples, run.targets / "000000.safetensors", run.training_data,
             run.sample_agreements, run.training_log, run.student / "README.md", run.student / "adapter" / "weights",
             run.system_samples(FIRST.name), run.system_verdicts(FIRST.name)]  # fmt: skip
    for path in files:
        write_text(path, f"of the source: {path.name}")
    return run


@pytest.fixture
def target(tmp_path) -> RunDirectory:
    run = RunDirectory(tmp_path / "target")
    write_json(run.manifest, {"stages": {"other": {"seconds": 1.0}}})
    return run


def files(run: RunDirectory) -> set[str]:
    return {str(path.relative_to(run.root)) for path in run.root.rglob("*") if path.is_file()} - {"manifest.json"}


def taken(source: RunDirectory, target: RunDirectory) -> None:
    take_prompts(source, target)
    take_samples(source, target, targets=True)
    take_student(source, target)
    take_system(source, target, FIRST)


@pytest.mark.parametrize("links", [True, False])
def test_everything_is_taken_over_as_it_is(source, target, monkeypatch, links):
    if not links:

        def refuse(*_: object) -> None:
            raise OSError("no links here")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    taken(source, target)
    assert files(target) == files(source)
    for name in files(source):
        one, other = source.root / name, target.root / name
        assert one.read_bytes() == other.read_bytes()
        assert one.samefile(other) == (links and not name.endswith("README.md")), name


def test_stages_are_marked_as_another_runs(source, target):
    taken(source, target)
    stages = read_json(target.manifest)["stages"]
    assert stages == {"other": {"seconds": 1.0}, **{name: {**each, "shared": True} for name, each in RECORDS.items()}}


def test_targets_come_only_where_they_are_wanted(source, target):
    take_samples(source, target, targets=False)
    assert files(target) == {"samples.jsonl"}


def test_inputs_that_the_model_wrote_come_with_its_samples(source, target):
    write_text(source.input_samples, "f(1)")
    take_samples(source, target, targets=False)
    assert files(target) == {"samples.jsonl", "inputs.samples.jsonl"}


def test_what_is_not_there_is_not_taken(tmp_path, target):
    """Samples of hard targets have no files of targets, and an older run may lack a record of its time."""
    source = RunDirectory(tmp_path / "bare")
    write_json(source.manifest, {"stages": {}})
    write_text(source.samples, "x")
    take_samples(source, target, targets=True)
    take_prompts(source, target)
    assert files(target) == {"samples.jsonl"}
    assert read_json(target.manifest)["stages"]["sample"] == {"shared": True}


def test_a_student_becomes_the_next_rounds_base(source, target):
    take_system(source, target, FIRST, LAST)
    assert files(target) == {f"evaluation/{LAST.name}.{what}.jsonl" for what in ("samples", "verdicts")}
    assert set(read_json(target.manifest)["stages"]) == {"other", f"evaluate {LAST.name}"}


def test_the_models_card_is_written_into_one_run_alone(source, target):
    taken(source, target)
    (target.student / "README.md").write_text("the target's own results")
    assert (source.student / "README.md").read_text() == "of the source: README.md"


def test_a_half_taken_student_is_begun_anew(source, target):
    write_text(target.root / ".student.partial" / "left over", "from a process that died")
    take_student(source, target)
    assert not (target.student / "left over").exists()
