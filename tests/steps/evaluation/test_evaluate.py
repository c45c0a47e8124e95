"""Which systems a recipe compares, on which engine each runs, and that all draw from the same random numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfdistill.engines.load import load_engine
from selfdistill.files import read_records
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.decoding_rules import MinP
from selfdistill.records import Prompt, Sample
from selfdistill.steps.evaluation.evaluate import by_engine, sample_systems, systems_of
from selfdistill.steps.evaluation.systems import make_systems
from tiny_models import make_model

PLAIN = Decoding(temperature=1.2, top_k=40)
MIN_P = MinP(rule="min-p", min_p=0.1)
STUDENT = Path("runs/demo/student")


def test_a_recipes_systems_are_its_own_decodings_and_its_grid():
    lines = [
        "evaluation.base={temperature: 1.0}", "evaluation.student={temperature: 1.1}",
        "sampling.decoding={temperature: 0.6}", "evaluation.grid.temperatures=[0.0, 0.5]",
        "evaluation.grid.top_k=7", "evaluation.grid.top_p=0.9", "evaluation.baselines=[{rule: min-p, min_p: 0.1}]",
    ]  # fmt: skip
    recipe = load_recipe("demo", lines)
    found = {system.name: system.roles for system in systems_of(recipe.evaluation, recipe.sampling.decoding)}
    assert found == {
        "base-T1": ("default",),
        "base-T0.6": ("sampling",),
        "base-T0.6-then-T1.1": ("preview",),
        "student-T1.1": ("default",),
        "base-greedy": ("grid",),
        "base-T0.5-k7-p0.9": ("grid",),
        "student-greedy": ("grid",),
        "student-T0.5-k7-p0.9": ("grid",),
        "base-T1-minp0.1": ("rival",),
        "student-T1-minp0.1": ("rival",),
    }


def grouped(recipe, systems) -> list[tuple[str, str | None, list[str]]]:
    return [(e.kind, path, [s.name for s in each]) for e, path, each in by_engine(recipe.engine, systems, STUDENT)]


def test_each_model_is_loaded_once_an_engine_and_the_base_first():
    decodings = ((PLAIN,), (PLAIN, PLAIN), (Decoding(temperature=0),), (MIN_P,))
    systems = make_systems([(model, stages, "grid") for stages in decodings for model in ("student", "base")])
    here = grouped(load_recipe("demo", ["engine.kind=transformers"]), systems)
    assert [each[:2] for each in here] == [("transformers", None), ("transformers", str(STUDENT))]
    assert [len(names) for *_, names in here] == [4, 4]
    server = load_recipe("demo", ["engine.kind=openai", "engine.base_url=http://127.0.0.1:1/v1"])
    there = grouped(server, systems)
    assert [(kind, path) for kind, path, _ in there] == [
        ("openai", None), ("transformers", None), ("openai", str(STUDENT)), ("transformers", str(STUDENT)),
    ]  # fmt: skip
    assert there[0][2] == ["base-T1.2-k40", "base-greedy"]
    assert there[1][2] == ["base-T1.2-k40-then-T1.2-k40", "base-T1-minp0.1"]
    assert sorted(name for *_, names in there for name in names) == sorted(system.name for system in systems)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


def test_systems_draw_from_common_random_numbers(model, tmp_path):
    """The same model under the same decoding gives the same programs, whatever the system is called."""
    lines = ["evaluation.samples_per_problem=3", "evaluation.pass_at=[1]", "evaluation.max_new_tokens=5"]
    recipe = load_recipe("demo", [f"model.path={model}", "model.device=cpu", *lines])
    prompts = [Prompt(f"p{n}", "", (40 + n, 41)) for n in range(4)]
    drawn = {}
    for system in make_systems([("base", (PLAIN,), "default"), ("student", (PLAIN,), "default")]):
        for seed in (0, 1):
            path = tmp_path / f"{system.name}-{seed}.jsonl"
            told: list[tuple[int, ...]] = []
            sample_systems(
                recipe.evaluation,
                [(system, path)],
                prompts,
                seed=seed,
                stop=(),
                shard_size=recipe.engine.shard_size,
                title=system.title,
                engine=lambda: load_engine(recipe.model, recipe.engine),
                tokenizer=load_tokenizer(str(model)),
                progress=lambda *step, told=told: told.append(step),
            )
            drawn[system.model, seed] = list(read_records(path, Sample))
            assert sum(finished for finished, *_ in told) == 12
    assert drawn["base", 0] == drawn["student", 0]
    keys = [(sample.prompt_id, sample.sample_index) for sample in drawn["base", 0]]
    assert keys == [(prompt.prompt_id, n) for prompt in prompts for n in range(3)]
    assert max(len(s.token_ids) for s in drawn["base", 0]) == 5
    assert len({s.token_ids for s in drawn["base", 0]}) > 8
    same = sum(one.token_ids == other.token_ids for one, other in zip(drawn["base", 0], drawn["base", 1], strict=True))
    assert same <= 2, "another seed draws other programs"


def test_systems_that_share_batches_have_the_programs_that_each_has_alone(model, tmp_path):
    """Greedy made once a prompt, a drawn and a two-stage decoding; shards of 7 cut through all of them."""
    lines = ["evaluation.samples_per_problem=3", "evaluation.pass_at=[1]", "evaluation.max_new_tokens=9"]
    recipe = load_recipe("demo", [f"model.path={model}", "model.device=cpu", *lines])
    prompts = [Prompt(f"p{n}", "", (40 + n, 41)) for n in range(4)]
    decodings = ((Decoding(temperature=0),), (PLAIN,), (PLAIN, Decoding(temperature=0.5)))
    systems = make_systems([("base", stages, "grid") for stages in decodings])
    how = {
        "engine": lambda: load_engine(recipe.model, recipe.engine),
        "tokenizer": load_tokenizer(str(model)),
        "seed": recipe.seed,
        "stop": (),
        "shard_size": 7,
    }
    told: list[tuple[int, ...]] = []
    together = [(system, tmp_path / f"{system.name}.together") for system in systems]
    sample_systems(recipe.evaluation, together, prompts, title="base", progress=lambda *step: told.append(step), **how)
    assert sum(finished for finished, *_ in told) == 36
    for system, path in together:
        alone = tmp_path / f"{system.name}.alone"
        sample_systems(recipe.evaluation, [(system, alone)], prompts, title=system.title, **how)
        drawn = list(read_records(path, Sample))
        assert [(s.prompt_id, s.sample_index) for s in drawn] == [(p.prompt_id, n) for p in prompts for n in range(3)]
        assert [s.token_ids for s in drawn] == [s.token_ids for s in read_records(alone, Sample)]

    whole = {path: path.read_bytes() for _, path in together}
    first, last = together[0][1], together[-1][1]
    first.write_bytes(b"".join(whole[first].splitlines(keepends=True)[:4]))  # killed in its first shard
    last.unlink()
    sample_systems(recipe.evaluation, together, prompts, title="base", **how)
    assert {path: path.read_bytes() for _, path in together} == whole
