"""Recipes: the paper's settings, overrides, and one clear line for every mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import BaseModel

from selfdistill.errors import UserError
from selfdistill.models.attention import check_attention
from selfdistill.recipe import builtin_recipes, changed_keys, load_recipe, recipe_digest
from selfdistill.recipe.decoding import Stages
from selfdistill.recipe.one_card import known_models
from selfdistill.recipe.reference import field_meanings, reference, type_name
from selfdistill.recipe.sampling import MixSettings
from selfdistill.recipe.schema import HARMLESS_KEYS, Recipe
from selfdistill.recipe.show import FIRST, shown_recipe
from tests.conftest import REPOSITORY

# The paper's table: T_train k p, T_eval k p, base T k p, steps, warm-up, checkpoint every.
PAPER = {
    "llama-3.1-8b-instruct": (0.8, 20, 0.8, 0.7, 20, 0.8, 0.9, 0, 0.8, 2500, 250, 250),
    "qwen3-4b-instruct": (1.6, 20, 0.8, 1.1, 20, 0.8, 0.7, 20, 0.8, 2500, 250, 250),
    "qwen3-4b-thinking": (1.1, 20, 0.95, 0.7, 20, 0.95, 0.6, 20, 0.95, 300, 50, 50),
    "qwen3-30b-a3b-instruct": (1.6, 20, 0.8, 0.9, 20, 0.8, 0.7, 20, 0.8, 2500, 250, 250),
    "qwen3-30b-a3b-thinking": (1.2, 20, 0.95, 0.7, 20, 0.95, 0.6, 20, 0.95, 300, 50, 50),
    "gpt-oss-20b": (1.2, 0, 1.0, 1.0, 20, 0.95, 1.0, 0, 1.0, 300, 50, 50),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_recipes_have_the_papers_settings(name):
    recipe = load_recipe(name)
    decodings = (recipe.sampling.decoding, recipe.evaluation.student, recipe.evaluation.base)
    found = [value for d in decodings for value in (d.temperature, d.top_k, d.top_p)]
    training = recipe.training
    assert (*found, training.steps, training.warmup_steps, training.checkpoint_every) == PAPER[name]
    assert (training.adam_beta1, training.adam_beta2, training.weight_decay) == (0.9, 0.95, 0.1)
    assert (training.learning_rate, training.min_learning_rate, training.batch_size) == (5e-6, 1e-6, 32)
    assert (training.max_length, recipe.sampling.samples_per_prompt) == (65536, 1)
    assert (recipe.evaluation.samples_per_problem, recipe.evaluation.pass_at) == (10, (1, 5))
    assert (training.targets, training.drop_truncated, training.drop_shortest) == ("hard", False, 0.0)


def test_builtin_recipes_are_the_demo_models_on_one_card_and_the_papers_six():
    own = {"demo", "embedded", "embedded-json", "embedded-lint", "embedded-texts"}
    assert set(builtin_recipes()) == {*own, *known_models(), *PAPER}
    for name in builtin_recipes():
        assert load_recipe(name).name == name


def test_overrides_take_yaml_values_and_dotted_keys():
    recipe = load_recipe("demo", ["sampling.decoding.temperature=1.25", "training.targets=hard", "prompts.limit=null"])
    assert recipe.sampling.decoding.temperature == 1.25
    assert recipe.training.targets == "hard"
    assert recipe.prompts.limit is None


def test_digest_and_changed_keys_follow_what_matters():
    recipe = load_recipe("demo")
    same = load_recipe(
        "demo", ["description=other words", "evaluation.grading.workers=7", "training.report_to=[wandb]"]
    )
    other = load_recipe("demo", ["sampling.decoding.top_p=0.9", "seed=4"])
    assert recipe_digest(recipe) == recipe_digest(same)
    assert changed_keys(recipe, same) == ()
    assert recipe_digest(recipe) != recipe_digest(other)
    assert changed_keys(recipe, other) == ("sampling.decoding.top_p", "seed")


def test_attention_that_is_not_there_is_refused_by_name():
    check_attention("sdpa")
    with pytest.raises(UserError, match=r"model.attention: 'flash' is no attention .give one of .*eager.*sdpa"):
        check_attention("flash")


def test_an_unknown_recipe_gets_the_nearest_name(tmp_path):
    with pytest.raises(UserError, match=r"did you mean qwen3-4b-instruct\?"):
        load_recipe("qwen3-4b-instuct")
    with pytest.raises(UserError, match="is a directory"):
        load_recipe(tmp_path)


def _leaves(model: type[BaseModel], prefix: str = ""):
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_key_is_used_somewhere():
    source = "".join(
        path.read_text() for path in (REPOSITORY / "src" / "selfdistill").rglob("*.py") if path.parent.name != "recipe"
    )
    names = {key: key.rpartition(".")[2] for key in _leaves(Recipe)}
    unused = [key for key, name in names.items() if not re.search(rf"\.{name}\b|\"{name}\"", source)]
    assert unused == []


def test_every_key_has_its_meaning_and_the_reference_page_is_current():
    def sections(model: type[BaseModel]):
        yield model
        for field in model.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from sections(field.annotation)

    for model in sections(Recipe):
        leaves = [
            name
            for name, field in model.model_fields.items()
            if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
        ]
        missing = [f"{model.__name__}.{name}" for name in leaves if name not in field_meanings(model)]
        assert missing == []
    assert (REPOSITORY / "docs" / "recipe.md").read_text() == reference()


def test_harmless_keys_exist():
    assert set(HARMLESS_KEYS) <= set(_leaves(Recipe))


def test_the_shipped_yaml_is_plain_yaml():
    for path in (REPOSITORY / "src" / "selfdistill" / "recipe" / "builtin").iterdir():
        assert isinstance(yaml.safe_load(Path(path).read_text()), dict)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str | None, "str, or null"),
        (tuple[float, ...], "list of float"),
        (Literal[True, "selective"], "one of `true`, `selective`"),
        (str | tuple[str, ...], "str or list of str"),
        (MixSettings | None, "section, or null"),
        (tuple[Stages, ...], "list of decoding"),
    ],
)
def test_the_reference_page_says_types_in_words(annotation, words):
    assert type_name(annotation) == words


def test_the_reference_page_has_a_row_for_each_key_of_a_section_that_may_be_left_out():
    assert "| `sampling.mix.share` | float | required |" in reference()


@pytest.mark.parametrize("name", builtin_recipes())
def test_a_recipe_that_is_shown_is_the_same_recipe_with_every_key_in_it(name, tmp_path):
    text = shown_recipe(name)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert load_recipe(path) == load_recipe(name)
    above, line, below = text.partition("\n# ---- The rest")
    assert line
    assert len(FIRST) == 15
    for key in FIRST:
        assert re.search(rf"^{re.escape(key)}: .+  # \w?", above, re.MULTILINE), key
    uncommented = tmp_path / "all.yaml"
    uncommented.write_text(above + re.sub("^# (?!--)", "", below.partition("\n")[2], flags=re.MULTILINE))
    assert load_recipe(uncommented) == load_recipe(name)


def test_dotted_names_in_a_file_are_keys_of_sections(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(shown_recipe("demo").replace("training.method: full", "training.methd: full"))
    line = next(n for n, row in enumerate(path.read_text().splitlines(), 1) if row.startswith("training.methd"))
    with pytest.raises(UserError, match=rf"mine.yaml:{line}: unknown key training.methd \(did you mean method\?\)"):
        load_recipe(path)
    for added, fault in (
        ("model: {path: twice}", "model.path is given twice"),
        ("name.of: x", "name.of: name is a value"),
    ):
        path.write_text(f"{shown_recipe('demo')}{added}\n")
        with pytest.raises(UserError, match=fault):
            load_recipe(path)
