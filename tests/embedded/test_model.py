"""The committed model and tokenizer: an ordinary small Hugging Face directory that does what its page says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from selfdistill import embedded
from selfdistill.embedded import corpus
from tools.embedded_model import build


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(embedded.model_dir())


def joins(tokenizer, prompt, completion):
    ids = [tokenizer(text)["input_ids"] for text in (prompt, completion, prompt + completion)]
    return ids[0] + ids[1] == ids[2]


@pytest.mark.parametrize("size", [200, pytest.param(1_000, marks=pytest.mark.slow)])
def test_prompt_and_completion_tokenise_as_their_whole(tokenizer, size):
    """What the model was trained on and what it is asked to go on from are the same ids, over every set."""
    documents = [(d.prompt, d.completion) for d in (*corpus.pretraining(3 * size), *corpus.instruct(size))]
    families = ("lists", "scalars", "strings")
    texts = [(t.prompt, t.program) for family in families for t in embedded.texts(2 * size, family)]
    problems = [
        (problem.statement, problem.reference.removeprefix(problem.statement))
        for split in ("validation", "test")
        for family in families
        for problem in embedded.problems(split, family)
    ]
    structured = [(p.statement, p.reference) for split in ("validation", "test") for p in embedded.json_problems(split)]
    for prompt, completion in (*documents, *texts, *problems, *structured):
        assert joins(tokenizer, prompt, completion), prompt + completion


def test_every_prompt_has_its_colon_as_last_token(tokenizer):
    """However the prompt goes on, a newline starts a new token."""
    for _, prompt in embedded.prompts(3_000):
        assert joins(tokenizer, prompt, "\n    return 0")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_digits_are_tokens_of_their_own(tokenizer):
    assert tokenizer.tokenize("12 + 345")[0] == "1"
    assert sum(token.strip("Ġ").isdigit() for token in tokenizer.tokenize("12 + 345")) == 5


def test_special_tokens(tokenizer):
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|endoftext|>", 0)
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("<|pad|>", 1)
    assert tokenizer.bos_token is None
    assert tokenizer.chat_template is None


def test_size_and_shape():
    files = [path for path in embedded.model_dir().iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10_000_000
    with safe_open(embedded.model_dir() / "model.safetensors", "pt") as weights:
        parameters = sum(weights.get_tensor(name).numel() for name in weights.keys())  # noqa: SIM118
    assert 800_000 < parameters < 1_300_000
    config = AutoModelForCausalLM.from_pretrained(embedded.model_dir()).config
    assert config.architectures == ["LlamaForCausalLM"]
    assert config.hidden_size // config.num_attention_heads == 32
    assert config.tie_word_embeddings


def test_pad_tokens_on_the_left_change_nothing(tokenizer):
    model = AutoModelForCausalLM.from_pretrained(embedded.model_dir())
    prompt = next(embedded.prompts(1))[1]
    plain = tokenizer(prompt, return_tensors="pt")
    longer = next(prompt for _, prompt in embedded.prompts(50) if len(prompt) > len(plain["input_ids"][0]) * 6)
    batch = tokenizer([prompt, longer], return_tensors="pt", padding=True)
    with torch.no_grad():
        alone = model(**plain).logits[0, -1]
        padded = model(**batch).logits[0, -1]
    torch.testing.assert_close(alone, padded, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_build_runs_end_to_end(tmp_path):
    build.build(tmp_path / "one", stage="instruct", scale=0.001, threads=1)
    build.build(tmp_path / "two", stage="instruct", scale=0.001, threads=1)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    assert model.config.vocab_size == len(tokenizer)
    assert torch.tensor(1e-310, dtype=torch.float64) * 1 > 0  # floats are as they were before


@pytest.mark.slow
def test_second_stage_starts_from_a_pretrained_directory(tmp_path):
    build.build(tmp_path / "pretrained", stage="pretrained", scale=0.001, threads=1)
    build.build(tmp_path / "instruct", stage="instruct", start=tmp_path / "pretrained", scale=0.01, threads=1)
    assert (tmp_path / "instruct" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_wider_and_deeper_base_can_be_built(tmp_path):
    build.build(tmp_path, scale=0.001, threads=1, width=192, layers=5)
    config = AutoModelForCausalLM.from_pretrained(tmp_path).config
    assert (config.hidden_size, config.intermediate_size, config.num_hidden_layers) == (192, 528, 5)
    assert config.head_dim == 32
