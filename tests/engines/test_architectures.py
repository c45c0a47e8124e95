"""Every type in transformers' own list of causal language models: generated as its forward without a cache would.

The lists below are explicit, so that they cannot grow unseen: a type that is in none of them has its rows in slots
(`Mode.SLOTS`) and is right, or its test fails.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from engines.architectures import VOCABULARY, tiny_config, tiny_model
from selfdistill.decoding.distribution import decode
from selfdistill.engines import stream
from selfdistill.engines.base import Completion, Request
from selfdistill.engines.load import load_engine
from selfdistill.engines.probe import choose_mode
from selfdistill.engines.steps import Mode
from selfdistill.engines.stream import Contexts, stream_logits
from selfdistill.engines.transformers import TransformersEngine
from selfdistill.errors import UserError
from selfdistill.models.configs import context_length
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from tests.decoded import decoded
from tiny_models import make_tokenizer

ALL = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
CONTEXT = 4096
PROBE = tuple(np.random.default_rng(9).integers(5, VOCABULARY, size=12).tolist())
TOLERANCE = 3e-4  # of a probability; HRM's recurrent depth multiplies rounding

# Attention in chunks, or that chooses what it sees itself; or layers that share another's keys and values.
PADDED = "axk2 deepseek_v32 dots3_note dots3_note_text gemma3n_text glm_moe_dsa hy_v4 llama4 llama4_text"
# States of linear attention, convolutions and state spaces, beside attention: prompts of one length at a time.
JOINED = """bailing_hybrid bamba falcon_h1 granitemoehybrid inkling2_text inkling_text jamba kimi_linear lfm2 lfm2_moe
lfm3 olmo_hybrid qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen3_next qwen4_exp qwen4_exp_text zamba zaya"""
# No position_ids in their forward, or more in their cache than keys and values: rows of one length only.
EQUAL = """bart bigbird_pegasus blenderbot blenderbot-small bloom deepseek_v4 falcon_mamba gpt_neo mamba mamba2
marian mbart minimax minimax_m3_vl_text moss_transcribe_diarize mpt mvp pegasus plbart trocr whisper"""
# A state of their own, which is no cache of transformers'.
SINGLE = "rwkv xlstm"
# No cache (BLT, GPT, XLM), or one that changes what they say: Moshi; RecurrentGemma, whose states are in its modules;
# and in float32 Nemotron-H and Zamba2, whose cached step leaves out the lower limit of the time step.
UNCACHED = "blt moshi nemotron_h openai-gpt recurrent_gemma xlm zamba2"
MODES = {
    model_type: mode
    for mode, names in (
        (Mode.PADDED, PADDED),
        (Mode.JOINED, JOINED),
        (Mode.EQUAL, EQUAL),
        (Mode.SINGLE, SINGLE),
        (Mode.UNCACHED, UNCACHED),
    )
    for model_type in names.split()
}

# Encoders as they come; with is_decoder: true in their configuration, in these modes. Those in the second line count
# positions from the padding token's id, or take none.
SLOT_ENCODERS = "bert bert-generation big_bird electra ernie megatron-bert rembert roc_bert"
EQUAL_ENCODERS = "camembert data2vec-text roberta roberta-prelayernorm roformer xlm-roberta xlm-roberta-xl xmod"
ENCODERS = dict.fromkeys(SLOT_ENCODERS.split(), Mode.SLOTS) | dict.fromkeys(EQUAL_ENCODERS.split(), Mode.EQUAL)
REFUSED = {
    **dict.fromkeys(ENCODERS, "does not generate token by token"),
    "cpmant": "does not generate token by token",  # its prompt positions look ahead
    "prophetnet": "does not generate token by token",  # predicts several tokens at once
    "xlnet": "does not generate token by token",  # permutation language model
    "reformer": "does not say the same twice",
}
NOT_BUILT = {
    "gemma3n": "its picture encoder is in timm",
    "gemma4_assistant": "drafts for another model, whose cache it needs; no model of its own can be built",
    "gemma4_unified_assistant": "the same",
    "musicgen": "transformers builds no causal model from its configuration either",
    "musicgen_melody": "the same",
}
FAST = "llama gemma3_text gpt_oss falcon_h1 jamba lfm2 lfm3 mamba qwen3_5_text qwen3_next rwkv roberta"


def types(names: Sequence[str]) -> list[Any]:
    return [pytest.param(name, marks=() if name in FAST.split() else pytest.mark.slow) for name in names]


@pytest.fixture(autouse=True)
def quiet():
    """Their remarks on configurations are about real checkpoints."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(before)


def requests_of(lengths: Sequence[int], name: str = "") -> list[Request]:
    draws = np.random.default_rng(5)
    return [
        Request(tuple(draws.integers(5, VOCABULARY, size=length).tolist()), (3, name, number))
        for number, length in enumerate(lengths)
    ]


def uncached(model: Any, request: Request, completion: Completion) -> torch.Tensor:
    """(T, V) logits at each token of a completion, each from a forward of all tokens before it."""
    ids = [*request.token_ids, *completion.token_ids]
    with torch.inference_mode():
        return torch.stack(
            [
                model(input_ids=torch.tensor([ids[:end]]), use_cache=False).logits[0, -1]
                for end in range(len(request.token_ids), len(ids))
            ]
        )


def check(model: Any, mode: Mode, lengths: Sequence[int], ends: tuple[int, ...], *, pad: int | None = None) -> int:
    """Greedy tokens, drawn tokens and their distributions; returns how many rows ended early.

    There are more requests than places, so that rows are refilled where the mode does that.

    Args:
        pad: where a completion has this token it is compared up to it: RoBERTa counts no positions for it.
    """
    engine = TransformersEngine(model, ends, CONTEXT, batch_size=4, mode=mode)
    stopped = 0
    for decoding in (Decoding(temperature=0.0), Decoding(temperature=1.0)):
        requests = requests_of(lengths, str(decoding.temperature))
        completions = engine.generate(decoded(requests, (decoding,)), max_new_tokens=10, targets=True)
        for request, completion in zip(requests, completions, strict=True):
            stopped += completion.finish_reason == "stop"
            count = len(completion.token_ids)
            if pad in completion.token_ids:
                count = completion.token_ids.index(pad) + 1
            compare(uncached(model, request, completion)[:count], completion, decoding)
    return stopped


def compare(logits: torch.Tensor, completion: Completion, decoding: Decoding) -> None:
    drawn = torch.tensor(completion.token_ids)[: len(logits)].unsqueeze(1)
    if decoding.greedy:  # among equals, rounding decides
        torch.testing.assert_close(logits.gather(1, drawn)[:, 0], logits.amax(1), atol=2e-3, rtol=1e-3)
        return
    expected = decode(logits, (decoding,))
    targets = completion.targets
    assert targets is not None
    given = torch.zeros(len(completion.token_ids), logits.shape[1])
    rows = torch.from_numpy(np.repeat(np.arange(len(given)), targets.support_sizes))
    given[rows, torch.from_numpy(targets.token_ids.astype(np.int64))] = torch.from_numpy(targets.probabilities)
    wanted = torch.zeros(logits.shape).scatter(1, expected.token_ids, expected.probabilities)
    torch.testing.assert_close(given[: len(logits)], wanted, atol=TOLERANCE, rtol=0)
    spoken = torch.tensor(completion.logprobs)[: len(logits)]
    torch.testing.assert_close(
        spoken, wanted.gather(1, drawn)[:, 0].log().double(), atol=0.02, rtol=0, check_dtype=False
    )


@pytest.mark.parametrize("model_type", types([each for each in ALL if each not in {**REFUSED, **NOT_BUILT}]))
def test_generated_as_without_a_cache(model_type):
    model = tiny_model(model_type)
    mode = choose_mode(model, PROBE, CONTEXT)
    assert mode is MODES.get(model_type, Mode.SLOTS)
    stopped = check(model, mode, [4, 9, 9, 2, 17, 5, 1, 12], ends=tuple(range(0, VOCABULARY, 8)))
    stopped += check(model, mode, [11, 11, 11], ends=tuple(range(0, VOCABULARY, 5)))
    assert 0 < stopped < 22, "the test needs rows that end early and rows that do not"


@pytest.mark.parametrize("model_type", types([each for each in ALL if each in REFUSED]))
def test_refused_by_name(model_type):
    model = tiny_model(model_type)
    with pytest.raises(UserError, match=rf"\({model_type}\) {REFUSED[model_type]}"):
        choose_mode(model, PROBE, CONTEXT)
    with pytest.raises(UserError, match=rf"\({model_type}\) {REFUSED[model_type]}"):
        next(stream_logits((model,), [Contexts(PROBE[:4], PROBE[4:])], 1000))


@pytest.mark.parametrize("model_type", types([each for each in ALL if each in ENCODERS]))
def test_an_encoder_made_into_a_decoder(model_type):
    model = tiny_model(model_type, is_decoder=True)
    mode = choose_mode(model, PROBE, CONTEXT)
    assert mode is ENCODERS[model_type]
    check(model, mode, [4, 9, 9, 2, 17, 5, 1, 12], ends=tuple(range(4, VOCABULARY, 8)), pad=0)


@pytest.mark.skipif(len(ALL) != 189, reason="the page counts the types of transformers 5.23")
def test_the_page_counts_what_is_tested():
    page = (Path(__file__).parents[2] / "docs" / "real-models.md").read_text(encoding="utf-8")
    _, section = page.split("## Architectures")
    counts = [int(number) for number in re.findall(r"^\| [^|]+ \| (\d+) \|", section, re.MULTILINE)]
    ways = Counter(MODES.get(each, Mode.SLOTS) for each in ALL if each not in {**REFUSED, **NOT_BUILT})
    assert counts == [*(ways[mode] for mode in Mode), len(REFUSED) - 1, 1, len(NOT_BUILT)]
    assert sum(counts) == len(ALL)


@pytest.mark.slow
@pytest.mark.parametrize("model_type", [each for each in ALL if each in NOT_BUILT])
def test_what_cannot_be_built_cannot(model_type):
    with pytest.raises((ImportError, ValueError, AttributeError, StrictDataclassError)):
        tiny_model(model_type)


@pytest.mark.parametrize("model_type", types([each for each in ALL if each not in {**REFUSED, **NOT_BUILT}]))
def test_logits_at_every_position(model_type):
    """Several at once, in slices with a remainder, and in the smallest slices."""
    model = tiny_model(model_type)
    draws = np.random.default_rng(3)
    contexts = [
        Contexts(*(tuple(draws.integers(5, VOCABULARY, size=length).tolist()) for length in lengths))
        for lengths in ((3, 4), (9, 20), (1, 9), (5, 30), (2, 2))
    ]
    expected = {}
    with torch.inference_mode():
        for row, each in enumerate(contexts):
            logits = model(input_ids=torch.tensor([[*each.prompt_ids, *each.token_ids]]), use_cache=False).logits[0]
            for offset in range(len(each.token_ids)):
                expected[row, offset] = logits[len(each.prompt_ids) + offset - 1]
    for positions in (1000, 11, 2):
        seen = 0
        for chunk in stream_logits((model,), contexts, positions * stream._vocabulary(model)):
            places = zip(chunk.rows.tolist(), chunk.offsets.tolist(), strict=True)
            wanted = torch.stack([expected[place] for place in places])
            torch.testing.assert_close(chunk.logits[0], wanted, atol=3e-3, rtol=1e-3)
            seen += len(wanted)
        assert seen == len(expected)


@pytest.mark.parametrize("model_type", types(["nemotron_h", "zamba2"]))
def test_without_a_lower_limit_of_the_time_step_the_cache_is_used(model_type):
    model = tiny_model(model_type)
    for module in model.modules():
        if hasattr(module, "time_step_limit"):
            module.time_step_limit = (0.0, float("inf"))
    assert choose_mode(model, PROBE, CONTEXT) is Mode.JOINED
    check(model, Mode.JOINED, [4, 9, 9, 2, 17], ends=tuple(range(0, VOCABULARY, 8)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("model_type", "mode"),
    [("llama", Mode.SLOTS), ("qwen3_5_text", Mode.JOINED), ("nemotron_h", Mode.JOINED), ("rwkv", Mode.SINGLE)],
)
def test_rounding_in_half_precision_passes(model_type, mode, dtype):
    assert choose_mode(tiny_model(model_type).to(dtype), PROBE, CONTEXT) is mode


def test_a_row_that_has_ended_waits_past_the_context():
    """GPT-2 has no embedding for positions beyond its context, which the longest row would reach before it leaves."""
    model = tiny_model("gpt2", n_positions=24, max_position_embeddings=24)
    engine = TransformersEngine(model, tuple(range(0, VOCABULARY, 32)), 24, batch_size=64)
    requests = requests_of([23, *[3] * 15])
    completions = engine.generate(decoded(requests, (Decoding(temperature=1.0),)), max_new_tokens=30, targets=True)
    assert len(completions[0].token_ids) == 1
    assert max(len(each.token_ids) for each in completions) == 21
    for request, completion in zip(requests, completions, strict=True):
        compare(uncached(model, request, completion), completion, Decoding(temperature=1.0))


@pytest.mark.parametrize(
    ("model_type", "field"),
    [("llama", "max_position_embeddings"), ("gpt2", "n_positions"), ("mpt", "max_seq_len"), ("bloom", None)],
)
def test_where_the_context_ends(model_type, field):
    config = tiny_config(model_type)
    if field:
        setattr(config, field, 24)
    assert context_length(config) == (24 if field else 2**31 - 1)


@pytest.mark.parametrize(
    "decoding", [Decoding(temperature=0.0), Decoding(temperature=1.0), Decoding(temperature=1.0, top_k=3)]
)
@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_stop_the_run(decoding, broken):
    model = tiny_model("llama")
    engine = TransformersEngine(model, (), CONTEXT, batch_size=4)
    requests = requests_of([5, 9])
    assert len(engine.generate(decoded(requests, (decoding,)), max_new_tokens=3)) == 2
    with torch.no_grad():  # one row only: its prompt's last token
        model.model.embed_tokens.weight[requests[1].token_ids[-1]] = broken
    with pytest.raises(UserError, match=r"logits are nan or infinite .*model.dtype: float32"):
        engine.generate(decoded(requests, (decoding,)), max_new_tokens=3)


def test_a_model_that_runs_without_a_cache_says_so(tmp_path, capsys):
    make_tokenizer(chat=False).save_pretrained(tmp_path)
    tiny_model("openai-gpt", vocab_size=261).save_pretrained(tmp_path)
    capsys.readouterr()
    engine = load_engine(ModelSettings(path=str(tmp_path), device="cpu"), EngineSettings(kind="transformers"))
    assert engine.mode is Mode.UNCACHED
    said = capsys.readouterr().err
    assert said.startswith(
        f"warning: {tmp_path}: openai-gpt models run without a cache here, as transformers' own would"
    )
    assert said.count("\n") == 1


def test_the_cache_of_a_qwen3_5_model_loses_rows(shared_dir):
    """A random model of three linear layers and one of attention, some of whose rows end soon."""
    case = shared_dir / "cases" / "hybrid-cache-crash"
    if not case.is_dir():
        pytest.skip("needs ../shared/cases, which this clone does not have")
    engine = load_engine(ModelSettings(path=str(case / "model"), device="cpu"), EngineSettings(batch_size=32))
    assert engine.mode is Mode.JOINED
    engine = replace(engine, end_of_turn=tuple(range(0, 260, 16)))  # its own comes once in a few hundred tokens
    requests = requests_of([5, 9, 9, 13] * 3)
    completions = engine.generate(decoded(requests, (Decoding(temperature=1.0),)), max_new_tokens=40, targets=True)
    lengths = {len(each.token_ids) for each in completions}
    assert len(lengths) > 2, "rows end at different times"
    for request, completion in zip(requests, completions, strict=True):
        compare(uncached(engine.model, request, completion), completion, Decoding(temperature=1.0))


def test_a_model_of_nan_is_refused_when_it_is_loaded():
    model = tiny_model("llama")
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match="nan"):
        choose_mode(model, PROBE, CONTEXT)


def test_a_model_that_wants_more_than_tokens_is_refused_in_one_line():
    model = tiny_model("xmod", default_language=None)
    with pytest.raises(
        UserError, match=r"XmodForCausalLM \(xmod\) cannot be run on token ids alone: ValueError: Input"
    ):
        choose_mode(model, PROBE, CONTEXT)
