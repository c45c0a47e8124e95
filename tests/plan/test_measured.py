"""Measured throughputs: which one a plan takes, what runs leave for later plans, and that none of it can stop a run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from run.small import command, run, run_command
from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, write_json
from selfdistill.plan.estimate import estimate
from selfdistill.plan.gpus import GPUS, UNTESTED, gpu_named
from selfdistill.plan.measured import COMING_ALONG, VARIABLE, Measured, all_measured, find, measured_file, remember
from selfdistill.plan.memory import TILE, activations
from selfdistill.plan.model import ModelSize, Shape
from selfdistill.plan.workload import Workload
from selfdistill.recipe import load_recipe
from selfdistill.run.outcome import note

OLD = Measured("NVIDIA H100 80GB HBM3", "sampling vllm", 1e9, 100.0, "old")
NEW = Measured("NVIDIA H100 80GB HBM3", "sampling vllm", 1e9, 300.0, "new")
LARGER = Measured("NVIDIA H100 80GB HBM3", "sampling vllm", 2e9, 80.0, "larger")
WORK = Workload(1257, 429, 170, 430, systems=8)


def test_the_newest_number_of_the_nearest_size_counts():
    assert find([OLD, NEW, LARGER], "h100", "sampling vllm", 1e9) == (300.0, "new")
    assert find([NEW, OLD, LARGER], "h100", "sampling vllm", 1e9) == (100.0, "old")
    rate, source = find([OLD, NEW, LARGER], "h100", "sampling vllm", 4e9) or (0, "")
    assert (rate, source) == (40.0, "larger, scaled from 2B parameters")


def test_another_device_engine_or_order_of_size_says_nothing():
    assert find([NEW], "a100", "sampling vllm", 1e9) is None
    assert find([NEW], "h100", "sampling transformers", 1e9) is None
    assert find([NEW], "h100", "sampling vllm", 8e9) is None
    assert find([NEW], "h100", "sampling vllm", 1e8) is None


def test_an_evaluation_is_sampling_until_one_was_measured():
    measured = Measured("h100", "evaluation vllm", 1e9, 50.0, "evaluated")
    assert find([NEW], "h100", "evaluation vllm", 1e9) == (300.0, "new")
    assert find([measured, NEW], "h100", "evaluation vllm", 1e9) == (50.0, "evaluated")


def plan_of(*overrides: str, size: ModelSize | None = None, **given):
    size = size or ModelSize(0.494e9, 0.494e9, 12288, 0.136e9, "made", Shape(24, 896, 4864, 151936))
    of = load_recipe("demo", list(overrides))
    return estimate(of, size, GPUS["h100"], 1, WORK, **given)


def test_a_plan_takes_what_was_measured_and_says_so():
    sample, train, evaluate, _ = plan_of("engine.kind=transformers", known=COMING_ALONG, device="h100").stages
    assert sample.gpu_hours == pytest.approx(1257 * 430 / 6600 / 3600)
    assert evaluate.gpu_hours == pytest.approx(evaluate.tokens / 6600 / 3600)
    assert train.gpu_hours == pytest.approx(train.tokens / 23000 / 3600)
    assert "an H100, 1,536 rows" in sample.source
    hard = plan_of("training.targets=hard", known=COMING_ALONG, device="h100").stages[1]
    assert hard.gpu_hours == pytest.approx(train.gpu_hours)
    assert hard.source.endswith("with soft targets")
    for assumed in plan_of(device="h100").stages:
        assert "roofline" in assumed.source or "of the device's peak" in assumed.source


@pytest.mark.parametrize(
    ("size", "overrides", "expected"),
    [
        (
            ModelSize(1.54e9, 1.54e9, 28672, 0.23e9, "made", Shape(28, 1536, 8960, 151936)),
            ["training.method=full"],
            32.6,
        ),
        (
            ModelSize(7.62e9, 7.62e9, 57344, 1.09e9, "made", Shape(28, 3584, 18944, 152064)),
            ["training.method=lora"],
            24.8,
        ),
    ],
)
def test_1_5b_whole_and_7b_by_lora_fit_into_80_gb(size, overrides, expected):
    """16 sequences of 600 tokens; the sums were worked out by hand from the formulas in docs/scale.md."""
    common = ("training.precision=bf16", "training.micro_batch_size=16", "training.gradient_checkpointing=true")
    made = plan_of(*common, "training.max_length=600", *overrides, size=size)
    needed = sum(size for name, size in made.memory.items() if name.startswith("training"))
    assert needed == pytest.approx(expected * 1e9, rel=0.02)
    assert needed < GPUS["h100"].memory


def test_activations_grow_with_tokens_but_logits_do_not():
    shape = Shape(24, 896, 4864, 151936)
    one, two = (activations(shape, count * TILE, recompute=True) for count in (1, 2))
    logits = 8 * TILE * 151936
    assert two - logits == pytest.approx(2 * (one - logits))
    assert activations(shape, TILE, recompute=False) > 4 * one - 4 * logits


def test_devices_by_the_names_that_torch_gives_them():
    assert gpu_named("NVIDIA H100 80GB HBM3") is GPUS["h100"]
    assert gpu_named("NVIDIA GeForce RTX 4090") is GPUS["rtx4090"]
    assert gpu_named("mps") is UNTESTED["mps"]
    assert gpu_named("cpu (some processor, 2 threads)") is None


def test_a_rate_that_was_measured_beside_other_work_says_what_was_taken_off():
    beside = Measured("cpu", "sampling transformers", 1e9, 50.0, "measured here", 0.4)
    assert find([beside], "cpu", "sampling transformers", 1e9) == (
        50.0,
        "measured here, 40% of the time taken off, in which other work had the processor",
    )
    quiet = replace(beside, waited=0.01)
    assert find([quiet], "cpu", "sampling transformers", 1e9) == (50.0, "measured here")


def test_a_stage_that_waited_half_its_time_leaves_the_rate_of_the_machine_alone(tmp_path, monkeypatch):
    """A run's own records, with seconds and waiting as its timing writes them."""
    monkeypatch.setenv(VARIABLE, "on")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    directory = RunDirectory(tmp_path / "run")
    record = {"seconds": 100.0, "waited_seconds": 60.0, "tokens": 4000, "engine": "transformers"}
    plan = {"device": "cpu", "parameters": 1e9, "stages": {"sample": {"seconds": 50.0}}}
    recipe = load_recipe("demo").model_dump(mode="json")
    created = (datetime.now(UTC) - timedelta(seconds=100)).isoformat()
    write_json(directory.manifest, {"created": created, "recipe": recipe, "plan": plan, "stages": {"sample": record}})
    note(directory, "sample", record, first=True)
    [kept] = read_lines(tmp_path / "selfdistill" / "measured.jsonl")
    assert (kept["rate"], kept["waited"]) == (100.0, 0.6)
    outcome = read_json(directory.manifest)["plan"]
    assert outcome["actual"] == {"sample": 100.0}
    assert outcome["waited"] == {"sample": 60.0}
    assert outcome["error"] == {"sample": 0.25}


def test_a_line_of_a_time_when_nobody_looked_at_waiting_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "on")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    remember(NEW)
    path = tmp_path / "selfdistill" / "measured.jsonl"
    [line] = read_lines(path)
    del line["waited"]
    path.write_text(json.dumps({**line, "rate": 1e9}) + "\n" + path.read_text())
    assert all_measured() == [*COMING_ALONG, NEW]


def test_a_broken_file_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "on")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    remember(NEW)
    path = measured_file()
    assert path is not None
    with path.open("a") as file:
        file.write('not json\n[1]\n{"device": "h100"}\n' + json.dumps({**read_lines(path)[0], "rate": "fast"}) + "\n")
    assert all_measured() == [*COMING_ALONG, NEW]
    path.write_bytes(b"\xff\xfe")
    assert all_measured() == list(COMING_ALONG)
    monkeypatch.setenv(VARIABLE, "off")
    assert measured_file() is None


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_run_has_its_prediction_beside_what_it_took_and_the_next_plan_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "on")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "no finished run" in run(command("plan", "demo", "--gpu", "cpu")).stdout
    done = run(run_command(tmp_path / "first"))
    assert done.returncode == 0, done.stderr
    manifest = read_json(tmp_path / "first" / "manifest.json")
    plan, stages = manifest["plan"], manifest["stages"]
    assert plan["actual"]["train"] == stages["train"]["seconds"]
    evaluated = [record["seconds"] for name, record in stages.items() if name.startswith("evaluate")]
    assert plan["actual"]["evaluate"] == pytest.approx(sum(evaluated), abs=0.01)
    predicted = plan["stages"]["train"]["seconds"]
    own = stages["train"]["seconds"] - stages["train"]["waited_seconds"]
    assert plan["error"]["train"] == pytest.approx(predicted / own - 1, abs=0.02 + 0.002 * predicted / own**2)
    [prediction] = read_lines(tmp_path / "cache" / "selfdistill" / "measured.jsonl")
    assert prediction["actual"] == {name: plan["actual"][name] for name in ("sample", "train", "evaluate")}
    assert "explain" in plan["actual"], "which comes after it was written down"
    assert "the plan of the last run here (first," in " ".join(
        run(command("plan", "demo", "--gpu", "cpu")).stdout.split()
    )


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_stops_no_run(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "on")
    (tmp_path / "cache").write_text("a file where a directory should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = run(run_command(tmp_path / "run", "prompts.limit=8", "evaluation.limit=2", "checks.regressions.tasks=[]"))
    assert done.returncode == 0, done.stderr
    assert read_json(tmp_path / "run" / "manifest.json")["plan"]["actual"]
