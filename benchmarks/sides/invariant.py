"""Do an engine's draws repeat, in the same batch and in smaller ones, and what does batch-invariant vLLM cost?"""

from __future__ import annotations

import os
import time
from typing import Any

from sides.generation import load_in_process, load_package_vllm
from sides.inputs import complete, prompts_of, requests
from sides.spec import Side, SkipSide, Spec, peak_bytes, record

NAMES = ("selfdistill vllm", "selfdistill vllm, invariant", "selfdistill in process")
PARTS = 4


def measure(spec: Spec, side: Side) -> None:
    """The same requests all at once, again, and a quarter at a time: how many completions are the same ids."""
    if side.name.endswith("invariant"):
        if not spec.on_gpu:
            raise SkipSide("batch-invariant kernels are a GPU's; on a CPU the normal mode is asked whether it repeats")
        os.environ["VLLM_BATCH_INVARIANT"] = "1"
    load = load_in_process if side.name.endswith("process") else load_package_vllm
    engine = load(spec, side.dtype, spec.model)
    asked = requests(spec, prompts_of(spec))
    complete(engine, asked, 8)
    started = time.perf_counter()
    first = complete(engine, asked, spec.new)
    seconds = time.perf_counter() - started
    again = complete(engine, asked, spec.new)
    size = -(-len(asked) // PARTS)
    parts = [complete(engine, asked[start : start + size], spec.new) for start in range(0, len(asked), size)]
    tokens = sum(map(len, first))
    same = f"again {_same(first, again)}, in quarters {_same(first, [ids for part in parts for ids in part])}"
    record(spec, side, label=f"the same of {len(first)}: {same}", rate=tokens / seconds, peak_bytes=peak_bytes())


def _same(one: list[Any], other: list[Any]) -> int:
    return sum(a == b for a, b in zip(one, other, strict=True))
