"""What init fits into a machine: within the memory by plan's own arithmetic, or one line; the recipe that it writes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from run.small import command, run
from selfdistill.cli.model_recipe import Fitting, most, write_recipe
from selfdistill.cli.models import is_model, recipe_name
from selfdistill.cli.run import recipe_for
from selfdistill.errors import UserError
from selfdistill.models.recommended import Recommended, recommended
from selfdistill.plan.amount import AMOUNTS, HOURS
from selfdistill.plan.fit import LONGEST, PROMPT, fit, sampling_bytes
from selfdistill.plan.gpus import GPUS, Gpu
from selfdistill.plan.machine import Machine
from selfdistill.plan.memory import memory
from selfdistill.plan.model import ModelSize, Shape
from selfdistill.plan.recipe_text import Wanted, recipe_text
from selfdistill.plan.workload import Workload
from selfdistill.recipe import load_recipe, parse_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.text import parse_yaml
from tiny_models import make_model

SIZES = {
    "0.5b": ModelSize(0.494e9, 0.494e9, 12288, 0.136e9, "", Shape(24, 896, 4864, 151936)),
    "1.5b": ModelSize(1.54e9, 1.54e9, 28672, 0.233e9, "", Shape(28, 1536, 8960, 151936)),
    "8b": ModelSize(8.03e9, 8.03e9, 131072, 1.05e9, "", Shape(32, 4096, 14336, 128256)),
    "30b-a3b": ModelSize(30.5e9, 3.3e9, 98304, 0.62e9, "published"),
}
MEMORY = (4e9, 8e9, 16e9, 24e9, 48e9, 80e9, 141e9)
SILENT = Recommended(None, {})


def machine(memory: float, *, kind: str = "cuda", **more) -> Machine:
    return Machine(kind, "a device", memory, **{"quantizes": kind == "cuda", **more})


@pytest.mark.parametrize("kind", ["cuda", "cpu", "mps"])
@pytest.mark.parametrize("name", SIZES)
def test_whatever_fits_is_within_the_memory_and_more_memory_never_gives_less(name, kind):
    size, before = SIZES[name], None
    for held in MEMORY:
        try:
            fitted = fit(size, machine(held, kind=kind), context=262144)
        except UserError:
            assert before is None
            with pytest.raises(UserError, match=f"does not fit: a device has {held / 1e9:,.1f} GB"):
                fit(size, machine(held, kind=kind), context=262144)
            continue
        assert fitted.training_bytes < held
        assert fitted.sampling_bytes < held
        assert fitted.rows * fitted.max_length * size.cache_bytes + 2 * size.parameters < held
        assert fitted.max_new_tokens <= LONGEST
        assert 32 % fitted.micro_batch_size == 0
        if before is not None:
            assert fitted.max_new_tokens >= before.max_new_tokens
            if (fitted.method, fitted.max_length) == (before.method, before.max_length):
                assert (fitted.rows, fitted.micro_batch_size) >= (before.rows, before.micro_batch_size)
        before = fitted


@pytest.mark.parametrize(
    ("name", "held", "method"),
    [
        ("0.5b", 24e9, "full"),
        ("8b", 80e9, "lora"),
        ("8b", 24e9, "qlora"),
        ("8b", 16e9, None),
        ("30b-a3b", 80e9, "lora"),
    ],
)
def test_all_weights_are_trained_where_they_fit_and_adapters_where_not(name, held, method):
    if method is None:
        with pytest.raises(UserError, match="does not fit"):
            fit(SIZES[name], machine(held), context=32768)
    else:
        assert fit(SIZES[name], machine(held), context=32768).method == method


def test_four_bits_come_last_and_only_where_they_are_to_be_had():
    tight = machine(23e9)
    assert fit(SIZES["8b"], tight, context=32768).method == "qlora"
    without = fit(SIZES["8b"], machine(23e9, quantizes=False), context=32768)
    assert without.method == "lora"
    assert without.max_length < fit(SIZES["8b"], tight, context=32768).max_length


def test_a_short_context_is_kept_to():
    fitted = fit(SIZES["0.5b"], machine(80e9), context=512)
    assert fitted.max_length <= 512
    assert fitted.max_new_tokens == 256
    assert fit(SIZES["0.5b"], machine(80e9), context=512, longest=128).max_new_tokens == 128


def written(size: ModelSize, where: Machine, advice: Recommended = SILENT, **changes):
    wanted = Wanted(
        **{"name": "mine", "model": "./a: model's", "prompts": ("self",), "benchmark": "humaneval", **changes}
    )
    amount = AMOUNTS[-3 if where.kind == "cpu" else 0]
    return recipe_text(wanted, where, fit(size, where, context=32768, longest=amount.tokens), advice, amount)


@pytest.mark.parametrize("kind", ["cuda", "cpu", "mps"])
@pytest.mark.parametrize("prompts", [("self",), ("repository:src", "self"), ("mine.jsonl",)])
def test_the_text_is_a_recipe_whose_own_plan_is_within_the_memory(tmp_path, kind, prompts):
    size, where = SIZES["0.5b"], machine(16e9, kind=kind, vllm=kind == "cuda")
    path = tmp_path / "mine.yaml"
    path.write_text(written(size, where, prompts=prompts))
    recipe = load_recipe(path)
    assert recipe.model.path == "./a: model's"
    assert recipe.engine.kind == ("vllm" if kind == "cuda" else "transformers")
    assert recipe.prompts.source == ("mixture" if len(prompts) == 2 else prompts[0])
    assert [part.source for part in recipe.prompts.mixture] == ([*prompts] if len(prompts) == 2 else [])
    assert recipe.prompts.template == ("auto" if prompts == ("mine.jsonl",) else "function")
    assert recipe.checks.contamination.drop == "near"
    length = recipe.training.max_length
    planned = memory(recipe.training, size, 1, Workload(1, 1, PROMPT, length - PROMPT, systems=1))
    assert sum(held for name, held in planned.items() if name.startswith("training")) < where.memory
    assert sampling_bytes(size, recipe.engine.batch_size * length, on_cpu=kind == "cpu") < where.memory
    assert max(map(len, path.read_text().splitlines())) < 130


def test_a_models_own_decoding_is_the_bases_and_what_is_left_out_is_said():
    advice = Recommended(Decoding(temperature=0.6, top_p=0.95), {"repetition_penalty": 1.1})
    text = written(SIZES["0.5b"], machine(16e9), advice)
    assert "base: {temperature: 0.6, top_k: 0, top_p: 0.95}" in text
    assert "student: {temperature: 0.6, top_k: 20, top_p: 0.8}" in text
    assert "but for repetition_penalty 1.1, which is not applied here" in text
    greedy = written(SIZES["0.5b"], machine(16e9), Recommended(Decoding(temperature=0), {}))
    assert "base: {temperature: 0}" in greedy


SAID = {
    "{}": Recommended(None, {}),
    '{"eos_token_id": 2, "_from_model_config": true}': Recommended(None, {}),
    '{"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "repetition_penalty": 1.05}': Recommended(
        Decoding(temperature=0.7, top_k=20, top_p=0.8), {"repetition_penalty": 1.05}
    ),
    '{"do_sample": true}': Recommended(Decoding(temperature=1), {}),
    '{"do_sample": false, "temperature": 0.7}': Recommended(Decoding(temperature=0), {}),
    '{"temperature": 0.6, "top_k": -1, "min_p": 0.0}': Recommended(Decoding(temperature=0.6), {}),
}


@pytest.mark.parametrize("text", SAID)
def test_what_a_model_recommends_is_read_from_its_file(tmp_path, text):
    (tmp_path / "config.json").write_text("{}")
    assert recommended(str(tmp_path)).decoding is None
    (tmp_path / "generation_config.json").write_text(text)
    assert recommended(str(tmp_path)) == SAID[text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{", "not valid JSON"), ("[]", "holds no settings"), ('{"top_p": 7}', "recommends a decoding that there is not")],
)
def test_a_broken_recommendation_is_one_line(tmp_path, text, expected):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "generation_config.json").write_text(text)
    with pytest.raises(UserError, match=rf"generation_config.json: {expected}"):
        recommended(str(tmp_path))


def test_a_model_is_told_from_a_recipe(tmp_path):
    model = make_model(tmp_path / "My_Model v2", chat=True)
    assert is_model(str(model))
    assert is_model("Qwen/Qwen3-4B")
    for other in ("demo", "mine.yaml", "recipes/mine.yaml", str(tmp_path), "a/b/c"):
        assert not is_model(other)
    assert recipe_name(str(model)) == "my-model-v2"
    assert recipe_name("Qwen/Qwen3-4B") == "qwen3-4b"
    assert recipe_for("demo", None) == "demo"


def fitting(kind: str, sheet: Gpu, size: str = "0.5b") -> Fitting:
    wanted = Wanted("mine", "./mine", ("self",), "humaneval")
    where = machine(16e9, kind=kind)
    return Fitting(wanted, SIZES[size], where, 32768, SILENT, 164, kind, sheet, [])


HOURS_GIVEN = (2, 8, 50, 1000)
SLOW = Gpu(0.1e12, 20e9, 16e9, 0.05e12)
"""A laptop's CPU."""


def test_the_most_that_fits_into_the_hours_is_taken_and_the_prediction_is_within_them():
    found = [most(fitting("cpu", SLOW), hours, Path("mine.yaml")) for hours in HOURS_GIVEN]
    for hours, (amount, made) in zip(HOURS_GIVEN, found, strict=True):
        assert made.gpu_hours <= hours
        larger = AMOUNTS[: AMOUNTS.index(amount)]
        if larger:
            recipe = parse_recipe(parse_yaml(fitting("cpu", SLOW).recipe(larger[-1]), Path("x.yaml"))[0], "x.yaml")
            assert fitting("cpu", SLOW).plan(recipe).gpu_hours > hours
    positions = [AMOUNTS.index(amount) for amount, _ in found]
    assert positions == sorted(positions, reverse=True)
    assert len(set(positions)) == 4


def test_each_amount_takes_longer_than_the_next():
    hours = []
    for amount in AMOUNTS:
        recipe = parse_recipe(parse_yaml(fitting("cpu", SLOW).recipe(amount), Path("x.yaml"))[0], "x.yaml")
        hours.append(fitting("cpu", SLOW).plan(recipe).gpu_hours)
    assert hours == sorted(hours, reverse=True)


def test_without_hours_a_gpu_does_the_most_and_what_never_fits_is_the_least():
    assert "cuda" not in HOURS
    assert most(fitting("cuda", GPUS["rtx4090"]), None, Path("x.yaml"))[0] is AMOUNTS[0]
    amount, made = most(fitting("cpu", SLOW), 0.001, Path("x.yaml"))
    assert amount is AMOUNTS[-1]
    assert made.gpu_hours > 0.001


def test_the_file_says_for_which_time_it_was_sized_and_too_little_time_is_said(tmp_path, capsys):
    model = make_model(tmp_path / "model", chat=True)
    write_recipe(str(model), tmp_path / "an-hour.yaml", (), "humaneval", None)
    text = (tmp_path / "an-hour.yaml").read_text()
    assert re.search(r"^# Sized for 1 h \(--hours\); it takes about \d+ min\.$", text, re.MULTILINE)
    write_recipe(str(model), tmp_path / "no-time.yaml", (), "humaneval", None, 1e-6)
    assert "more than 1 min: take a smaller model" in capsys.readouterr().err
    assert "prompts:\n" in (tmp_path / "no-time.yaml").read_text()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("none.jsonl", "none.jsonl: no such file"),
        ("empty.jsonl", "empty.jsonl: holds no prompt"),
        ("repository:.", "holds no Python file"),
    ],
)
def test_prompts_of_this_machine_are_opened_before_a_recipe_is_written(tmp_path, monkeypatch, source, expected):
    model = make_model(tmp_path / "model", chat=True)
    (tmp_path / "empty.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=expected):
        write_recipe(str(model), Path("x.yaml"), (source,), "humaneval", None)
    assert not Path("x.yaml").exists()
    (tmp_path / "empty.jsonl").write_text('{"any column": "is the recipe\'s to name"}\n')
    write_recipe(str(model), Path("x.yaml"), ("empty.jsonl",), "humaneval", None)


def test_a_model_of_which_a_part_is_missing_is_named(tmp_path):
    model = make_model(tmp_path / "model", chat=True)
    (model / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model: has no weights: .*fetch the whole model"):
        write_recipe(str(model), tmp_path / "x.yaml", (), "humaneval", None)
    other = make_model(tmp_path / "other", chat=True)
    (other / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"other: has no tokenizer: none of tokenizer\.json, .* is there"):
        write_recipe(str(other), tmp_path / "x.yaml", (), "humaneval", None)


def test_a_disk_that_is_nearly_full_is_said_before_anything_runs(tmp_path, monkeypatch, capsys):
    model = make_model(tmp_path / "model", chat=True)
    usage = shutil.disk_usage(tmp_path)
    for free, said in ((0, True), (1e12, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage._replace(free=int(free)))
        write_recipe(str(model), tmp_path / f"{said}.yaml", (), "humaneval", None)
        assert ("only 0.0 GB are free here" in capsys.readouterr().err) is said


def test_a_name_that_yaml_would_take_for_a_number_stays_a_name(tmp_path):
    model = make_model(tmp_path / "2.0", chat=True)
    assert write_recipe(str(model), tmp_path / f"{recipe_name(str(model))}.yaml", (), "humaneval", None).name == "2.0"


def test_ones_own_benchmark_is_read_before_a_recipe_is_written(tmp_path):
    model = make_model(tmp_path / "model", chat=True)
    with pytest.raises(UserError, match=r"nosuch\.jsonl: no such benchmark or file"):
        write_recipe(str(model), tmp_path / "x.yaml", (), str(tmp_path / "nosuch.jsonl"), None)
    assert not (tmp_path / "x.yaml").exists()


def test_run_keeps_the_recipe_that_it_wrote_so_that_the_same_command_resumes(tmp_path, capsys):
    model = make_model(tmp_path / "model", chat=True)
    path = recipe_for(str(model), tmp_path / "out")
    assert path == str(tmp_path / "out.yaml")
    assert "full fine-tuning, transformers\na run takes about 1 min" in capsys.readouterr().out
    recipe = load_recipe(path)
    assert recipe.prompts.source == "self"
    assert recipe.training.max_length <= 512
    before = (tmp_path / "out.yaml").read_text().replace("epochs: 2", "epochs: 3")
    (tmp_path / "out.yaml").write_text(before)
    assert recipe_for(str(model), tmp_path / "out") == path
    assert (tmp_path / "out.yaml").read_text() == before


def test_a_model_that_cannot_write_prompts_needs_some(tmp_path):
    model = make_model(tmp_path / "model")
    with pytest.raises(UserError, match=r"has no chat template, .*give --prompts"):
        write_recipe(str(model), tmp_path / "x.yaml", (), "humaneval", None)
    assert not (tmp_path / "x.yaml").exists()
    recipe = write_recipe(str(model), tmp_path / "x.yaml", ("mine/prompts",), "humaneval", 1.0)
    assert recipe.prompts.source == "mine/prompts"


@pytest.mark.slow
def test_init_then_run_goes_from_a_model_to_its_report(tmp_path):
    model = make_model(tmp_path / "model", chat=True, context=1024)
    benchmark = tmp_path / "made.jsonl"
    problem = {
        "task_id": "Made/0",
        "prompt": "def double(x):\n    '''Twice x.'''\n",
        "entry_point": "double",
        "canonical_solution": "    return 2 * x\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    }
    benchmark.write_text(json.dumps(problem) + "\n")
    path = tmp_path / "tiny.yaml"
    begun = command("init", str(model), "--benchmark", str(benchmark), "--out", str(path))
    assert run(begun).returncode == 0
    again = run(begun)
    assert again.returncode == 2
    assert "tiny.yaml: is there already" in again.stderr
    begin = json.dumps({"count": 24, "beginnings": ["Write a Python function that takes two numbers"]})
    sets = [f"prompts.self_written={begin}", "prompts.self_written.decoding={temperature: 30}"]
    sets += ["evaluation.max_new_tokens=40", "sampling.max_new_tokens=40"]
    done = run(command("run", str(path), "--out", str(tmp_path / "out"), *(p for s in sets for p in ("--set", s))))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
