"""The control: every sample under another prompt, each prompt once."""

from __future__ import annotations

import pytest

from selfdistill.errors import UserError
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample
from selfdistill.steps.training.shuffled import shuffled
from selfdistill.steps.training.train import build_data

PROMPTS = [Prompt(f"p{n}", "", (10 + n,)) for n in range(9)]


def test_no_prompt_keeps_its_own_and_each_is_used_once():
    found = shuffled({prompt.prompt_id: prompt for prompt in PROMPTS}, 0)
    assert all(key != prompt.prompt_id for key, prompt in found.items())
    assert sorted(prompt.prompt_id for prompt in found.values()) == sorted(found)
    assert found != shuffled({prompt.prompt_id: prompt for prompt in PROMPTS}, 1)


def test_one_prompt_is_refused():
    with pytest.raises(UserError, match="no other's sample"):
        shuffled({"p0": PROMPTS[0]}, 0)


def test_training_sees_the_other_prompt_and_the_samples_own_tokens(tmp_path):
    recipe = load_recipe("demo", ["training.shuffled=true", "training.targets=hard"])
    samples = [Sample(prompt.prompt_id, 0, (70 + n, 80), "stop", (), "x\ny") for n, prompt in enumerate(PROMPTS)]
    dataset, _, counts = build_data(recipe.training, PROMPTS, samples, tmp_path, whole_answers=False, seed=recipe.seed)
    assert counts.sequences == len(PROMPTS)
    others = shuffled({prompt.prompt_id: prompt for prompt in PROMPTS}, recipe.seed)
    expected = [[*others[s.prompt_id].token_ids, *s.token_ids] for s in samples]
    assert dataset["input_ids"][:] == expected
    assert dataset["labels"][:] == [[-100, *sample.token_ids] for sample in samples]


def test_recomputed_targets_would_be_of_the_wrong_prompt():
    with pytest.raises(UserError, match="shuffled goes with stored soft targets"):
        load_recipe("demo", ["training.shuffled=true", "training.soft_targets=recomputed"])
