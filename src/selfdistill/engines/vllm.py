"""vLLM in this process (extra `vllm`): the engine for GPUs, and for its CPU build.

`LLM.generate` on token ids, with a seed for every completion. Log-probabilities and soft targets
are vLLM's own `processed_logprobs`: those of the distribution that a token was drawn from. A second decoding stage goes
through `vllm_stages.py`. The draws of a shard repeat; the floats under them repeat as far as vLLM's kernels do (on a
GPU, `VLLM_BATCH_INVARIANT=1` makes them independent of the batch).
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")  # read when vLLM is imported; the run shows its own progress

import numpy as np
from vllm import LLM, SamplingParams
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind

from selfdistill.decoding import Decoding, Stages
from selfdistill.engines.base import Completion, Progress, Request, SparseTargets
from selfdistill.engines.models import end_of_turn_ids, resolve_path
from selfdistill.engines.vllm_stages import EARLIER_STAGES, PROCESSOR
from selfdistill.errors import NotNumbersError, UserError
from selfdistill.seeds import integer_seed

if TYPE_CHECKING:
    from selfdistill.recipe.schema import EngineSettings, ModelSettings

TIES = 12
"""Probabilities asked for beyond top-k: tokens that tie with the k-th are retained too, and bfloat16 ties often."""
MAX_LOGPROBS = 1024
"""The largest top-k whose soft targets can be had, plus `TIES`."""


@dataclass(frozen=True)
class VllmEngine:
    """A model in vLLM. `context` as in `Engine`."""

    llm: Any
    end_of_turn: tuple[int, ...]
    context: int

    def generate(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `Engine.generate`.

        Raises:
            UserError: soft targets are asked for without a top-k that bounds them.
        """
        listed = {stages: _listed(_vllms_own(stages)[1]) if targets else 0 for stages in {r.stages for r in requests}}
        prompts = [{"prompt_token_ids": list(request.token_ids)} for request in requests]
        parameters = [
            self._parameters(
                request, min(max_new_tokens, self.context - len(request.token_ids)), listed[request.stages]
            )
            for request in requests
        ]
        self.llm.enqueue(prompts, parameters, use_tqdm=False)
        finished = []
        while self.llm.llm_engine.has_unfinished_requests():  # as LLM.generate does, but telling the progress
            for output in self.llm.llm_engine.step():
                finished.append(output)
                if progress:
                    completion = output.outputs[0]
                    progress(1, len(completion.token_ids), int(completion.finish_reason != "stop"))
        finished.sort(key=lambda output: int(output.request_id))
        return [
            _completion(output.outputs[0], greedy=request.stages[-1].greedy, targets=targets)
            for request, output in zip(requests, finished, strict=True)
        ]

    def close(self) -> None:
        """Stop the engine's processes: the student's engine, or training, needs the GPU's memory."""
        self.llm.llm_engine.engine_core.shutdown()
        gc.collect()

    def _parameters(self, request: Request, limit: int, listed: int) -> SamplingParams:
        earlier, last = _vllms_own(request.stages)
        seed, *key = request.stream
        return SamplingParams(
            temperature=0.0 if last.greedy else last.temperature,
            top_k=0 if last.greedy else last.top_k,
            top_p=1.0 if last.greedy else last.top_p,
            seed=integer_seed(int(seed), *key),
            max_tokens=limit,
            stop_token_ids=list(self.end_of_turn),
            logprobs=listed,
            flat_logprobs=True,
            stop=list(request.stop) or None,
            detokenize=bool(request.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
            extra_args={EARLIER_STAGES: [stage.model_dump() for stage in earlier]} if earlier else None,
        )


def load_vllm(
    settings: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...] = ()
) -> VllmEngine:
    """Load a model into vLLM.

    Args:
        settings: path, revision and dtype; vLLM chooses the device, and the attention unless `engine.options` does.
        engine: batch size and options.
        path: another model's directory in place of the recipe's.
        ends: ids that end an answer beside those that the model names.

    Raises:
        UserError: the model cannot be loaded, or an option is not one of vLLM's or not the user's to set.
    """
    source, revision = path or settings.path, None if path else settings.revision
    cpu = current_platform.is_cpu()
    defaults: dict[str, Any] = {"disable_log_stats": True, "seed": 0}
    if cpu:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # starts in seconds; no GPU memory to give back
        # A prompt cut in two makes vLLM wind a request's generator back, which generators on a CPU cannot do.
        defaults["enable_chunked_prefill"] = False
    ours = {
        "model": resolve_path(source),
        "revision": revision,
        "trust_remote_code": False,
        "dtype": "float32" if cpu and settings.dtype == "auto" else settings.dtype,
        "max_num_seqs": engine.batch_size,
        "logprobs_mode": "processed_logprobs",
        "max_logprobs": MAX_LOGPROBS,
        "logits_processors": [PROCESSOR],
    }
    taken = sorted(ours.keys() & engine.options.keys())
    if taken:
        raise UserError(f"engine.options may not set {', '.join(taken)}", fix="other keys of the recipe decide these")
    try:
        llm = LLM(**ours, **{**defaults, **engine.options})
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"vLLM cannot load it: {_gist(error)}", where=source, fix="see engine.options") from error
    return VllmEngine(
        llm=llm,
        end_of_turn=end_of_turn_ids(source, revision, ends),
        context=llm.llm_engine.model_config.max_model_len,
    )


def _vllms_own(stages: Stages) -> tuple[Stages, Decoding]:
    """What the logits processor does, and the last stage, which is vLLM's own: temperature, top-k and top-p."""
    last = stages[-1]
    return (stages[:-1], last) if isinstance(last, Decoding) else (stages, Decoding(temperature=1))


def _listed(decoding: Decoding) -> int:
    """How many log-probabilities hold all of q_s at every position."""
    if decoding.greedy:
        return 0
    if not 0 < decoding.top_k <= MAX_LOGPROBS - TIES:
        raise UserError(
            f"soft targets through vLLM need a top_k from 1 to {MAX_LOGPROBS - TIES}",
            where="sampling.decoding.top_k",
            fix="set it, or training.targets: hard, or engine.kind: transformers",
        )
    return decoding.top_k + TIES


def _completion(output: Any, *, greedy: bool, targets: bool) -> Completion:
    """vLLM's output. At each position it lists the drawn token, then the most probable ones, filtered ones as -inf."""
    token_ids = tuple(output.token_ids)
    count = len(token_ids)
    ids = np.array(output.logprobs.token_ids, np.int32).reshape(count, -1)
    logprobs = np.array(output.logprobs.logprobs, np.float64).reshape(count, -1)
    if np.isnan(logprobs).any():
        raise NotNumbersError
    if greedy:  # q_s is a point; vLLM tells the untempered log-probability
        ids, logprobs = ids[:, :1].repeat(2, 1), np.zeros((count, 2))
    return Completion(
        token_ids=token_ids,
        finish_reason="stop" if output.finish_reason == "stop" else "length",
        logprobs=tuple(logprobs[:, 0].round(6).tolist()),
        targets=_targets(ids[:, 1:], logprobs[:, 1:]) if targets else None,
    )


def _targets(ids: np.ndarray, logprobs: np.ndarray) -> SparseTargets:
    """q_s from (T, K) listed log-probabilities, most probable first; renormalised, so that rounding does not add up."""
    probabilities = np.exp(logprobs)
    retained = probabilities > 0
    probabilities = probabilities / probabilities.sum(-1, keepdims=True)
    return SparseTargets(
        support_sizes=retained.sum(-1).astype(np.int32),
        token_ids=ids[retained],
        probabilities=probabilities[retained].astype(np.float32),
    )


def _gist(error: Exception) -> str:
    """The line of a long message that says what is wrong: pydantic's messages open with a count."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith(("1 validation error", "For further"))), repr(error))
