"""A model is asked for inputs once a prompt, beside its samples; what it writes is kept, and must be there later."""

from __future__ import annotations

import json

import pytest

from selfdistill.agreement.model_inputs import input_prompts
from selfdistill.agreement.records import Agreement
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.problems.render import load_renderer
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample
from selfdistill.run import start
from selfdistill.run.agreed import find_agreed
from selfdistill.run.sampling import sample
from selfdistill.studies.cells import sample_key
from tiny_models import make_model

INPUTS = "training.agreement.inputs=[model,types]"


def recipe_of(tmp_path, *changes, chat=True):
    rows = [{"question": f"Add {n}.", "starter_code": "def f(x: int):\n"} for n in range(3)]
    rows.append({"question": "Print it.", "starter_code": ""})
    source = tmp_path / "prompts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    overrides = [
        f"model.path={make_model(tmp_path / 'model', chat=chat, context=900)}",
        f"prompts.source={source}",
        "prompts.columns.starter_code=starter_code",
        "prompts.template=auto",
        "prompts.chat=auto",
        "training.keep=agreement",
        "training.targets=hard",
        "sampling.samples_per_prompt=2",
        "sampling.max_new_tokens=8",
        *changes,
    ]
    return load_recipe("demo", overrides)


def test_one_answer_a_prompt_is_asked_for_and_kept(tmp_path):
    recipe = recipe_of(tmp_path, INPUTS)
    directory = start.begin(recipe, tmp_path / "run")
    sample(recipe, directory)
    prompts, samples = (list(read_records(directory.prompts, Prompt)), list(read_records(directory.samples, Sample)))
    answers = list(read_records(directory.input_samples, Sample))
    assert len(prompts) == 4
    assert len(samples) == 8
    assert [each.prompt_id for each in answers] == [each.prompt_id for each in prompts]
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    asking = input_prompts(renderer, prompts, context)
    assert "ten different calls of `f`" in asking[0].text
    assert "standard input" in asking[3].text
    longest = max(len(each.token_ids) for each in asking)
    assert len(input_prompts(renderer, prompts, longest)) == 3, "one leaves no room for an answer"

    found = find_agreed(recipe, directory, prompts, samples, renderer, context)
    assert [bool(found[each.prompt_id].inputs) for each in prompts] == [True, True, True, False]
    assert len(list(read_records(directory.sample_agreements, Agreement))) == 4

    directory.sample_agreements.unlink()
    directory.input_samples.unlink()
    with pytest.raises(UserError, match="0 of 4 answers with inputs are there"):
        find_agreed(recipe, directory, prompts, samples, renderer, context)


def test_a_model_that_does_not_answer_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="no chat template, so it cannot be asked for inputs"):
        start.check_recipe(recipe_of(tmp_path, INPUTS, chat=False))


def test_runs_share_samples_only_where_both_ask_or_neither(tmp_path):
    asking, silent = recipe_of(tmp_path, INPUTS), load_recipe("demo", ["training.keep=lint"])
    other = asking.model_copy(update={"training": silent.training})
    assert sample_key(asking) != sample_key(other)
    assert sample_key(asking) == sample_key(asking.model_copy(update={"evaluation": silent.evaluation}))
