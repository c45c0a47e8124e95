"""llama.cpp on the same weights, through llama-cpp-python's low-level interface: one batch of many sequences.

Needs `--gguf FILE`, a quantised GGUF of the model; its tensors are written back at full size first, so that both sides
multiply the same numbers in the same precision. `Llama.__call__` would take one sequence at a time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfdistill.recipe.decoding import Decoding
from sides.inputs import decoding_of
from sides.spec import Side, SkipSide, Spec


def load(spec: Spec, side: Side, model: str) -> dict[str, Callable[[list[tuple[int, ...]], int], int]]:
    """The side's one mode."""
    if spec.gguf is None:
        raise SkipSide("give --gguf FILE, the model as GGUF")
    try:
        import llama_cpp
    except ModuleNotFoundError as error:
        raise SkipSide("llama-cpp-python is not installed") from error
    from selfdistill.models.endings import end_of_turn_ids

    path = full_size(Path(spec.gguf), spec.work / f"{side.dtype}.gguf", side.dtype)
    llama_cpp.llama_log_set(_QUIET, None)
    llama_cpp.llama_backend_init()
    weights = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
    ends = set(end_of_turn_ids(model))

    def generate(prompts: list[tuple[int, ...]], new: int) -> int:
        order = sorted(prompts, key=len)
        groups = [order[start : start + spec.batch] for start in range(0, len(order), spec.batch)]
        return sum(_batch(llama_cpp, weights, group, new, ends, decoding_of(spec)) for group in groups)

    return {"plain": generate}


def _batch(lib: Any, weights: Any, prompts: list[tuple[int, ...]], new: int, ends: set[int], decoding: Decoding) -> int:
    """Tokens of one batch; a sequence that has ended leaves it."""
    rows = len(prompts)
    settings = lib.llama_context_default_params()
    settings.n_ctx = rows * (max(map(len, prompts)) + new)
    settings.n_seq_max, settings.n_batch, settings.n_ubatch = rows, max(512, rows), max(512, rows)
    settings.n_threads = settings.n_threads_batch = 1
    settings.kv_unified = True
    context = lib.llama_init_from_model(weights, settings)
    batch = lib.llama_batch_init(max(512, rows), 0, 1)
    samplers = [_sampler(lib, decoding, row) for row in range(rows)]
    tokens = [0] * rows
    position = [len(prompt) for prompt in prompts]
    for row, prompt in enumerate(prompts):  # a prompt at a time: its last position gives the first token
        entries = [(token, at, row, at + 1 == len(prompt)) for at, token in enumerate(prompt)]
        for start in range(0, len(entries), 512):
            _decode(lib, context, batch, entries[start : start + 512])
        tokens[row] = lib.llama_sampler_sample(samplers[row], context, -1)
    active = [row for row in range(rows) if tokens[row] not in ends]
    generated = rows
    for _ in range(new - 1):
        if not active:
            break
        _decode(lib, context, batch, [(tokens[row], position[row], row, True) for row in active])
        for index, row in enumerate(active):
            tokens[row] = lib.llama_sampler_sample(samplers[row], context, index)
            position[row] += 1
        generated += len(active)
        active = [row for row in active if tokens[row] not in ends]
    for sampler in samplers:
        lib.llama_sampler_free(sampler)
    lib.llama_batch_free(batch)
    lib.llama_free(context)
    return generated


def _sampler(lib: Any, decoding: Decoding, seed: int) -> Any:
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    for part in (
        lib.llama_sampler_init_temp(decoding.temperature),
        lib.llama_sampler_init_top_k(decoding.top_k),
        lib.llama_sampler_init_top_p(decoding.top_p, 1),
        lib.llama_sampler_init_dist(seed),
    ):
        lib.llama_sampler_chain_add(chain, part)
    return chain


def _decode(lib: Any, context: Any, batch: Any, entries: list[tuple[int, int, int, bool]]) -> None:
    batch.n_tokens = len(entries)
    for index, (token, position, row, wanted) in enumerate(entries):
        batch.token[index], batch.pos[index] = token, position
        batch.n_seq_id[index], batch.seq_id[index][0] = 1, row
        batch.logits[index] = wanted
    if lib.llama_decode(context, batch):
        raise RuntimeError("llama_decode failed")


def full_size(source: Path, target: Path, dtype: str) -> Path:
    """The GGUF with its weights in float32 or bfloat16; vectors stay float32, as llama.cpp wants them."""
    if target.is_file():
        return target
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
    from gguf.quants import dequantize, quantize

    reader = GGUFReader(source)
    writer = GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        inner = field.types[-1] if field.types[0] is GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        weights = np.ascontiguousarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        if dtype == "bfloat16" and weights.ndim > 1:
            kind = GGMLQuantizationType.BF16
            writer.add_tensor(tensor.name, quantize(weights, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def _QUIET(level: int, text: bytes, data: Any) -> None:
    """Swallows llama.cpp's own log."""
