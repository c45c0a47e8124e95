"""Warnings about how completions end come while they are generated, name the limit, and come once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from selfdistill import events
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt
from selfdistill.steps.evaluation.evaluate import sample_systems, systems_of
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.watch import ENOUGH, LONG, Limit, Watch
from tiny_models import make_model

PROMPTS = [Prompt(f"p{n}", "", tuple(range(40, 44 + n % 5)), "") for n in range(160)]
NEVER = ()
ANY = tuple(range(256))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(events, "_warned", set())


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    directory = make_model(tmp_path_factory.mktemp("model"))
    engine = load_engine(ModelSettings(path=str(directory), device="cpu"), EngineSettings(batch_size=32))
    return engine, load_tokenizer(str(directory))


class Context:
    """Stands where an engine does: only its context is asked for."""

    def __init__(self, context: int = 512) -> None:
        self.context = context


def watch(**changes) -> Watch:
    settings = {"max_new_tokens": 100, "prompts": PROMPTS, "engine": Context(), "progress": None, **changes}
    return Watch(Limit("sampling from the base", "sampling.max_new_tokens"), **settings)


def test_a_run_in_which_nothing_ends_says_so_after_the_first_batches(loaded, tmp_path, capsys):
    """One shard of 160, in batches of 32: the warning is there when two batches are done, not at the shard's end."""
    engine, tokenizer = loaded
    when = []

    def progress(items, tokens, cut_off=0):
        finished.append(items)
        if not when and "warning" in (said := capsys.readouterr().err):
            when.append((sum(finished), said))

    finished: list[int] = []
    job = Job(PROMPTS, 1, (Decoding(temperature=1.0),), 6, (0, "sample"))
    how = {"tokenizer": tokenizer, "shard_size": 2048, "progress": progress}
    generate_samples(job, tmp_path / "s.jsonl", load_engine=lambda: replace(engine, end_of_turn=NEVER), **how)
    [(items, said)] = when
    assert items <= 96
    assert said == (
        "warning: sampling: none of the first 64 completions ended by itself: all were cut off at "
        "sampling.max_new_tokens = 6. Raise it; if that does not help, the model's end-of-turn token is not known "
        "(eos_token_id in its generation_config.json).\n"
    )
    assert "warning" not in capsys.readouterr().err, "once is enough"


@pytest.mark.parametrize("stop", [(), ("e",)])
def test_what_the_engine_tells_is_what_becomes_of_the_completions(loaded, stop):
    """Rows that end by a token or a string in the very step of their limit, or before others leave, are not cut off."""
    engine, _ = loaded
    told = [0, 0]

    def progress(items, _tokens, cut_off=0):
        told[0] += items
        told[1] += cut_off

    some_end = replace(engine, end_of_turn=tuple(range(0, 260, 16)))
    requests = [Request(prompt.token_ids, (1, prompt.prompt_id), stop=stop) for prompt in PROMPTS]
    completions = some_end.generate(requests, max_new_tokens=12, progress=progress)
    reasons = Counter(completion.finish_reason for completion in completions)
    assert told == [len(PROMPTS), reasons["length"]]
    assert 0 < reasons["length"] < len(PROMPTS)
    assert ("stop_string" in reasons) == bool(stop)


def test_a_run_in_which_all_end_says_nothing(loaded, tmp_path, capsys):
    engine, tokenizer = loaded
    job = Job(PROMPTS, 1, (Decoding(temperature=1.0),), 6, (0, "sample"))
    all_end = replace(engine, end_of_turn=ANY)
    generate_samples(job, tmp_path / "s.jsonl", load_engine=lambda: all_end, tokenizer=tokenizer, shard_size=64)
    assert capsys.readouterr().err == ""


def test_more_than_one_in_twenty_is_said_as_soon_as_enough_have_finished(capsys):
    watched = watch()
    watched(ENOUGH - 1, 500, 3)
    assert capsys.readouterr().err == ""
    watched(1, 10, 1)
    said = capsys.readouterr().err
    assert "4 of the first 64 completions (6.2 %) were cut off at sampling.max_new_tokens = 100. Raise it." in said
    watched(100, 500, 100)
    watched.end()
    assert capsys.readouterr().err == ""


def test_one_in_twenty_is_not_said(capsys):
    watched = watch()
    watched(100, 500, 5)
    watched.end()
    assert capsys.readouterr().err == ""


def test_a_small_job_is_judged_at_its_end(capsys):
    watched = watch()
    watched(20, 500, 11)
    assert capsys.readouterr().err == ""
    watched.end()
    assert "11 of 20 completions (55.0 %) were cut off" in capsys.readouterr().err


def test_an_evaluation_names_its_own_limit_and_its_system(loaded, tmp_path, capsys):
    recipe = load_recipe("demo", ["evaluation.max_new_tokens=5", "evaluation.samples_per_problem=5"])
    never, greedy = replace(loaded[0], end_of_turn=NEVER), systems_of(recipe.evaluation, recipe.sampling.decoding)[4]
    path = tmp_path / "samples.jsonl"
    how = {"title": greedy.title, "engine": lambda: never, "tokenizer": loaded[1], "stop": (), "shard_size": 2048}
    sample_systems(recipe.evaluation, [(greedy, path)], PROMPTS[:3], seed=recipe.seed, **how)
    said = capsys.readouterr().err
    assert said.startswith("warning: base, greedy: none of 3 completions ended by itself"), "five of each, made once"
    assert "evaluation.max_new_tokens = 5." in said


def test_where_the_context_ends_first_it_is_named(capsys):
    watched = watch(max_new_tokens=600)
    watched(20, 500, 20)
    watched.end()
    said = capsys.readouterr().err
    assert "none of 20 completions ended by itself: all were cut off at the model's context of 512 tokens" in said
    assert "Shorten the prompts, or use a model with a longer context" in said
    assert "max_new_tokens" not in said


def test_long_before_a_huge_limit_it_is_said_that_nothing_has_ended(capsys):
    watched = watch(max_new_tokens=131_072, engine=Context(262_144))
    for _ in range(LONG - 1):
        watched(0, ENOUGH)
    assert capsys.readouterr().err == ""
    watched(0, ENOUGH)
    assert "after 524,288 tokens no completion has ended by itself" in capsys.readouterr().err


def test_items_that_were_not_generated_are_passed_on_and_not_judged(capsys):
    told = []
    watched = watch(progress=lambda *counts: told.append(counts))
    watched(500, 0)
    watched(10, 100, 10)
    watched.end()
    assert told == [(500, 0, 0), (10, 100, 10)]
    assert "none of 10 completions" in capsys.readouterr().err
