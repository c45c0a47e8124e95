"""What cannot be exported or read is refused by name, in one line, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from export.small_models import byte_level, make_model
from selfdistill import embedded
from selfdistill.errors import UserError
from selfdistill.export.student import export_adapter, export_gguf
from selfdistill.models.configs import load_config
from selfdistill.models.gguf.splits import described, split_named
from selfdistill.models.paths import resolve_path
from tiny_models import make_tokenizer


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def refused(model: Path, out: Path, precision: str = "f16") -> str:
    with pytest.raises(UserError) as caught:
        export_gguf(model, out, precision)
    assert not list(out.parent.glob("*.gguf*")) + list(out.parent.glob(".*gguf*"))
    return str(caught.value)


def with_tokenizer(model: Path, change) -> Path:
    path = model / "tokenizer.json"
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))
    return model


def test_a_family_that_is_not_written(tmp_path):
    GPT2LMHeadModel(GPT2Config(vocab_size=8, n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path / "model")
    assert "no GGUF of a gpt2 model" in refused(tmp_path / "model", tmp_path / "out.gguf")


def test_another_activation(tmp_path):
    model = make_model(tmp_path / "model", "llama", hidden_act="relu")
    assert "activation relu" in refused(model, tmp_path / "out.gguf")


def test_a_bias_that_llama_cpp_leaves_out(tmp_path):
    model = make_model(tmp_path / "model", "qwen3", attention_bias=True)
    assert "a bias blk.0.attn_q.bias" in refused(model, tmp_path / "out.gguf")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"query_pre_attn_scalar": 16}, "query_pre_attn_scalar 16"),
        ({"layer_types": ["full_attention"] * 6}, "full attention in layers"),
        ({"final_logit_softcapping": 20.0}, "capped logits"),
        ({"rope_local_base_freq": 20000.0}, "base 10000"),
    ],
)
def test_a_gemma_that_llama_cpp_would_compute_otherwise(tmp_path, change, said):
    model = make_model(tmp_path / "model", "gemma3_text", **change)
    assert said in refused(model, tmp_path / "out.gguf")


def test_positions_that_are_stretched_in_another_way(tmp_path):
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    model = make_model(tmp_path / "model", "qwen2", rope_parameters=rope)
    assert "stretched by 'dynamic'" in refused(model, tmp_path / "out.gguf")


def test_numbers_beyond_16_bits(tmp_path):
    model = make_model(tmp_path / "model", "qwen2")
    weights = load_file(model / "model.safetensors")
    weights["model.layers.0.mlp.up_proj.weight"][0, 0] = 1e5
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    assert "blk.0.ffn_up.weight has numbers beyond 65504" in refused(model, tmp_path / "out.gguf")
    assert export_gguf(model, tmp_path / "out.gguf", "q8_0").is_file()


def test_the_embedded_tokenizer_has_a_rule_of_its_own(tmp_path):
    assert "cuts text into pieces by a rule of its own" in refused(embedded.model_dir(), tmp_path / "out.gguf")


def test_a_rule_that_is_nearly_one_of_llama_cpps(tmp_path):
    model = make_model(tmp_path / "model", "llama", byte_level("gpt-2"))

    def three_digits(tree):
        rule = split_named("llama-bpe")
        assert rule is not None
        tree["pre_tokenizer"] = described(rule)
        tree["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] += "|x"

    with_tokenizer(model, three_digits)
    assert "by a rule of its own" in refused(model, tmp_path / "out.gguf")


def test_text_that_is_changed_before(tmp_path):
    model = make_model(tmp_path / "model", "llama", byte_level("gpt-2"))
    with_tokenizer(model, lambda tree: tree.update(normalizer={"type": "Lowercase"}))
    assert "changes text by Lowercase" in refused(model, tmp_path / "out.gguf")


def test_a_tokenizer_of_another_kind(tmp_path):
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "<u>": 1}, unk_token="<u>")))
    model = make_model(tmp_path / "model", "llama", words, vocab_size=8)
    assert "is a WordLevel model" in refused(model, tmp_path / "out.gguf")


def test_a_tokenizer_without_merges(tmp_path):
    model = make_model(tmp_path / "model", "llama", make_tokenizer(chat=False))
    assert "has no merges" in refused(model, tmp_path / "out.gguf")


def test_more_tokens_than_rows(tmp_path):
    model = make_model(tmp_path / "model", "llama", byte_level("gpt-2"), vocab_size=500)
    assert "602 tokens, and its embeddings 500 rows" in refused(model, tmp_path / "out.gguf")


def test_not_a_model(tmp_path):
    assert "neither a run nor a model directory" in refused(tmp_path, tmp_path / "sub" / "out.gguf")
    with pytest.raises(UserError, match="is a directory"):
        export_gguf(embedded.model_dir(), tmp_path)


def test_no_adapters(tmp_path):
    with pytest.raises(UserError, match="all weights were trained"):
        export_adapter(embedded.model_dir(), tmp_path / "out")


def gguf_file(path: Path, kind: str = "qwen2", **changes) -> Path:
    """An exported model, with other metadata or tensors."""
    writer = GGUFWriter(path, kind)
    for key, value in changes.items():
        writer.add_string(key, value)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def written(tmp_path) -> Path:
    return export_gguf(make_model(tmp_path / "model", "qwen2"), tmp_path / "model.gguf", "q8_0")


def read(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        resolve_path(str(path))
    assert not list(path.parent.glob("cache/selfdistill/gguf/*/config.json"))
    return str(caught.value)


def test_a_file_that_ends_early(written):
    with written.open("r+b") as file:
        file.truncate(written.stat().st_size // 2)
    assert "not a whole GGUF file" in read(written)


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"pickled")
    assert "not a whole GGUF file" in read(tmp_path / "model.gguf")
    (tmp_path / "model.bin").write_bytes(b"pickled")
    assert "is a file (set model.path to a directory" in read(tmp_path / "model.bin")


def test_an_architecture_that_transformers_does_not_read(tmp_path):
    assert "gemma is not supported" in read(gguf_file(tmp_path / "model.gguf", "gemma"))


def test_one_part_of_several(written):
    part = written.rename(written.with_name("model-00001-of-00003.gguf"))
    assert "is one of 3 parts" in read(part)


def test_several_files_in_a_directory(written, tmp_path):
    folder = tmp_path / "several"
    folder.mkdir()
    shutil.copy(written, folder / "a.gguf")
    assert load_config(str(folder)).model_type == "qwen2"
    shutil.copy(written, folder / "b.gguf")
    with pytest.raises(UserError, match=r"holds 2 GGUF files: a.gguf, b.gguf \(name one"):
        resolve_path(str(folder))
    assert load_config(str(folder / "b.gguf")).model_type == "qwen2"


def test_a_rule_that_is_not_known(tmp_path, written):
    data = written.read_bytes()
    assert data.count(b"qwen2") > 1
    at = data.index(b"tokenizer.ggml.pre")
    changed = data[:at] + data[at:].replace(b"qwen2", b"qwen9", 1)
    (tmp_path / "other.gguf").write_bytes(changed)
    assert "by a rule that is not known here: qwen9" in read(tmp_path / "other.gguf")


def test_numbers_that_transformers_leaves_out(tmp_path):
    """A Llama with norms on its queries and keys: transformers reads it without them, and says nothing."""
    other = called("llama", make_model(tmp_path / "qwen3", "qwen3"))
    with_norms, without = (int(word) for word in re.findall(r"[0-9]{4,}", read(other).split("other.gguf")[-1]))
    assert without - with_norms == 2 * 2 * 32


def test_numbers_that_are_not_there(tmp_path):
    """A Qwen 2 has biases, which would be random."""
    other = called("qwen2", make_model(tmp_path / "qwen3", "qwen3", head_dim=16))
    assert "6 of the model's weights are not in it" in read(other)


def test_metadata_that_do_not_fit(tmp_path):
    """A Qwen 2 has no size of a head of its own."""
    other = called("qwen2", make_model(tmp_path / "qwen3", "qwen3"))
    assert "give another shape for model.layers.0.self_attn" in read(other)


def called(name: str, qwen3: Path) -> Path:
    """The file of a Qwen 3 that says it is another architecture."""
    path = export_gguf(qwen3, qwen3.with_name("other.gguf"), "f16")
    path.write_bytes(path.read_bytes().replace(b"qwen3", name.encode()))
    return path


def test_two_processes_at_once(tmp_path, written):
    """The one that comes second takes what the first has made."""
    from selfdistill.models.gguf import read

    directory = read.dequantised(written)
    stamp = (directory / "config.json").stat().st_mtime_ns
    read._convert(read._open(written), directory)
    assert (directory / "config.json").stat().st_mtime_ns == stamp
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]


@pytest.mark.parametrize(
    ("name", "damage", "expected"),
    [
        ("model.safetensors", lambda data: data[:-1] + bytes([data[-1] ^ 1]), "its digest is another"),
        ("tokenizer.json", lambda data: data.replace(b"vocab", b"Vocab"), "its digest is another"),
        ("config.json", None, "is missing"),
        ("gguf.json", lambda data: data.replace(b"Q8_0", b"Q4_K"), "its checksum does not fit"),
        ("gguf.json", None, "no such file"),
    ],
)
def test_what_is_damaged_in_the_cache_is_named_and_made_again_once_it_is_deleted(written, name, damage, expected):
    folder = Path(resolve_path(str(written)))
    before = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage is not None:
        (folder / name).write_bytes(damage(before))
    with pytest.raises(UserError, match=f"{name}: .*{expected}.*delete {folder}, and it is made again"):
        resolve_path(str(written))
    shutil.rmtree(folder)
    assert (Path(resolve_path(str(written))) / name).read_bytes() == before


def test_the_file_is_read_once_and_again_when_it_changes(tmp_path, written):
    first = resolve_path(str(written))
    stamp = (Path(first) / "config.json").stat().st_mtime_ns
    assert resolve_path(str(written)) == first
    assert (Path(first) / "config.json").stat().st_mtime_ns == stamp
    export_gguf(make_model(tmp_path / "other", "qwen2", initializer_range=0.3), written, "q8_0")
    second = resolve_path(str(written))
    assert second != first
    weights = [load_file(Path(folder) / "model.safetensors") for folder in (first, second)]
    assert not torch.equal(*(each["model.embed_tokens.weight"] for each in weights))


def test_only_a_gguf_file_is_replaced(tmp_path, written):
    model = make_model(tmp_path / "model", "qwen2")
    other = tmp_path / "thesis.tex"
    other.write_text("do not touch")
    with pytest.raises(UserError, match=r"thesis\.tex: is there already, and no GGUF file"):
        export_gguf(model, other, "q8_0")
    assert other.read_text() == "do not touch"
    before = written.read_bytes()
    export_gguf(model, written, "f16")
    assert written.read_bytes() != before
