"""What is written as GGUF is the same model and the same tokens when transformers reads it back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gguf import GGUFReader

from export.small_models import HARD, KINDS, byte_level, make_model, messages, sentencepiece
from selfdistill.export.student import export_gguf
from selfdistill.models.configs import load_config
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.gguf.splits import SPLITS
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.model import ModelSettings

READABLE = [kind for kind in KINDS if kind != "gemma"]
"""transformers reads the others from a GGUF file; llama.cpp reads that one (test_llama_cpp.py)."""
STRETCHED = {
    "llama3": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
    "linear": {"rope_type": "linear", "factor": 4.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def logits(path: Path | str, length: int = 60) -> torch.Tensor:
    """Of a fixed sequence, `(length, vocabulary)`."""
    model = load_model(ModelSettings(path=str(path), device="cpu", dtype="float32"))
    ids = torch.randint(4, 500, (1, length), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(ids).logits[0]


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Of logits, relative to their spread."""
    return float((one - other).std() / one.std())


@pytest.mark.parametrize("kind", READABLE)
@pytest.mark.parametrize(("precision", "rounding"), [("f16", 0.002), ("q8_0", 0.06)])
def test_the_logits_are_the_same_up_to_rounding(tmp_path, kind, precision, rounding):
    model = make_model(tmp_path / "model", kind)
    written = export_gguf(model, tmp_path / "model.gguf", precision)
    wanted, got = logits(model), logits(written)
    assert 0 < distance(wanted, got) < rounding
    assert {t.tensor_type.name for t in GGUFReader(written).tensors} == {"F32", precision.upper()}


@pytest.mark.parametrize("kind", READABLE)
def test_the_tokens_are_the_same(tmp_path, kind):
    model = make_model(tmp_path / "model", kind)
    written = export_gguf(model, tmp_path / "model.gguf", "f16")
    before, after = load_tokenizer(str(model)), load_tokenizer(str(written))
    for text in (*HARD, "<|user|>hello<|end|>"):
        assert after(text).input_ids == before(text).input_ids
        assert after.decode(after(text).input_ids) == before.decode(before(text).input_ids)
    assert after.chat_template == before.chat_template
    assert after.apply_chat_template(messages("hi"), tokenize=False) == "<|user|>hi<|end|>"
    assert end_of_turn_ids(str(written)) == end_of_turn_ids(str(model))


@pytest.mark.parametrize("split", [split.names[0] for split in SPLITS])
def test_every_rule_for_cutting_text_survives(tmp_path, split):
    tokenizer = byte_level(split)
    model = make_model(tmp_path / "model", "llama", tokenizer)
    written = export_gguf(model, tmp_path / "model.gguf", "q8_0")
    fields = GGUFReader(written).fields
    assert fields["tokenizer.ggml.pre"].contents() == split
    after = load_tokenizer(str(written))
    assert [after(text).input_ids for text in HARD] == [tokenizer(text).input_ids for text in HARD]


def test_the_rules_cut_differently():
    """Else the test above could not tell them apart."""
    cuts = {}
    for split in SPLITS:
        cutter = byte_level(split.names[0]).backend_tokenizer.pre_tokenizer
        cuts[split.steps] = str([cutter.pre_tokenize_str(text) for text in HARD])
    assert len(set(cuts.values())) == len(cuts) == len({split.steps for split in SPLITS})


@pytest.mark.parametrize("prefix", [True, False])
def test_sentencepiece_with_and_without_a_blank_before(tmp_path, prefix):
    tokenizer = sentencepiece(prefix=prefix)
    model = make_model(tmp_path / "model", "llama", tokenizer)
    written = export_gguf(model, tmp_path / "model.gguf", "f16")
    assert GGUFReader(written).fields["tokenizer.ggml.add_space_prefix"].contents() is prefix


@pytest.mark.parametrize("stretch", STRETCHED)
def test_stretched_positions_survive(tmp_path, stretch):
    rope = {"rope_theta": 500000.0, **STRETCHED[stretch]}
    model = make_model(tmp_path / "model", "llama", rope_parameters=rope, max_position_embeddings=65536)
    plain = make_model(tmp_path / "plain", "llama", rope_parameters={"rope_type": "default", "rope_theta": 500000.0})
    written = export_gguf(model, tmp_path / "model.gguf", "f16")
    read = load_config(str(written)).rope_parameters
    assert read == pytest.approx({**read, **rope}) if stretch != "yarn" else read["factor"] == 4.0
    wanted = logits(model, 200)
    assert distance(wanted, logits(written, 200)) < 0.002
    assert distance(wanted, logits(plain, 200)) > 0.01


def test_biases_of_every_kind_survive(tmp_path):
    model = make_model(tmp_path / "model", "llama", mlp_bias=True)
    written = export_gguf(model, tmp_path / "model.gguf", "f16")
    assert distance(logits(model), logits(written)) < 0.002


def test_a_row_that_is_no_multiple_of_32_stays_in_16_bits(tmp_path):
    model = make_model(tmp_path / "model", "qwen3", hidden_size=48)
    written = export_gguf(model, tmp_path / "model.gguf", "q8_0")
    kinds = {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(written).tensors}
    assert kinds["blk.0.attn_q.weight"] == "F16"
    assert kinds["blk.0.ffn_down.weight"] == "Q8_0"
    assert distance(logits(model), logits(written)) < 0.06
