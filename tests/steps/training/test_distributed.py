"""Two processes train the same student as one, at equal global batch: DDP and FSDP, full and LoRA, hard and soft."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from run.small import SMALL, environment, run
from run.test_other_models import overrides
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.models.load import load_model
from selfdistill.recipe import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.run import start
from selfdistill.run.sampling import sample
from selfdistill.run.training import train
from tests.conftest import REPOSITORY

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]

CONFIGS = REPOSITORY / "configs" / "accelerate"
HERE = REPOSITORY / "tests" / "steps" / "training"
ON_CPU = {"fsdp": "fsdp_on_cpu.py", "deepspeed": "deepspeed_on_cpu.py"}
"""What lets a CPU stand in for a GPU, by configuration."""
STEPS = 6
KINDS = {"hard": "hard", "soft": "soft", "recomputed": "soft"}
"""Of targets, by what the tests call them."""


@pytest.fixture(scope="module")
def recipe_lines(tmp_path_factory) -> list[str]:
    made = [line for line in overrides(tmp_path_factory.mktemp("made"), "llama") if "top_" not in line]
    return [*SMALL, *made, "training.epochs=null", f"training.steps={STEPS}", "training.micro_batch_size=1"]


def sampled(recipe_lines: list[str], out: Path, targets: str, method: str):
    """A run that has been sampled, 12 sequences for batches of 4; all processes read it."""
    lines = [*recipe_lines, "training.batch_size=4", f"training.method={method}", f"training.targets={KINDS[targets]}"]
    lines += ["training.soft_targets=recomputed"] if targets == "recomputed" else []
    recipe = load_recipe("demo", lines)
    directory = start.begin(recipe, out)
    sample(recipe, directory)
    return recipe, directory


def launch(config: str, out: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """`accelerate launch` with a shipped configuration, on the CPU and in two processes."""
    settings = {**yaml.safe_load((CONFIGS / config).read_text()), "num_processes": 2, "use_cpu": True}
    changed = tmp_path / config
    changed.write_text(yaml.safe_dump(settings))
    helper = next((HERE / name for kind, name in ON_CPU.items() if kind in config), None)
    program = [str(helper)] if helper else ["-m", "selfdistill"]
    accelerate = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(changed)]
    return subprocess.run(
        [*accelerate, *program, "train", str(out)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**environment(), "DS_ACCELERATOR": "cpu"},
        check=False,
    )


def losses(directory: RunDirectory) -> list[float]:
    return [json.loads(line)["loss"] for line in directory.training_log.read_text().splitlines()]


def weights(student: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(ModelSettings(path=str(student), device="cpu")).state_dict())


@pytest.mark.parametrize(
    ("config", "targets", "method"),
    [
        ("ddp.yaml", "soft", "full"),
        ("cpu.yaml", "hard", "lora"),
        ("fsdp.yaml", "hard", "full"),
        ("fsdp.yaml", "soft", "lora"),
        ("cpu.yaml", "hard", "qlora"),
        ("deepspeed-zero2.yaml", "hard", "full"),
        ("deepspeed-zero3.yaml", "soft", "full"),
        ("ddp.yaml", "recomputed", "full"),
        ("fsdp.yaml", "recomputed", "lora"),
        ("deepspeed-zero3.yaml", "recomputed", "lora"),
    ],
)
def test_two_processes_train_what_one_trains(tmp_path, recipe_lines, config, targets, method):
    recipe, one = sampled(recipe_lines, tmp_path / "one", targets, method)
    two = RunDirectory(shutil.copytree(one.root, tmp_path / "two"))
    train(recipe, one)
    done = launch(config, two.root, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    assert len(losses(one)) == STEPS
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    assert len(set(losses(one))) == STEPS, "a student that does not move would prove nothing"
    mine, theirs = weights(one.student), weights(two.student)
    assert mine.keys() == theirs.keys()
    base = weights(Path(recipe.model.path))
    moved = max(float((mine[name] - base[name]).abs().max()) for name in mine)
    apart = max(float((mine[name] - theirs[name]).abs().max()) for name in mine)
    assert apart < moved / 100
    assert read_json(two.manifest)["stages"]["train"]["processes"] == 2
    made = {path.name for path in two.root.iterdir()} - {".lock"}
    assert made == {path.name for path in one.root.iterdir()}


@pytest.mark.parametrize("config", ["ddp.yaml", "fsdp.yaml", "deepspeed-zero2.yaml"])
def test_the_recipes_precision_decides(tmp_path, recipe_lines, config):
    recipe, exact = sampled([*recipe_lines, "training.precision=fp32"], tmp_path / "exact", "hard", "full")
    train(recipe, exact)
    _, rounded = sampled([*recipe_lines, "training.precision=bf16"], tmp_path / "rounded", "hard", "full")
    done = launch(config, rounded.root, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    assert losses(rounded) == pytest.approx(losses(exact), rel=0.03)
    assert all(a != pytest.approx(b, rel=1e-5) for a, b in zip(losses(rounded), losses(exact), strict=True))


def test_only_training_runs_in_several_processes(tmp_path, recipe_lines, monkeypatch):
    recipe, directory = sampled(recipe_lines, tmp_path / "one", "hard", "full")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="only train does"):
        sample(recipe, directory)


def test_qlora_does_not_share_its_weights(tmp_path, recipe_lines):
    _, directory = sampled(recipe_lines, tmp_path / "one", "hard", "qlora")
    done = launch("fsdp.yaml", directory.root, tmp_path)
    assert done.returncode != 0
    assert "qlora does not go with sharding" in done.stderr


def test_a_batch_that_cannot_be_split_is_one_line(tmp_path, recipe_lines):
    lines = [part for line in recipe_lines for part in ("--set", line)]
    out = tmp_path / "one"
    arguments = [*lines, "--set", "training.batch_size=3", "--recipe", "demo"]
    assert run([sys.executable, "-m", "selfdistill", "sample", str(out), *arguments]).returncode == 0
    done = launch("cpu.yaml", out, tmp_path)
    assert done.returncode != 0
    assert "batch_size 3 is not a multiple of micro_batch_size 1 times 2 processes" in done.stderr
