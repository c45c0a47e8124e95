"""`selfdistill compare`: two checkpoints, each in its own words, one report; nothing of a run is made up."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from run.small import command, run
from selfdistill import embedded
from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.records import Sample
from selfdistill.run.compare import compare_checkpoints, compared_systems
from tiny_models import make_model

SMALL = ("evaluation.limit=4", "evaluation.samples_per_problem=1", "evaluation.pass_at=[1]", "seed=1")
SHORT = ("evaluation.max_new_tokens=24", "engine.batch_size=16", "checks.regressions.tasks=[]")


def other(path: Path) -> Path:
    """The embedded model, in another directory and with one weight changed."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(str(embedded.model_dir()), path)
    [file] = path.glob("*.safetensors")
    weights = load_file(file)
    torch.manual_seed(0)
    noisy = {name: value + 0.02 * value.std() * torch.randn_like(value) for name, value in weights.items()}
    save_file(noisy, file, metadata={"format": "pt"})
    return path


def test_only_what_two_checkpoints_have_is_compared():
    recipe = load_recipe("demo", ["evaluation.grid.temperatures=[0.0,0.7]", *SMALL])
    assert [system.name for system in compared_systems(recipe)] == [
        "base-T1-k20-p0.8",
        "student-T1-k20-p0.8",
        "base-greedy",
        "base-T0.7-k20-p0.8",
        "student-greedy",
        "student-T0.7-k20-p0.8",
    ]
    assert {role for system in compared_systems(recipe) for role in system.roles} == {"default", "grid"}


def test_each_model_is_asked_with_its_own_tokenizer_and_template(tmp_path):
    """One speaks chat and has tokens of bytes, the other goes on with a prompt in the embedded model's tokens."""
    student = make_model(tmp_path / "student", chat=True, context=2048)
    recipe = load_recipe("demo", [*SMALL, *SHORT, "evaluation.grid.temperatures=[0.0]", "prompts.chat=auto"])
    run = compare_checkpoints(recipe, str(student), tmp_path / "out")
    samples = {
        system.name: list(read_records(run.system_samples(system.name), Sample)) for system in compared_systems(recipe)
    }
    assert max(max(each.token_ids) for each in samples["student-greedy"]) < 261
    assert all(len(each) == 4 for each in samples.values())
    summary = read_json(run.summary)
    assert {system["model"] for system in summary["systems"]} == {"base", "student"}
    assert summary["links"]["explain"] is None
    assert not (student / "README.md").exists()
    before = {path: path.read_bytes() for path in run.root.rglob("*.jsonl")}
    assert compare_checkpoints(recipe, str(student), run.root) == RunDirectory(run.root)
    assert {path: path.read_bytes() for path in run.root.rglob("*.jsonl")} == before


@pytest.mark.slow
def test_the_command_compares_resumes_and_refuses_another_student(tmp_path):
    student, out = other(tmp_path / "student"), tmp_path / "out"
    sets = [part for each in ("prompts.chat=never", "prompts.template=plain", *SHORT) for part in ("--set", each)]
    arguments = ["--benchmark", "embedded", "--limit", "6", "--samples", "2", "--out", str(out), *sets]
    done = run(command("compare", "embedded", str(student), *arguments))
    assert done.returncode == 0, done.stderr
    assert f"report: {out / 'report.html'}" in done.stdout
    done = run(command("compare", "embedded", str(make_model(tmp_path / "third")), *arguments))
    assert done.returncode == 2
    assert "the student changed since this run was begun" in done.stderr


def test_its_page_says_nothing_of_training(tmp_path):
    student = other(tmp_path / "student")
    sets = ("evaluation.limit=6", "evaluation.samples_per_problem=1", "evaluation.pass_at=[1]", *SHORT)
    recipe = load_recipe("demo", [*sets, "evaluation.grid.temperatures=[0.0]"])
    run = compare_checkpoints(recipe, str(student), tmp_path / "out")
    summary = read_json(run.summary)
    assert summary["compared"] == {"base": "embedded", "student": str(student)}
    page = run.report.read_text()
    shown = re.sub("<[^>]+>", " ", page.partition("<body")[2].partition("The resolved recipe")[0])
    shown += re.sub("<[^>]+>", " ", page.partition("What this report did not check")[2])
    for word in (
        "training",
        "Training",
        "Sampled at",
        "preview",
        "before and after",
        "sampling settings",
        "sampling.max",
    ):
        assert word not in shown, word
    assert "Comparison of two models" in shown
    assert str(student) in shown
    assert [text for text in summary["answer"]["headline"][0].split() if text in ("base", "student")] == [
        "base",
        "student",
    ]
