"""The recipe's section on what generates, and the table of engines: a new one is a module and a line in `ENGINES`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from selfdistill.recipe.section import NameIn, PositiveFloat, PositiveInt, Section


@dataclass(frozen=True, slots=True)
class EngineKind:
    """An engine, and what must be known of it before its libraries are imported."""

    module: str
    """Imported when the engine is first used. Has `load(model, engine, path, ends)`: see `engines.load.load_engine`."""
    decodes: Literal["ordinary", "logits", "everything"] = "ordinary"
    """`ordinary`: one temperature, top-k and top-p. `logits`: any rules, one after the other. `everything`: rules that
    read the text so far as well. What an engine cannot decode, transformers on this machine does."""
    lists_probabilities: bool = False
    """Whether it hands over a fixed number of probabilities a position, so that soft targets need a top-k."""
    takes_options: bool = False
    """Whether `engine.options` are its library's."""
    on_server: bool = False
    """Whether it works elsewhere, at `engine.base_url`."""
    side_by_side: bool = False
    """Whether several of them share a CPU; else what is loaded goes before another one comes."""
    library: str | None = None
    """What it imports that not everyone has."""
    extra: str | None = None
    """Our extra that brings the library."""


ENGINES: dict[str, EngineKind] = {
    "transformers": EngineKind("selfdistill.engines.transformers", decodes="everything", side_by_side=True),
    "vllm": EngineKind(
        "selfdistill.engines.vllm_start",
        decodes="logits",
        lists_probabilities=True,
        takes_options=True,
        library="vllm",
        extra="vllm",
    ),
    "openai": EngineKind(
        "selfdistill.engines.openai", lists_probabilities=True, on_server=True, library="httpx", extra="openai"
    ),
}
"""Every `engine.kind` but `auto`."""


_URL = re.compile(r"https?://[^\s/]+\S*")


class EngineSettings(Section):
    """What generates. See docs/engines.md."""

    kind: Annotated[str, NameIn(ENGINES, besides=("auto",))] = "auto"
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
    cuda_graphs: bool = False
    """On a CUDA GPU the transformers engine records a step and replays it, in place of launching its kernels one by
    one. Each recording is checked against a launched step. Off, as it has not been measured on a GPU yet."""
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
    gpus_per_replica: Annotated[float, Field(ge=0, le=1024, allow_inf_nan=False)] = 0.0
    """GPUs that Ray reserves for each of them; for vLLM the tensor_parallel_size."""

    @model_validator(mode="after")
    def _fits_kind(self) -> EngineSettings:
        chosen = ENGINES.get(self.kind)  # None: `auto`, which is settled later
        if (chosen is not None and chosen.on_server) != (self.base_url is not None):
            servers = [name for name, kind in ENGINES.items() if kind.on_server]
            raise ValueError(f"base_url goes with kind: {' or '.join(servers)}, which needs it")
        for name in ("base_url", "student_base_url"):
            url = getattr(self, name)
            if url is not None and not _URL.fullmatch(url):
                raise ValueError(f"{name} {url} is no http:// or https:// address")
        if self.options and chosen is not None and not chosen.takes_options:
            takers = [name for name, kind in ENGINES.items() if kind.takes_options]
            raise ValueError(f"options goes with kind: {', '.join(takers)} or auto")
        if self.batch_invariant and self.kind not in ("vllm", "auto"):
            raise ValueError("batch_invariant goes with kind: vllm or auto")
        if self.cuda_graphs and self.kind not in ("transformers", "auto"):
            raise ValueError("cuda_graphs goes with kind: transformers or auto")
        return self
