"""The calculator against numbers that are known: counted parameters, and costs worked out by hand."""

from __future__ import annotations

import pytest
from transformers import Qwen3MoeConfig

from run.small import here
from selfdistill.plan.estimate import TURN, estimate
from selfdistill.plan.gpus import GPUS, TRAINING_SHARE, Gpu
from selfdistill.plan.model import PUBLISHED, ModelSize, count
from selfdistill.plan.workload import Workload
from selfdistill.recipe import load_recipe
from selfdistill.steps.evaluation.evaluate import systems_of

QWEN3_30B = Qwen3MoeConfig(
    vocab_size=151936,
    hidden_size=2048,
    intermediate_size=6144,
    moe_intermediate_size=768,
    num_hidden_layers=48,
    num_attention_heads=32,
    num_key_value_heads=4,
    head_dim=128,
    num_experts=128,
    num_experts_per_tok=8,
    tie_word_embeddings=False,
)
"""The architecture of Qwen3-30B-A3B, from its published configuration."""


def test_counts_the_published_size_of_a_mixture_of_experts():
    size = count(QWEN3_30B)
    parameters, active, cache, embeddings = PUBLISHED["Qwen/Qwen3-30B-A3B-Instruct-2507"]
    assert size.parameters == pytest.approx(parameters, rel=0.01)
    assert size.active == pytest.approx(active, rel=0.03)
    assert size.cache_bytes == cache
    assert size.embeddings == pytest.approx(embeddings, rel=0.01)


def plan(recipe, gpus=1, measured=1000.0, **changes):
    work = {"prompts": 100, "problems": 10, "systems": 4, "prompt_tokens": 50.0, "completion_tokens": 150.0, **changes}
    return estimate(
        recipe,
        ModelSize(1e9, 1e9, 1000, 1e8, "made"),
        Gpu(1e14, 1e12, 80e9),
        gpus,
        Workload(**work),
        measured,
    )


def test_costs_are_those_worked_out_by_hand():
    recipe = load_recipe("demo", ["training.targets=hard"])
    sample, train, evaluate, explain = plan(recipe, greedy=1).stages
    assert (sample.tokens, sample.gpu_hours) == (100 * 150, pytest.approx(15000 / 1000 / 3600))
    assert train.tokens == 100 * 200
    assert train.gpu_hours == pytest.approx(20000 * 6 * 1e9 / (1e14 * TRAINING_SHARE) / 3600)
    assert evaluate.tokens == 10 * (3 * recipe.evaluation.samples_per_problem + 1) * 150
    assert explain.tokens == 100 * 200
    assert explain.gpu_hours == pytest.approx(20000 * 4 * 1e9 / (1e14 * TRAINING_SHARE) / 3600), "two forward passes"


def test_what_the_recipe_does_not_do_costs_nothing_and_prompts_that_the_model_writes_cost_theirs():
    served = load_recipe("demo", ["engine.kind=openai", "engine.base_url=http://localhost:1/v1"])
    assert [stage.name for stage in plan(served).stages] == ["sample", "train", "evaluate"]
    written = load_recipe("demo", ["prompts.source=self", "prompts.self_written.count=500"])
    first = plan(written).stages[0]
    assert (first.name, first.tokens, first.gpu_hours) == ("prompts", 500 * TURN, pytest.approx(500 * TURN / 3.6e6))
    few = load_recipe("demo", ["analysis.samples=10"])
    assert plan(few).stages[-1].tokens == 10 * 200


def test_more_of_anything_costs_more_and_more_gpus_share_the_memory():
    recipe = load_recipe("demo")
    base = plan(recipe)
    assert plan(recipe, prompts=200).gpu_hours > base.gpu_hours
    assert plan(recipe, measured=500.0).gpu_hours > base.gpu_hours
    recomputing = load_recipe("demo", ["training.gradient_checkpointing=true"])
    assert plan(recomputing).stages[1].gpu_hours == pytest.approx(base.stages[1].gpu_hours * 8 / 6)
    assert list(plan(recipe, gpus=8).memory.values())[1] == list(base.memory.values())[1] / 8
    assert "soft targets, at most" in base.disk
    assert "soft targets, at most" not in plan(load_recipe("demo", ["training.targets=hard"])).disk


def test_memory_of_each_method():
    """1B parameters, a tenth of them embeddings; NF4 with double quantization takes 4.127 bits (QLoRA, Sec. 3)."""
    memory = {
        method: list(plan(load_recipe("demo", [f"training.method={method}"])).memory.values())[1]
        for method in ("full", "lora", "qlora")
    }
    assert memory["full"] == 16e9
    assert memory["lora"] == 4e9
    assert memory["qlora"] == pytest.approx(0.9e9 * 4.127 / 8 + 0.1e9 * 4, rel=1e-3)


def test_the_roofline_knows_what_binds():
    recipe = load_recipe("demo", ["engine.batch_size=64"])
    work = Workload(100, 10, 500, 4000, systems=4)
    size = ModelSize(8e9, 8e9, 131072, 1e9, "made")
    hours = [estimate(recipe, size, GPUS[name], 1, work).stages[0].gpu_hours for name in ("h200", "h100", "a100")]
    assert hours == sorted(hours), "more bandwidth and memory, less time"


def test_the_command_prints_tokens_hours_disk_and_what_it_assumes(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # no waiting for a hub that is not there: published sizes
    done = here("plan", "qwen3-30b-a3b-thinking", "--gpus", "8", "--completion-tokens", "12000")
    assert done.returncode == 0, done.stderr
    recipe = load_recipe("qwen3-30b-a3b-thinking")
    systems = systems_of(recipe.evaluation, recipe.sampling.decoding)
    answers = sum(1 if system.stages[-1].greedy else 10 for system in systems)
    assert f"{10168 * 12000:,}" in done.stdout
    assert f"{131 * answers * 12000:,}" in done.stdout
    for part in ("8 x h100", "GPU hours", "disk", "assumed", "30.5B parameters"):
        assert part in done.stdout


def test_mistakes_are_one_line():
    done = here("plan", "demo", "--gpu", "abacus")
    assert done.returncode == 2
    assert "known: h100" in done.stderr
