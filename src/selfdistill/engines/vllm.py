"""vLLM in this process (extra `vllm`): the engine for GPUs, and for its CPU build.

Exact token ids go in, with a seed for every completion. Log-probabilities and soft targets are vLLM's own
`processed_logprobs`: those of the distribution that a token was drawn from. A second decoding stage goes through
`vllm_stages.py`. The next shards wait in vLLM's queue before the current one is done, so that the batch stays full
while the last rows of a shard end and its records are written. Draws repeat as far as the floats under them do: these
depend on what shares a batch, unless `engine.batch_invariant` is set.
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")  # read when vLLM is imported; the run shows its own progress

from vllm import LLM, SamplingParams
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind

from selfdistill.engines.base import Completion, Progress, Request
from selfdistill.engines.vllm_limits import LARGEST_TOP_K, MAX_LOGPROBS, TIES
from selfdistill.engines.vllm_outputs import Shard
from selfdistill.engines.vllm_stages import EARLIER_STAGES, PROCESSOR
from selfdistill.errors import UserError
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.paths import resolve_path
from selfdistill.recipe.decoding import Decoding, Stages
from selfdistill.seeds import integer_seed

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings

BATCHES_AHEAD = 2
"""Batches of requests that wait for a place in the running one, at least."""
SHARDS_OPEN = 4
"""Shards begun and not yet handed over, at most: what they hold is in memory, and a row may take very long."""


@dataclass(frozen=True)
class VllmEngine:
    """A model in vLLM. `context` as in `Engine`."""

    llm: Any
    end_of_turn: tuple[int, ...]
    context: int
    batch_size: int

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
            UserError: as `generate_shards`.
        """
        shards = [list(requests)]
        (completions,) = self.generate_shards(shards, max_new_tokens=max_new_tokens, targets=targets, progress=progress)
        return completions

    def generate_shards(
        self,
        shards: Iterable[list[Request]],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[list[Completion]]:
        """Complete shards, in order; see `TakesShards`. Later ones are under way when an earlier one is handed over.

        Raises:
            UserError: soft targets are asked for without a top-k that bounds them, or more tokens tie than are listed.
        """
        engine = self.llm.llm_engine
        source = iter(shards)
        unfinished: dict[str, tuple[Shard, int]] = {}
        opened: deque[Shard] = deque()
        exhausted = False
        try:
            while True:
                while not exhausted and self._wants_more(opened, len(unfinished)):
                    requests = next(source, None)
                    exhausted = requests is None
                    if requests is not None:
                        opened.append(Shard(requests))
                        names = self._enqueue(requests, max_new_tokens, targets)
                        unfinished |= {name: (opened[-1], place) for place, name in enumerate(names)}
                while opened and opened[0].is_done:
                    yield opened.popleft().completions()
                if not unfinished:
                    if exhausted:
                        return
                    continue
                for output in engine.step():
                    shard, place = unfinished.pop(output.request_id)
                    shard.finish(place, output.outputs[0], targets, progress)
        finally:  # an engine that is used again must not continue with what nobody waits for
            if unfinished:
                engine.abort_request(list(unfinished))

    def _wants_more(self, opened: deque[Shard], unfinished: int) -> bool:
        return len(opened) < SHARDS_OPEN and unfinished < (1 + BATCHES_AHEAD) * self.batch_size

    def _enqueue(self, requests: Sequence[Request], max_new_tokens: int, targets: bool) -> list[str]:
        """Hand requests to vLLM; the names of their outputs, in order."""
        prompts = [{"prompt_token_ids": list(request.token_ids)} for request in requests]
        parameters = [
            self._parameters(
                request,
                min(max_new_tokens, self.context - len(request.token_ids)),
                _listed(_vllms_own(request.stages)[1]) if targets else 0,
            )
            for request in requests
        ]
        # vLLM counts requests; to the number, which its outputs bear, it adds random characters of its own.
        return [name.partition("-")[0] for name in self.llm.enqueue(prompts, parameters, use_tqdm=False)]

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
        UserError: the model cannot be loaded, an option is not one of vLLM's or not the user's to set, or this machine
            has no batch-invariant kernels.
    """
    if engine.batch_invariant:
        _require_invariance()
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
        batch_size=engine.batch_size,
    )


def _require_invariance() -> None:
    """As vLLM's documentation says where it has batch-invariant kernels; other accelerators it judges itself."""
    if current_platform.is_cpu():
        reason = "vLLM has no batch-invariant kernels for a CPU"
    elif current_platform.is_cuda() and not current_platform.has_device_capability(80):
        reason = "vLLM's batch-invariant kernels need an NVIDIA GPU of compute capability 8.0 or newer"
    else:
        return
    raise UserError(reason, where="engine.batch_invariant", fix="set it to false")


def _vllms_own(stages: Stages) -> tuple[Stages, Decoding]:
    """What the logits processor does, and the last stage, which is vLLM's own: temperature, top-k and top-p."""
    last = stages[-1]
    return (stages[:-1], last) if isinstance(last, Decoding) else (stages, Decoding(temperature=1))


def _listed(decoding: Decoding) -> int:
    """How many log-probabilities hold all of q_s at every position."""
    if decoding.greedy:
        return 0
    if not 0 < decoding.top_k <= LARGEST_TOP_K:
        raise UserError(
            f"soft targets through vLLM need a top_k from 1 to {LARGEST_TOP_K}",
            where="sampling.decoding.top_k",
            fix="set it, or training.targets: hard, or engine.kind: transformers",
        )
    return decoding.top_k + TIES


def _gist(error: Exception) -> str:
    """The line of a long message that says what is wrong: pydantic's messages open with a count."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith(("1 validation error", "For further"))), repr(error))
