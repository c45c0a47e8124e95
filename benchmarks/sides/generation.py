"""Tokens/s in generation: raw vLLM, the package's engines, and `model.generate`. One engine a process."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from sides.inputs import complete, decoding_of, endless, prompts_of, recipe_of, requests
from sides.spec import Side, SkipSide, Spec, cpu_seconds, peak_bytes, record

Prompts = list[tuple[int, ...]]
Generate = Callable[[Prompts, int], int]
"""From prompts and a limit to the number of tokens generated."""


def measure(spec: Spec, side: Side) -> None:
    """Load one engine, warm it up, and time each of its modes on the same prompts."""
    prompts = prompts_of(spec)
    fixed = side.variant == "fixed"
    model = endless(spec.model, spec.work / "endless") if fixed else spec.model
    new = spec.new if fixed else spec.natural_new
    started = time.perf_counter()
    modes = _SIDES[side.name](spec, side, model)
    loaded = time.perf_counter() - started
    for label, generate in modes.items():
        generate(prompts, min(16, new))
        seconds, busy, tokens = [], [], 0
        for _ in range(spec.repeats):
            started, worked = time.perf_counter(), cpu_seconds()
            tokens = generate(prompts, new)
            seconds.append(time.perf_counter() - started)
            busy.append(cpu_seconds() - worked)
        taken = statistics.median(seconds)
        facts = {"tokens": tokens, "seconds": [round(each, 3) for each in seconds], "load_seconds": round(loaded, 1)}
        if not spec.on_gpu:
            facts["cpu_rate"] = tokens / statistics.median(busy)
        record(spec, side, label=label, rate=tokens / taken, peak_bytes=peak_bytes(), rows=len(prompts), **facts)


def vllm_options(spec: Spec) -> dict[str, Any]:
    """The same for raw vLLM and ours; the rest is vLLM's own."""
    longest = max(map(len, prompts_of(spec))) + max(spec.new, spec.natural_new)
    options: dict[str, Any] = {"max_model_len": longest}
    if not spec.on_gpu:
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
        options |= {"enforce_eager": True, "enable_chunked_prefill": False, "enable_prefix_caching": False}
    return options


def load_package_vllm(spec: Spec, dtype: str, model: str) -> Any:
    """The package's engine on vLLM."""
    from selfdistill.engines.load import load_engine
    from selfdistill.errors import MissingExtraError

    options = ", ".join(f"{key}: {value}" for key, value in vllm_options(spec).items()).replace("True", "true")
    options = options.replace("False", "false")
    recipe = recipe_of(spec, "engine.kind=vllm", f"engine.options={{{options}}}", f"model.dtype={dtype}")
    try:
        return load_engine(recipe.model, recipe.engine, model)
    except MissingExtraError as error:
        raise SkipSide("vllm is not installed") from error


def load_in_process(spec: Spec, dtype: str, model: str) -> Any:
    """The package's engine in this process."""
    from selfdistill.engines.load import load_engine

    recipe = recipe_of(spec, f"model.dtype={dtype}", "engine.kind=transformers")
    return load_engine(recipe.model, recipe.engine, model)


def _package(spec: Spec, engine: Any) -> dict[str, Generate]:
    def run(targets: bool) -> Generate:
        def generate(prompts: Prompts, new: int) -> int:
            return sum(map(len, complete(engine, requests(spec, prompts), new, targets=targets)))

        return generate

    return {"hard": run(False), "soft targets": run(True)}


def _package_vllm(spec: Spec, side: Side, model: str) -> dict[str, Generate]:
    return _package(spec, load_package_vllm(spec, side.dtype, model))


def _in_process(spec: Spec, side: Side, model: str) -> dict[str, Generate]:
    return _package(spec, load_in_process(spec, side.dtype, model))


def _raw_vllm(spec: Spec, side: Side, model: str) -> dict[str, Generate]:
    """vLLM as its users call it, and with the seeds and log-probabilities that samples need."""
    if not spec.on_gpu:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    options = vllm_options(spec)
    try:
        from vllm import LLM, SamplingParams
    except ModuleNotFoundError as error:
        raise SkipSide("vllm is not installed") from error
    llm = LLM(model=model, dtype=side.dtype, max_num_seqs=spec.batch, disable_log_stats=True, **options)
    decoding = decoding_of(spec).model_dump()

    def run(parameters: Callable[[int, int], Any]) -> Generate:
        def generate(prompts: Prompts, new: int) -> int:
            asked = [parameters(row, new) for row in range(len(prompts))]
            inputs = [{"prompt_token_ids": list(ids)} for ids in prompts]
            return sum(len(o.outputs[0].token_ids) for o in llm.generate(inputs, asked, use_tqdm=False))

        return generate

    return {
        "plain": run(lambda row, new: SamplingParams(**decoding, max_tokens=new)),
        "seeds, logprobs": run(lambda row, new: SamplingParams(**decoding, max_tokens=new, seed=row, logprobs=0)),
    }


def _generate(spec: Spec, side: Side, model: str) -> dict[str, Generate]:
    """transformers' `model.generate` on batches of prompts of similar length, as ours are."""
    import torch

    from selfdistill.models.endings import end_of_turn_ids
    from selfdistill.models.load import load_model
    from selfdistill.models.tokenizers import load_tokenizer

    settings = recipe_of(spec, f"model.dtype={side.dtype}").model
    loaded = load_model(settings, model)
    pad, ends = load_tokenizer(model).pad_token_id or 0, end_of_turn_ids(model)

    @torch.inference_mode()
    def batch(rows: Sequence[tuple[int, ...]], new: int) -> int:
        width, device = max(map(len, rows)), loaded.device
        output = loaded.generate(
            input_ids=torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=device),
            attention_mask=torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device),
            max_new_tokens=new,
            do_sample=True,
            **decoding_of(spec).model_dump(),
            eos_token_id=list(ends),
            pad_token_id=pad,
        )[:, width:]
        ended = torch.isin(output, torch.tensor(ends, device=device)).cumsum(-1)
        return int((ended == 0).sum()) + int((ended > 0).any(-1).sum())  # up to a row's end, and the end itself

    def generate(prompts: Prompts, new: int) -> int:
        torch.manual_seed(0)
        order = sorted(prompts, key=len)
        return sum(batch(order[start : start + spec.batch], new) for start in range(0, len(order), spec.batch))

    return {"plain": generate}


def _llama(spec: Spec, side: Side, model: str) -> dict[str, Generate]:
    from sides.llama import load

    return load(spec, side, model)


_SIDES: dict[str, Callable[[Spec, Side, str], dict[str, Generate]]] = {
    "vllm": _raw_vllm,
    "selfdistill vllm": _package_vllm,
    "selfdistill in process": _in_process,
    "model.generate": _generate,
    "llama.cpp": _llama,
}
SIDES = tuple(_SIDES)
