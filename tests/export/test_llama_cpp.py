"""llama.cpp computes from an exported file what transformers computes from the directory.

`make test-engines` installs llama-cpp-python for it, which is built from source.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from export.small_models import HARD, KINDS, byte_level, make_model, sentencepiece
from selfdistill.export.student import export_gguf
from selfdistill.models.gguf.splits import SPLITS
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.model import ModelSettings

pytestmark = pytest.mark.engines
llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: make test-engines does it")

REAL = os.environ.get("SELFDISTILL_EXPORT_MODELS", "")
"""Directories of real models to try as well, with colons between."""
PROMPT = 'def add(first, second):\n    """The sum of 12 and 345."""\n'


def opened(path: Path):
    return llama_cpp.Llama(str(path), n_ctx=512, n_threads=1, n_batch=512, logits_all=True, verbose=False)


def reference(model: Path, ids: list[int]) -> torch.Tensor:
    network = load_model(ModelSettings(path=str(model), device="cpu", dtype="float32"))
    with torch.no_grad():
        return network(torch.tensor([ids])).logits[0]


def check_logits(model: Path, file: Path, ids: list[int], rounding: float) -> None:
    """The same at every position, relative to their spread, and the same greedy token up to near-ties."""
    wanted = reference(model, ids)
    engine = opened(file)
    engine.eval(ids)
    got = torch.from_numpy(np.array(engine.scores[: len(ids)]))
    assert (wanted - got).std() / wanted.std() < rounding
    best = wanted.max(dim=-1)
    lost = best.values - wanted.gather(1, got.argmax(dim=-1, keepdim=True))[:, 0]
    assert (lost / wanted.std()).max() < 3 * rounding  # zero but for near-ties


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("precision", "rounding"), [("f16", 0.01), ("q8_0", 0.1)])
def test_the_logits_of_every_family(tmp_path, kind, precision, rounding):
    model = make_model(tmp_path / "model", kind, num_hidden_layers=6)
    file = export_gguf(model, tmp_path / "model.gguf", precision)
    ids = torch.randint(4, 500, (60,), generator=torch.Generator().manual_seed(1)).tolist()
    check_logits(model, file, ids, rounding)


@pytest.mark.parametrize(
    "rope",
    [
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        {"rope_type": "linear", "factor": 4.0},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
    ],
    ids=lambda rope: rope["rope_type"],
)
def test_the_logits_with_stretched_positions(tmp_path, rope):
    rope = {"rope_theta": 500000.0, **rope}
    model = make_model(tmp_path / "model", "llama", rope_parameters=rope)
    file = export_gguf(model, tmp_path / "model.gguf", "f16")
    ids = torch.randint(4, 500, (300,), generator=torch.Generator().manual_seed(1)).tolist()
    check_logits(model, file, ids, 0.01)


TOKENIZERS = {split.names[0]: lambda split=split: byte_level(split.names[0]) for split in SPLITS} | {
    "llama 3": lambda: byte_level("llama-bpe", bos=True),
    "llama 2": lambda: sentencepiece(prefix=True),
    "gemma": lambda: sentencepiece(prefix=False),
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_tokens(tmp_path, name):
    tokenizer = TOKENIZERS[name]()
    model = make_model(tmp_path / "model", "llama", tokenizer)
    engine = opened(export_gguf(model, tmp_path / "model.gguf", "f16"))
    for text in (*HARD, "<|user|>hello<|end|>"):
        assert engine.tokenize(text.encode(), add_bos=True, special=True) == tokenizer(text).input_ids
    assert engine.metadata["tokenizer.chat_template"] == tokenizer.chat_template
    assert engine.token_eos() == tokenizer.eos_token_id


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gemma"])
def test_a_file_is_read_as_llama_cpp_reads_it(tmp_path, monkeypatch, kind):
    """The other direction: a quantised file as the base, its logits and its tokens."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = export_gguf(make_model(tmp_path / "model", kind), tmp_path / "model.gguf", "q8_0")
    ids = torch.randint(4, 500, (60,), generator=torch.Generator().manual_seed(1)).tolist()
    check_logits(file, file, ids, 0.1)
    tokenizer, engine = load_tokenizer(str(file)), opened(file)
    for text in HARD:
        assert engine.tokenize(text.encode(), add_bos=True, special=True) == tokenizer(text).input_ids


@pytest.mark.parametrize("path", [path for path in REAL.split(":") if path])
def test_a_real_model_answers_the_same(tmp_path, path):
    """Greedy, in 16 bits: the student's tokens, up to near-ties."""
    model = Path(path)
    file = export_gguf(model, tmp_path / "model.gguf", "f16")
    tokenizer, engine = load_tokenizer(path), opened(file)
    ids = tokenizer(PROMPT).input_ids
    assert engine.tokenize(PROMPT.encode(), add_bos=True, special=True) == ids
    answer = []
    for token in engine.generate(ids, temp=0.0, repeat_penalty=1.0):
        answer.append(token)
        if len(answer) == 48 or token == engine.token_eos():
            break
    check_logits(model, file, [*ids, *answer], 0.01)
    wanted = reference(model, [*ids, *answer])[len(ids) - 1 : -1]
    lost = wanted.max(dim=-1).values - wanted[range(len(answer)), answer]
    assert float(lost.max()) < 0.05
    print(json.dumps(tokenizer.decode(answer)))
