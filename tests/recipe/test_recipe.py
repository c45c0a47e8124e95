"""Recipes: the paper's settings, overrides, and one clear line for every mistake."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import BaseModel

from selfdistill.errors import UserError
from selfdistill.models.attention import check_attention
from selfdistill.recipe import builtin_recipes, changed_keys, load_recipe, recipe_digest, recipe_text
from selfdistill.recipe.decoding import Stages
from selfdistill.recipe.one_card import known_models
from selfdistill.recipe.reference import field_meanings, reference, type_name
from selfdistill.recipe.sampling import MixSettings
from selfdistill.recipe.schema import HARMLESS_KEYS, Recipe
from selfdistill.recipe.show import FIRST, shown_recipe
from tests.conftest import REPOSITORY

BILLION = "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefg"))
"""A few lines that stand for millions."""

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


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("sampling.decoding.temprature=1", "unknown key sampling.decoding.temprature (did you mean temperature?)"),
        ("trainning.targets=soft", "unknown key trainning (did you mean training?)"),
        ("sampling.decoding.temperature=-1", "sampling.decoding.temperature is -1, must be greater than or equal to 0"),
        ("sampling.decoding.temperature=.nan", "sampling.decoding.temperature is nan, must be a finite number"),
        ("sampling.decoding.top_p=0", "sampling.decoding.top_p is 0, must be greater than 0"),
        ("evaluation.base.top_p=1.5", "evaluation.base.top_p is 1.5, must be less than or equal to 1"),
        ("evaluation.student.top_k=-3", "evaluation.student.top_k is -3, must be greater than or equal to 0"),
        ("training.targets=both", "training.targets is \"both\", must be 'hard' or 'soft'"),
        ("training.steps=5", "training: set exactly one of steps and epochs"),
        ("training.micro_batch_size=5", "training: micro_batch_size 5 does not divide batch_size 32"),
        ("evaluation.samples_per_problem=3", "evaluation: pass@5 needs samples_per_problem of at least 5"),
        ("seed=x", 'seed is "x", must be a valid integer'),
        ("training.max_length=1", "training.max_length is 1, must be greater than or equal to 2"),
        ("training.learning_rate=1.0e+10", "training.learning_rate is 10000000000.0, must be less than or equal to 1"),
        ("training.epochs=1.0e+9", "training.epochs is 1000000000.0, must be less"),
        ("evaluation.grading.memory_mb=100000000000000000000", "must be less than or equal to 1048576"),
        ("sampling.decoding.top_k=100000000000000000000", "must be less than or equal to 1000000000"),
        ("evaluation.pass_at=[1, 1]", "must be a list of different numbers, at least one"),
        ("evaluation.pass_at=[]", "must be a list of different numbers, at least one"),
        ("evaluation.split=tset", "the embedded problems have validation and test"),
        ("evaluation.since=2025-02-31", 'evaluation.since is "2025-02-31", must be a date such as 2025-02-01'),
        ("training.verifier=tests.jsonl", "verifier goes with keep: passing"),
        ("name=../elsewhere", "must be a name that can be a folder's"),
        ("seed=99999999999999999999", "seed is 99999999999999999999, must be less than"),
        ("no-equals-sign", "write key=value"),
        ("model.path.x=1", "path is a value, not a section"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(override, expected):
    with pytest.raises(UserError) as caught:
        load_recipe("demo", [override])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_file_names_its_line(tmp_path):
    text = recipe_text("demo").replace("temperature: 0.7", "temperatur: 0.7", 1)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "temperatur:" in row)
    with pytest.raises(UserError, match=f"mine.yaml:{line}: unknown key sampling.decoding.temperatur "):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "broken YAML"),
        ("- 1\n- 2\n", "a recipe is a mapping"),
        ("", "a recipe is a mapping"),
        ("name: x\n", "is missing"),
        ("name: x\nname: y\n", r"broken.yaml:2: name is there twice, first in line 1 \(keep one of them\)"),
        ("prompts: {limit: 1, limit: 2}\n", r"broken.yaml:1: prompts.limit is there twice"),
        ("name: x\n5: y\n", r"broken.yaml:2: '5' is no name of a key"),
        ("name: x\n? [a]\n: y\n", "is no name of a key"),
        ("name: &x [*x]\n", r"broken.yaml:1: an anchor stands inside itself"),
        ("a: &a {b: *a}\n", r"broken.yaml:1: an anchor stands inside itself"),
        ("a: " + "[" * 50 + "]" * 50, "nested too deeply"),
        ("a: " + "[" * 5000 + "]" * 5000, "broken YAML|nested too deeply"),
        (
            "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefg")),
            "far too long",
        ),
        ("name: x\nevaluation: {since: 2025-02-31}\n", "broken.yaml:2: 2025-02-31 is no date"),
        ("a: !!python/object:os.system x\n", "broken YAML"),
        (b"name: x\nmodel: \xff\n", r"broken.yaml:2: is not UTF-8 \(save it as UTF-8\)"),
        (b"name: \x00\n", "broken YAML"),
    ],
)
def test_broken_files(tmp_path, text, expected):
    path = tmp_path / "broken.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=expected) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "blamed"),
    [
        (["seed=1", "training.batch_size=7"], "--set training.batch_size=7: training: micro_batch_size 32"),
        (["sampling.decoding.temperature=-1"], "--set sampling.decoding.temperature=-1: sampling.decoding.temperature"),
        (["name=2025-01-01"], r"--set name=2025-01-01: name is a date to YAML, must be text \(put it in quotes"),
        (["training.lr=1"], "--set training.lr=1: unknown key training.lr"),
        (
            ["evaluation.base={temperature: nan}"],
            "--set evaluation.base={temperature: nan}: evaluation.base.temperature",
        ),
    ],
)
def test_what_set_brought_is_blamed_on_set(overrides, blamed):
    with pytest.raises(UserError, match=f"^{blamed}"):
        load_recipe("demo", overrides)


def test_a_files_own_fault_is_the_files_whatever_is_set(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(recipe_text("demo") + "seed: x\n")
    with pytest.raises(UserError, match=r"mine.yaml:\d+: seed is \"x\""):
        load_recipe(path, ["training.batch_size=7"])


def test_until_comes_after_since():
    with pytest.raises(UserError, match="since 2025-03-01 is not before until 2025-02-01"):
        load_recipe("demo", ["evaluation.since=2025-03-01", "evaluation.until=2025-02-01"])


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
