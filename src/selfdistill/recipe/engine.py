"""The recipe's section on what generates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from selfdistill.recipe.section import PositiveFloat, PositiveInt, Section


class EngineSettings(Section):
    """What generates. See docs/engines.md."""

    kind: Literal["auto", "transformers", "vllm", "openai"] = "auto"
    """`transformers` and `vllm` run on this machine; `openai` asks servers that speak OpenAI's completions API. `auto`
    takes vllm where it is installed, a CUDA GPU is there and it can do what the recipe asks, else transformers; a run
    says which and why, and keeps to it."""
    batch_size: PositiveInt = 512
    """Completions generated at the same time: rows of a batch, vLLM's `max_num_seqs`, or requests in flight to a
    server. Part of the recipe: float sums differ between batch shapes."""
    shard_size: PositiveInt = 2048
    """Completions generated, then written, together: at most this much work is repeated after a crash."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Passed to `vllm.LLM` as they are, e.g. `{tensor_parallel_size: 4, max_model_len: 40960}`."""
    batch_invariant: bool = False
    """vLLM's kernels give the same floats whatever shares a batch, so that draws repeat on a GPU; slower."""
    base_url: str | None = None
    """Where a server has the base model, e.g. `http://127.0.0.1:8000/v1`."""
    student_base_url: str | None = None
    """Where a server has the student, for evaluation; it can be set once the student exists."""
    served_model: str | None = None
    """The models' name on both servers; unset takes the one model that each server lists."""
    key_variable: str = "OPENAI_API_KEY"
    """The environment variable that holds the servers' key, where they want one. The key itself is never written."""
    timeout_seconds: PositiveFloat = 3600.0
    """A server's answer that takes longer counts as lost, and is asked for again."""
    patience_seconds: PositiveFloat = 600.0
    """A request is repeated for this long while a server fails; then the run stops, to be resumed."""

    replicas: PositiveInt = 1
    """Engines at work at the same time in a cluster, e.g. the number of GPUs over `gpus_per_replica`."""
    gpus_per_replica: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """GPUs that Ray reserves for each of them; for vLLM the tensor_parallel_size."""

    @model_validator(mode="after")
    def _fits_kind(self) -> EngineSettings:
        if (self.kind == "openai") != (self.base_url is not None):
            raise ValueError("base_url goes with kind: openai, which needs it")
        for key, value in (("options", self.options), ("batch_invariant", self.batch_invariant)):
            if value and self.kind not in ("vllm", "auto"):
                raise ValueError(f"{key} goes with kind: vllm or auto")
        return self
