"""A damaged, incomplete or wrong checkpoint is one line that names the tensors; random weights are never used."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

from run.small import command, run
from selfdistill import events
from selfdistill.errors import UserError
from selfdistill.models.load import load_model
from selfdistill.recipe.model import ModelSettings
from tiny_models import make_model

Tensors = dict[str, torch.Tensor]
Fault = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "whole")


@pytest.fixture(scope="module")
def experts(tmp_path_factory) -> Path:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    config = Qwen3MoeConfig(
        **sizes, intermediate_size=32, moe_intermediate_size=16, num_experts=4, num_experts_per_tok=2, vocab_size=64
    )
    directory = tmp_path_factory.mktemp("experts")
    Qwen3MoeForCausalLM(config).save_pretrained(directory)
    return directory


def load(path: Path, **settings: str):
    return load_model(ModelSettings(path=str(path), device="cpu", **settings))


def tensors(change: Callable[[Tensors], Tensors]) -> Fault:
    """The checkpoint with other tensors."""

    def apply(path: Path) -> None:
        changed = change(load_file(path / "model.safetensors"))
        kept = {name: tensor.clone().contiguous() for name, tensor in changed.items()}
        save_file(kept, path / "model.safetensors", metadata={"format": "pt"})

    return apply


def config(**changes: object) -> Fault:
    def apply(path: Path) -> None:
        file = path / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return apply


def content(change: Callable[[bytes], bytes]) -> Fault:
    """Other bytes in the weights' file."""
    return lambda path: (path / "model.safetensors").write_bytes(change((path / "model.safetensors").read_bytes()))


def in_two(path: Path, absent: bool, lie: bool = False) -> None:
    """In two shards with an index. The second may be absent, or the index may say that the first has everything."""
    every = load_file(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    first = "model-00001-of-00002.safetensors"
    second = "model-00002-of-00002.safetensors"
    place = {name: first if number < 5 else second for number, name in enumerate(sorted(every))}
    for shard in (first, second):
        if shard == first or not absent:
            save_file(
                {n: every[n].clone() for n in every if place[n] == shard}, path / shard, metadata={"format": "pt"}
            )
    named = dict.fromkeys(place, first) if lie else place
    (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": named}))


def without(part: str) -> Fault:
    return tensors(lambda every: {name: tensor for name, tensor in every.items() if part not in name})


def only_pickled(path: Path) -> None:
    torch.save(load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()


NAN = tensors(lambda every: {**every, "model.norm.weight": torch.full((32,), float("nan"))})
FAULTS: dict[str, tuple[Fault, str]] = {
    "every name has a prefix": (
        tensors(lambda every: {f"module.{name}": tensor for name, tensor in every.items()}),
        r"21 of the model's weights are not in the checkpoint: lm_head.weight, model.embed_tokens.weight, .*and 18 more"
        r"; it has module.model.embed_tokens.weight, .*\(save the tensors without module. before their names\)",
    ),
    "a layer is missing": (
        without("layers.1."),
        r"9 of the model's weights are not in .*: model.layers.1.input_layernorm",
    ),
    "one weight is missing": (without("0.mlp.up_proj"), r"1 of the .* not in .*: model.layers.0.mlp.up_proj.weight \("),
    "the tied embedding is missing": (
        without("embed_tokens"),
        r"not in the checkpoint: lm_head.weight, model.embed_tok",
    ),
    "a layer more than configured": (
        tensors(lambda every: every | {name.replace("layers.1.", "layers.2."): t for name, t in every.items()}),
        r"9 of the checkpoint's tensors have no place in LlamaForCausalLM: model.layers.2.input_layernorm.weight, ",
    ),
    "biases that the configuration denies": (
        tensors(lambda every: {**every, "model.layers.0.self_attn.q_proj.bias": torch.ones(32)}),
        r"1 of the checkpoint's tensors have no place in LlamaForCausalLM: model.layers.0.self_attn.q_proj.bias",
    ),
    "adapters beside the weights": (
        tensors(lambda every: {**every, "model.layers.1.self_attn.q_proj.lora_A.weight": torch.ones(4, 32)}),
        r"no place in LlamaForCausalLM: model.layers.1.self_attn.q_proj.lora_A.weight",
    ),
    "another shape": (
        tensors(lambda every: {**every, "model.norm.weight": torch.ones(33)}),
        r"1 of the checkpoint's weights have another shape .*: model.norm.weight is 33, must be 32 \(",
    ),
    "another vocabulary": (config(vocab_size=300), r"embed_tokens.weight is 261x32, must be 300x32"),
    "nan": (NAN, r"1 of the model's weights hold nan or infinity: model.norm.weight \("),
    "infinity": (
        tensors(lambda every: {**every, "model.norm.weight": torch.tensor([-float("inf")] + [1.0] * 31)}),
        r"hold nan or infinity: model.norm.weight",
    ),
    "cut off": (
        content(lambda data: data[: len(data) // 2]),
        r"cannot load the model: damaged or incomplete: model.safe",
    ),
    "no data": (content(lambda data: b""), r"damaged or incomplete: model.safetensors \(fetch the checkpoint again\)"),
    "a pointer of git lfs": (
        content(lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        r"damaged or incomplete: model.safetensors",
    ),
    "an absent shard": (
        lambda path: in_two(path, absent=True),
        r"cannot load the model: .*model-00002-of-00002.safetens",
    ),
    "an index that lies": (
        lambda path: in_two(path, absent=True, lie=True),
        r"15 of the model's weights are not in the checkpoint",
    ),
    "a broken index": (
        lambda path: in_two(path, absent=False) or (path / "model.safetensors.index.json").write_text("{"),
        r"damaged or incomplete: model.safetensors.index.json",
    ),
    "no weights": (lambda path: (path / "model.safetensors").unlink(), r"the weights must be safetensors files"),
    "pickled weights": (only_pickled, r"the weights must be safetensors files; pickled ones are never read"),
    "a broken configuration": (
        lambda path: (path / "config.json").write_text('{"model_type": '),
        r"damaged or incomplete: config.json",
    ),
    "a configuration of another type": (
        config(hidden_size="32"),
        r"cannot load the model: .*'hidden_size'.* TypeError",
    ),
    "no heads": (config(num_attention_heads=0), r"cannot load the model: "),
    "an unknown model": (config(model_type="qwen99"), r"cannot load the model: .*`qwen99`"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_checkpoint_is_one_line_that_names_it(whole, tmp_path, name, capfd):
    fault, expected = FAULTS[name]
    directory = tmp_path / "model"
    shutil.copytree(whole, directory)
    fault(directory)
    with pytest.raises(UserError, match=expected) as caught:
        load(directory)
    assert str(caught.value).startswith(f"{directory}: ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""  # nor a table of transformers'


EXPERT_FAULTS = {
    "a matrix of one expert": (
        without("1.mlp.experts.2.gate"),
        "lacks a part of these weights.*layers.1.mlp.experts.gate_up",
    ),
    "one expert": (without("1.mlp.experts.2."), "model.layers.1.mlp.experts.down_proj is 3x32x16, must be 4x32x16"),
    "all experts of a layer": (
        without("1.mlp.experts."),
        "not in the checkpoint: model.layers.1.mlp.experts.down_proj, ",
    ),
}


@pytest.mark.parametrize("verbosity", ["warning", "error"])  # as before and after training in one process
@pytest.mark.parametrize("name", EXPERT_FAULTS)
def test_missing_experts_are_noticed_though_a_layers_experts_are_one_weight(
    experts, tmp_path, name, verbosity, capfd, monkeypatch
):
    library = logging.getLogger("transformers")
    monkeypatch.setattr(library, "level", logging.getLevelName(verbosity.upper()))
    library.manager._clear_cache()
    fault, expected = EXPERT_FAULTS[name]
    directory = tmp_path / "model"
    shutil.copytree(experts, directory)
    fault(directory)
    with pytest.raises(UserError, match=expected):
        load(directory)
    assert capfd.readouterr().err == ""


def as_saved_by_older_versions(every: Tensors) -> Tensors:
    tables = {f"model.layers.{n}.self_attn.rotary_emb.inv_freq": torch.ones(4) for n in range(2)}
    return {name.removeprefix("model."): tensor for name, tensor in every.items()} | tables


@pytest.mark.parametrize(
    "change",
    [
        lambda every: every,  # lm_head is tied, and so not there
        lambda every: {**every, "lm_head.weight": every["model.embed_tokens.weight"]},
        as_saved_by_older_versions,
    ],
)
def test_what_a_good_checkpoint_may_lack_or_have_is_no_fault(whole, tmp_path, change, capfd):
    shutil.copytree(whole, tmp_path / "model")
    tensors(change)(tmp_path / "model")
    loaded = load(tmp_path / "model").state_dict()
    reference = load(whole).state_dict()
    assert loaded.keys() == reference.keys()
    assert all(torch.equal(loaded[name], reference[name]) for name in reference)
    assert capfd.readouterr().err == ""


def test_parts_that_a_language_model_has_not_are_named_in_one_warning(whole, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(events, "_warned", set())
    shutil.copytree(whole, tmp_path / "model")
    further = {f"model.vision_tower.blocks.{n}.weight": torch.ones(3) for n in range(5)} | {
        "v_head.bias": torch.ones(1)
    }
    tensors(lambda every: every | further)(tmp_path / "model")
    for _ in range(2):
        load(tmp_path / "model")
    said = capfd.readouterr().err
    left_out = "LlamaForCausalLM leaves 6 of the checkpoint's tensors out: model.vision_tower (5), v_head (1)"
    assert said == f"warning: {tmp_path / 'model'}: {left_out}\n"


def test_layers_that_predict_further_tokens_are_left_out_where_the_configuration_announces_them(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "model")
    tensors(lambda every: every | {n.replace("layers.1.", "layers.2."): t for n, t in every.items()})(
        tmp_path / "model"
    )
    config(num_nextn_predict_layers=1)(tmp_path / "model")
    assert len(load(tmp_path / "model").model.layers) == 2
    config(num_nextn_predict_layers=0)(tmp_path / "model")
    with pytest.raises(UserError, match="no place in"):
        load(tmp_path / "model")


def test_weights_that_overflow_half_precision_are_refused_and_a_dtype_that_holds_them_is_named(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "model")
    tensors(lambda every: {**every, "model.norm.weight": torch.full((32,), 1e5)})(tmp_path / "model")
    load(tmp_path / "model", dtype="float32")
    with pytest.raises(UserError, match=r"nan or infinity: model.norm.weight \(.*model.dtype: float32\)"):
        load(tmp_path / "model", dtype="float16")


@pytest.mark.slow
def test_a_run_on_incomplete_weights_ends_with_one_line_and_without_a_report(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "model")
    FAULTS["every name has a prefix"][0](tmp_path / "model")
    sets = [f"model.path={tmp_path / 'model'}", "engine.kind=transformers", "prompts.limit=4", "evaluation.limit=2"]
    options = [part for each in sets for part in ("--set", each)]
    done = run(command("run", "demo", "--out", str(tmp_path / "out"), *options))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "21 of the model's weights are not in the checkpoint" in line
    assert not (tmp_path / "out" / "report.html").exists()
    assert not (tmp_path / "out" / "samples.jsonl").exists()
