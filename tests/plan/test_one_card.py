"""Recipes of models on one card: their facts against published sizes, what fits by plan's arithmetic, the list."""

from __future__ import annotations

import math

import pytest
from transformers import AutoConfig

from run.small import command, run
from selfdistill.cli import init
from selfdistill.cli.run import recipe_for
from selfdistill.models.configs import context_length
from selfdistill.plan.estimate import estimate
from selfdistill.plan.fit import PROMPT, fit
from selfdistill.plan.gpus import GPUS
from selfdistill.plan.machine import Machine
from selfdistill.plan.memory import memory
from selfdistill.plan.model import model_size
from selfdistill.plan.workload import Workload
from selfdistill.recipe import load_recipe
from selfdistill.recipe.one_card import known_models

CARDS = {
    "qwen2.5-coder-0.5b": 0.49,
    "qwen2.5-coder-1.5b": 1.54,
    "qwen2.5-coder-3b": 3.09,
    "qwen2.5-coder-7b": 7.61,
    "qwen3-0.6b": 0.6,
    "qwen3-1.7b": 1.7,
    "qwen3-4b": 4.0,
    "smollm2-1.7b": 1.71,
    "llama-3.2-1b": 1.23,
    "llama-3.2-3b": 3.21,
    "gemma-3-1b": 1.0,
}
"""Billions of parameters on the model cards, as they round them."""


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_every_one_has_the_size_that_its_card_says():
    assert {name: model.parameters for name, model in known_models().items()}.keys() == CARDS.keys()
    for name, model in known_models().items():
        size = model_size(model.path)
        assert size.parameters == model.parameters
        rounded = 0.05 if name.startswith(("qwen3", "gemma")) else 0.006  # to tenths, or to hundredths
        assert abs(size.parameters / 1e9 - CARDS[name]) <= rounded
        assert size.shape is not None


@pytest.mark.parametrize("name", CARDS)
def test_a_recipe_is_what_init_would_choose_for_24_gb(name):
    recipe, model = load_recipe(name), known_models()[name]
    config = AutoConfig.for_model(**model.config)
    fitted = fit(model_size(model.path), Machine("cuda", "a card", 24e9), context_length(config))
    found = (
        recipe.training.method,
        recipe.training.micro_batch_size,
        recipe.sampling.max_new_tokens,
        recipe.training.max_length,
        recipe.engine.batch_size,
    )
    assert found == (
        fitted.method,
        fitted.micro_batch_size,
        fitted.max_new_tokens,
        fitted.max_length,
        fitted.rows,
    )
    assert recipe.evaluation.max_new_tokens == fitted.max_new_tokens
    assert (recipe.name, recipe.model.path, recipe.prompts.source) == (name, model.path, "self")
    assert recipe.prompts.template == "function"
    assert "untested" in recipe.description


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("gpu", ["rtx4090", "h100"])
def test_a_plan_of_it_is_finite_and_its_training_fits(name, gpu):
    recipe = load_recipe(name)
    size = model_size(recipe.model.path)
    work = Workload(4000, 164, PROMPT, recipe.training.max_length - PROMPT, systems=6)
    made = estimate(recipe, size, GPUS[gpu], 1, work)
    assert 0 < made.gpu_hours < math.inf
    held = memory(recipe.training, size, 1, work)
    assert sum(n for what, n in held.items() if what.startswith("training")) < GPUS[gpu].memory


def test_the_list_has_groups_and_a_line_for_each():
    done = run(command("recipes"))
    groups = done.stdout.split("\n\n")
    assert [group.partition(":")[0] for group in groups[:3]] == [
        "The model inside the package, on a laptop",
        "A model on one GPU of 24 GB",
        "The paper's, with its settings, for several large GPUs",
    ]
    assert [line.split()[0] for line in groups[1].splitlines()[1:]] == list(CARDS)
    assert "demo" in groups[0]
    assert "gpt-oss-20b" in groups[2]


def test_init_takes_the_name_of_such_a_recipe_for_its_model(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(init, "write_recipe", lambda model, *_: asked.append(model))
    monkeypatch.chdir(tmp_path)
    init.init("qwen3-0.6b")
    (tmp_path / "gemma-3-1b").mkdir()
    init.init("gemma-3-1b")
    assert asked == ["Qwen/Qwen3-0.6B", "gemma-3-1b"]


def test_run_says_that_a_recipe_for_a_card_is_no_good_without_one(capsys, monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    assert recipe_for("qwen3-0.6b", None) == "qwen3-0.6b"
    assert "none is here: selfdistill init qwen3-0.6b fits one to this machine" in capsys.readouterr().err
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    assert recipe_for("qwen3-0.6b", None) == "qwen3-0.6b"
    assert recipe_for("demo", None) == "demo"
    assert capsys.readouterr().err == ""
