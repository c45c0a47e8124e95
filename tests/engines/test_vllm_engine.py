"""vLLM in process, for real: its distributions are ours, its draws follow them, and the whole loop runs on it.

`make test-engines` runs this in vLLM's own environment.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import yaml

from engines.agreement import check_distributions, check_draws, check_stops
from plan.test_scale_page import VLLM
from run.small import SMALL, command, run, run_command
from run.test_other_models import overrides
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.errors import UserError
from selfdistill.files import read_json, read_records
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.decoding_rules import MinP, TopNSigma
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Sample
from selfdistill.steps.sampling.targets import read_targets
from tests.decoded import decoded
from tiny_models import make_model

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]

SAMPLING = Decoding(temperature=0.9, top_k=20, top_p=0.9)
OPTIONS = {"enforce_eager": True, "max_model_len": 64, "max_num_batched_tokens": 256}
FEW = ["evaluation.grid.temperatures=[1.0]", "evaluation.samples_per_problem=1", "evaluation.pass_at=[1]"]
REQUESTS = [Request(tuple(range(10, 10 + length)), (3, "sample", length)) for length in (1, 3, 9, 9, 20, 40)]


@pytest.fixture(scope="module", autouse=True)
def small_cache():
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> ModelSettings:
    directory = make_model(tmp_path_factory.mktemp("model"), architecture="qwen3", head_dim=32)
    return ModelSettings(path=str(directory), dtype="float32")


@pytest.fixture(scope="module")
def reference(model):
    return load_model(model)


@pytest.fixture(scope="module")
def engine(model):
    loaded = load_engine(model, EngineSettings(kind="vllm", batch_size=64, options=OPTIONS))
    yield loaded
    loaded.close()


@pytest.mark.parametrize(
    "stages",
    [
        (SAMPLING,),
        (Decoding(temperature=1.6, top_k=20),),
        (Decoding(temperature=1.0, top_k=5, top_p=0.5),),
        (SAMPLING, Decoding(temperature=1.3, top_k=4, top_p=0.8)),
        (Decoding(temperature=0.7, top_p=0.95), Decoding(temperature=1.5, top_k=30)),
        (Decoding(temperature=0),),
    ],
    ids=["sampling", "top-k", "narrow", "preview", "preview of top-p", "greedy"],
)
def test_distributions_equal_ours(engine, reference, stages):
    completions = engine.generate(decoded(REQUESTS, stages), max_new_tokens=24, targets=True)
    differences = [
        check_distributions(reference, request, completion, stages)
        for request, completion in zip(REQUESTS, completions, strict=True)
    ]
    assert max(differences) <= 1e-5


@pytest.mark.parametrize(
    "stages",
    [
        (SAMPLING,),
        (SAMPLING, Decoding(temperature=1.4, top_k=8)),
        (MinP(rule="min-p", min_p=0.05, temperature=1.3),),
        (TopNSigma(rule="top-n-sigma", n=1.0), Decoding(temperature=1.4)),
    ],
    ids=["one", "two", "min-p", "top-n-sigma"],
)
def test_draws_follow_the_distribution(engine, reference, stages):
    assert check_draws(engine, reference, (20, 30, 40), stages, 3000) > 1e-3


def test_stop_strings(engine, model):
    check_stops(engine, load_tokenizer(model.path), REQUESTS, (SAMPLING,))


def test_requests_with_and_without_earlier_stages_share_no_state(engine, reference):
    """The processor follows vLLM's batch: rows come, go and move while others stay."""
    two = (SAMPLING, Decoding(temperature=1.3, top_k=3))
    many = [replace(request, stream=(4, "mixed", n)) for n, request in enumerate(REQUESTS * 20)]
    for stages in (two, (SAMPLING,)):
        for request, completion in zip(
            many, engine.generate(decoded(many, stages), max_new_tokens=20, targets=True), strict=True
        ):
            assert check_distributions(reference, request, completion, stages) <= 1e-5


def test_a_request_names_its_draws(engine):
    first = engine.generate(decoded(REQUESTS, (SAMPLING,)), max_new_tokens=16)
    backwards = engine.generate(decoded(REQUESTS[::-1], (SAMPLING,)), max_new_tokens=16)[::-1]
    assert [c.token_ids for c in first] == [c.token_ids for c in backwards]
    other = engine.generate(
        decoded([replace(r, stream=(4, *r.stream[1:])) for r in REQUESTS], (SAMPLING,)), max_new_tokens=16
    )
    assert all(a.token_ids != b.token_ids for a, b in zip(first, other, strict=True))


def test_more_prompt_tokens_than_one_step_takes(engine, reference):
    """A prompt is not cut in two: that ends vLLM where generators have no offset, as on a CPU."""
    many = [Request(tuple(range(10, 47 + n)), (6, "long", n)) for n in range(12)]
    assert sum(len(request.token_ids) for request in many) > OPTIONS["max_num_batched_tokens"]
    completions = engine.generate(decoded(many, (SAMPLING,)), max_new_tokens=8, targets=True)
    for request, completion in zip(many, completions, strict=True):
        assert check_distributions(reference, request, completion, (SAMPLING,)) <= 1e-5


def test_ends(engine):
    tokens, cut = [0], [0]

    def progress(_finished: int, count: int, cut_off: int = 0) -> None:
        tokens[0] += count
        cut[0] += cut_off

    ending = replace(engine, end_of_turn=tuple(range(0, 260, 24)))
    completions = ending.generate(decoded(REQUESTS, (SAMPLING,)), max_new_tokens=60, progress=progress)
    for request, completion in zip(REQUESTS, completions, strict=True):
        *body, last = completion.token_ids
        assert not set(body) & set(ending.end_of_turn)
        stopped = last in ending.end_of_turn
        assert completion.finish_reason == ("stop" if stopped else "length")
        assert stopped or len(completion.token_ids) == min(60, 64 - len(request.token_ids))
    assert {completion.finish_reason for completion in completions} == {"stop", "length"}
    assert tokens[0] == sum(len(completion.token_ids) for completion in completions)
    assert cut[0] == sum(completion.finish_reason == "length" for completion in completions)


def test_mistakes_are_one_line(engine, model):
    with pytest.raises(UserError, match="need a top_k"):
        engine.generate(decoded(REQUESTS, (Decoding(temperature=1),)), max_new_tokens=2, targets=True)
    with pytest.raises(UserError, match="may not set logprobs_mode"):
        load_engine(model, EngineSettings(kind="vllm", options={"logprobs_mode": "raw_logprobs"}))
    with pytest.raises(UserError, match=r"cannot load it.*no_such"):
        load_engine(model, EngineSettings(kind="vllm", options={"no_such_option": 1}))


def test_the_loop_runs_on_vllm(tmp_path):
    out = tmp_path / "out"
    options = "engine.options={enforce_eager: true}"
    made = [line for line in overrides(tmp_path, "qwen3", head_dim=32) if "top_k" not in line]
    recipe = [*made, "sampling.decoding.top_k=20", "engine.kind=vllm", options, "training.targets=soft", *FEW]
    done = run(run_command(out, *recipe))
    assert done.returncode == 0, done.stderr[-4000:]
    stages = read_json(out / "manifest.json")["stages"]
    sampled = {name: stage["engine"] for name, stage in stages.items() if "engine" in stage}
    assert len(sampled) > 4
    assert set(sampled.values()) == {"vllm"}
    samples = list(read_records(out / "samples.jsonl", Sample))
    for sample, target in zip(samples, read_targets(out / "targets"), strict=True):
        assert len(sample.token_ids) == len(target.support_sizes)


def test_the_page_s_step_to_a_gpu_is_one_line(tmp_path):
    """docs/scale.md: the laptop's recipe, and the engine line; eager only because compiling for a CPU takes minutes."""
    recipe = load_recipe("demo", [*SMALL, *FEW, "prompts.limit=32", "evaluation.limit=4"])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    _, *words = VLLM.split()
    done = run([*command(*words), "--set", "engine.options={enforce_eager: true}"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    assert read_json(tmp_path / "runs" / "one-gpu" / "manifest.json")["stages"]["sample"]["engine"] == "vllm"


def test_soft_targets_without_top_k_are_refused_by_the_recipe():
    with pytest.raises(UserError, match=r"need a sampling\.decoding\.top_k"):
        load_recipe("demo", ["engine.kind=vllm", "sampling.decoding.top_k=0"])


def test_shards_come_in_order_and_as_if_each_were_alone(engine):
    """The next ones are in vLLM's queue before the first is done, and no more than may be open are asked for."""
    shards = [[replace(r, stream=(5, shard, n)) for n, r in enumerate(REQUESTS)] for shard in range(9)]
    shards = [decoded(shard, (SAMPLING,)) for shard in shards]
    taken: list[int] = []

    def source():
        for number, shard in enumerate(shards):
            taken.append(number)
            yield shard

    small = replace(engine, batch_size=8)
    results = small.generate_shards(source(), max_new_tokens=12, targets=True)
    first = next(results)
    assert 1 < len(taken) <= 4
    together = [first, *results]
    assert taken == list(range(9))
    for shard, completions in zip(shards, together, strict=True):
        alone = engine.generate(shard, max_new_tokens=12, targets=True)
        assert [c.token_ids for c in completions] == [c.token_ids for c in alone]
        assert all(len(c.targets.support_sizes) == len(c.token_ids) for c in completions)


def test_what_nobody_waits_for_is_given_up(engine):
    """A consumer that stops early, e.g. at a full disk, leaves an engine that can be used again."""
    shards = ([replace(r, stream=(6, shard, n)) for n, r in enumerate(REQUESTS)] for shard in range(20))
    results = replace(engine, batch_size=8).generate_shards(shards, max_new_tokens=20)
    next(results)
    results.close()
    assert not engine.llm.llm_engine.has_unfinished_requests()
    assert len(engine.generate(REQUESTS, max_new_tokens=3)) == len(REQUESTS)


def test_a_distribution_that_is_not_listed_whole_is_refused():
    from selfdistill.engines.vllm_outputs import _targets

    listed = np.log(np.full((2, 4), 0.25))
    assert _targets(np.zeros((2, 4), np.int32), listed).support_sizes.tolist() == [4, 4]
    listed[1, 3] = -np.inf  # a quarter of the second position's mass went to a token that is not in the list
    with pytest.raises(UserError, match=r"sampling\.decoding\.top_k: vLLM lists only 75\.0% .* model\.dtype: float32"):
        _targets(np.zeros((2, 4), np.int32), listed)


def test_batch_invariance_is_refused_on_a_cpu(model, monkeypatch):
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "1")
    with pytest.raises(UserError, match=r"engine\.batch_invariant: vLLM has no batch-invariant kernels for a CPU"):
        load_engine(model, EngineSettings(kind="vllm", batch_invariant=True))
