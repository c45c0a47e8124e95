"""Write a model directory as one GGUF file, in 16 or 8 bits, with its tokenizer and chat template.

    selfdistill export runs/mine --gguf q8_0 --out student.gguf

Tensors are written one after the other, so that memory holds the model once. Source of names and layout: llama.cpp's
converter from Hugging Face directories; its `gguf` package writes the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from selfdistill.errors import UserError
from selfdistill.models.configs import load_config
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.gguf.families import Family, check_bias, family_of, head_dim
from selfdistill.models.gguf.rope import llama3_divisors
from selfdistill.models.gguf.vocabulary import BYTE_LEVEL, Vocabulary, vocabulary_of
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.model import ModelSettings

if TYPE_CHECKING:
    from gguf import GGUFWriter

Precision = Literal["f16", "q8_0"]
BLOCK = 32
"""Numbers that share a scale in Q8_0, always of one row."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor to be written."""

    name: str
    """In the GGUF file."""
    weight: torch.Tensor
    kind: str
    """`F32`, `F16` or `Q8_0`."""
    heads: int
    """Whose rotary dimensions are put into pairs; 0 where nothing is moved."""
    add: float


def write_gguf(directory: Path, out: Path, precision: Precision) -> None:
    """Write the model of `directory` to `out`, whole: beside it first, then renamed.

    Args:
        directory: an ordinary Hugging Face directory, such as a run's student.
        out: the file.
        precision: of the matrices; `q8_0` has a scale for each 32 numbers. Vectors are in float32 either way.

    Raises:
        UserError: llama.cpp has no model or no tokenizer of this kind, a weight is too large for float16, or the file
            cannot be written.
    """
    from gguf import GGUFWriter

    _refuse_others(out)
    where = str(directory)
    config = load_config(where)
    family = family_of(config, where)
    tokenizer = load_tokenizer(where)
    vocabulary = vocabulary_of(tokenizer, config.vocab_size, where)
    model = _load(where, config)
    tensors = _tensors(model, family, precision, where)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with closing(GGUFWriter(temporary, family.name)) as writer:
            _add_settings(writer, config, family, out.stem, precision)
            _add_tokenizer(writer, tokenizer, vocabulary, where)
            _write_tensors(writer, tensors, where)
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"cannot write: {error.strerror or error}", where=out, fix="choose another --out") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _refuse_others(out: Path) -> None:
    """A GGUF file is replaced by the next; anything else that is there was not meant."""
    if out.exists():
        with out.open("rb") as file:
            if file.read(4) == b"GGUF":
                return
        raise UserError("is there already, and no GGUF file", where=out, fix="choose another --out")


def _load(where: str, config: Any) -> Any:
    dtype = {torch.bfloat16: "bfloat16", torch.float16: "float16"}.get(config.dtype, "float32")
    return load_model(ModelSettings.model_validate({"path": where, "dtype": dtype, "device": "cpu"}))


def _tensors(model: Any, family: Family, precision: Precision, where: str) -> list[_Tensor]:
    """Every weight of the model, once, under llama.cpp's name."""
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    config = model.config
    arch = next(key for key, name in MODEL_ARCH_NAMES.items() if name == family.name)
    names = get_tensor_name_map(arch, config.num_hidden_layers)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads} if family.paired else {}
    tensors = []
    for ours, weight in model.named_parameters():
        name = names.get_name(ours, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise UserError(f"cannot be exported: llama.cpp has no place for {ours}", where=where)
        check_bias(family, name, where)
        paired = heads.get(name.split(".")[-2], 0)
        shifted = family.shifted_norms and name.endswith("norm.weight")
        tensors.append(_Tensor(name, weight.detach(), _kind(weight, precision), paired, float(shifted)))
    if (rope := _rope(config)).get("rope_type") == "llama3":
        divisors = torch.from_numpy(llama3_divisors(rope, head_dim(config)))
        tensors.append(_Tensor("rope_freqs.weight", divisors, "F32", 0, 0.0))
    return tensors


def _kind(weight: torch.Tensor, precision: Precision) -> str:
    if weight.dim() < 2:
        return "F32"
    return "Q8_0" if precision == "q8_0" and weight.shape[-1] % BLOCK == 0 else "F16"


def _write_tensors(writer: GGUFWriter, tensors: list[_Tensor], where: str) -> None:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import quantize

    for tensor in tensors:
        kind = GGMLQuantizationType[tensor.kind]
        block, size = GGML_QUANT_SIZES[kind]
        shape, count = tuple(tensor.weight.shape), tensor.weight.numel()
        writer.add_tensor_info(tensor.name, shape, np.dtype(np.float32), count // block * size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tensors:
        values = _values(tensor)
        largest = np.finfo(np.float16).max
        if tensor.kind == "F16" and np.abs(values).max() > largest:
            raise UserError(f"{tensor.name} has numbers beyond {largest:.0f}, float16's largest", where=where)
        writer.write_tensor_data(quantize(values, GGMLQuantizationType[tensor.kind]))


def _values(tensor: _Tensor) -> np.ndarray:
    """The numbers as llama.cpp has them, in float32."""
    weight = tensor.weight.to(torch.float32)
    if tensor.heads:
        halves = weight.reshape(tensor.heads, 2, -1, *weight.shape[1:])
        weight = halves.transpose(1, 2).reshape(weight.shape)
    return np.ascontiguousarray((weight + tensor.add).numpy())


def _add_settings(writer: GGUFWriter, config: Any, family: Family, name: str, precision: Precision) -> None:
    from gguf import GGML_QUANT_VERSION, LlamaFileType

    writer.add_type("model")
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim(config))
    writer.add_value_length(head_dim(config))
    writer.add_rope_dimension_count(head_dim(config))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0 if precision == "q8_0" else LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    if family.name in ("gemma2", "gemma3"):
        writer.add_sliding_window(config.sliding_window)
    if family.name == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    _add_rope(writer, _rope(config))


def _rope(config: Any) -> Mapping[str, Any]:
    """Of the layers that see the whole context."""
    rope: Mapping[str, Any] = config.rope_parameters
    return rope.get("full_attention", rope)


def _add_rope(writer: GGUFWriter, rope: Mapping[str, Any]) -> None:
    from gguf import RopeScalingType

    writer.add_rope_freq_base(rope["rope_theta"])
    kind = rope.get("rope_type", "default")
    if kind in ("default", "llama3"):  # Llama 3's is a tensor
        return
    if kind not in ("linear", "yarn"):
        raise UserError(f"cannot be exported: its positions are stretched by {kind!r}")
    writer.add_rope_scaling_type(RopeScalingType(kind))
    writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])


def _add_tokenizer(writer: GGUFWriter, tokenizer: Any, vocabulary: Vocabulary, where: str) -> None:
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.kinds)
    if vocabulary.model == BYTE_LEVEL:
        writer.add_token_merges(vocabulary.merges)
    else:
        writer.add_token_scores(vocabulary.scores)
    writer.add_add_space_prefix(vocabulary.space_prefix)
    begun = tokenizer("a").input_ids[:1] == [tokenizer.bos_token_id]
    writer.add_add_bos_token(begun)
    ends = end_of_turn_ids(where)
    eos = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else next(iter(ends), None)
    others = (token for token in ends if token != eos)
    for token, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (eos, writer.add_eos_token_id),
        (next(others, None), writer.add_eot_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
    ):
        if token is not None:
            add(token)
    template = tokenizer.chat_template
    if template:
        named = template.items() if isinstance(template, dict) else (("default", template),)
        writer.add_chat_template([{"name": name, "template": text} for name, text in named])
