"""Two-stage decoding inside vLLM: a logits processor that applies every stage but the last one, which is vLLM's own.

What it leaves are the earlier stages' log-probabilities, -inf off their support; vLLM's temperature, top-k and top-p on
these are the last stage (prefix rigidity, paper B.5: tempering never reorders). So the ideal-fit preview runs at vLLM's
speed. vLLM has two model runners with an interface each; the class answers both. A server can load it too:

    python -m vllm.entrypoints.openai.api_server --logits-processors selfdistill.engines.vllm_stages:EarlierStages ...
"""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor

from selfdistill.decoding.distribution import decode
from selfdistill.recipe.decoding import Stage, Stages

EARLIER_STAGES = "selfdistill_stages"
"""The key in a request's `extra_args`."""
PROCESSOR = "selfdistill.engines.vllm_stages:EarlierStages"

try:  # model runner V2, vLLM 0.30 and newer
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor as LogitsProcessorV2
except ImportError:
    LogitsProcessorV2 = object

_STAGES: TypeAdapter[Stages] = TypeAdapter(tuple[Stage, ...])


class EarlierStages(LogitsProcessor, LogitsProcessorV2):
    """Applies the stages in a request's `extra_args`, to the rows of that request only."""

    def __init__(self, vllm_config: Any, *_: Any) -> None:
        self._stages: dict[int, Stages] = {}
        """By row of the persistent batch (V1) or by request slot (V2)."""

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Refuse stages that are none.

        Raises:
            ValueError: they are not a list of decodings.
        """
        _stages(sampling_params)

    def is_argmax_invariant(self) -> bool:
        """False: it must run before vLLM's temperature, which is the last stage's."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """V1: follow the rows of the persistent batch; removed, then added, then moved."""
        if batch_update is None:
            return
        for row in batch_update.removed:
            self._stages.pop(row, None)
        for row, parameters, *_ in batch_update.added:
            self.add_request(row, parameters)
        for source, target, direction in batch_update.moved:
            moved, replaced = self._stages.pop(source, None), self._stages.pop(target, None)
            self._put(target, moved)
            if direction.name == "SWAP":
                self._put(source, replaced)

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:
        """V2: a request takes a slot. Whether the processor has anything to do for it."""
        stages = _stages(sampling_params)
        self._stages.pop(req_idx, None)
        self._put(req_idx, stages or None)
        return bool(stages)

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:
        """Replace the rows' logits (rows, V) by the log-probabilities of their earlier stages, in place."""
        if not self._stages:
            return logits
        slots = range(len(logits)) if ctx is None else ctx.expanded_idx_mapping.tolist()
        by_stages: dict[Stages, list[int]] = {}
        for row, slot in enumerate(slots):
            if slot in self._stages:
                by_stages.setdefault(self._stages[slot], []).append(row)
        for stages, rows in by_stages.items():
            chosen = torch.tensor(rows, device=logits.device)
            logits[chosen] = _decoded(logits[chosen], stages).to(logits.dtype)
        return logits

    def _put(self, row: int, stages: Stages | None) -> None:
        if stages:
            self._stages[row] = stages


def _stages(parameters: Any) -> Stages:
    return _STAGES.validate_python((parameters.extra_args or {}).get(EARLIER_STAGES, ()))


def _decoded(logits: Tensor, stages: Stages) -> Tensor:
    """Log-probabilities over the whole vocabulary (rows, V), -inf off the support."""
    ranked = decode(logits, stages)
    # Entries beyond a row's own support carry arbitrary ids: the maximum keeps them from hiding a retained token.
    return torch.full_like(logits, -math.inf).scatter_reduce(
        -1, ranked.token_ids, ranked.logprobs.to(logits.dtype), "amax"
    )
