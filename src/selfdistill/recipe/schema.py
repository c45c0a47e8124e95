"""The recipe: everything that decides a run's result, validated, each default written once.

The defaults of the training section are the paper's (method: Sec. 3 and its appendix); the built-in recipes state only
what differs. Each field's unit and meaning stand under it; docs/recipe.md is made from this file.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from selfdistill.recipe.contamination import ContaminationSettings
from selfdistill.recipe.decoding import Decoding, Stages
from selfdistill.recipe.explain import AnalysisSettings
from selfdistill.recipe.prompt_sources import MixturePart, SelfWritten
from selfdistill.recipe.regressions import RegressionSettings
from selfdistill.records import Answers

EMBEDDED = "embedded"
"""Names the tiny model, the prompts and the problems that come inside the package."""

PositiveInt = Annotated[int, Field(gt=0)]
CountOrZero = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class Section(BaseModel):
    """A part of the recipe: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ModelSettings(Section):
    """The base model, p0."""

    path: str
    """`embedded`, a local Hugging Face directory, or a hub id."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the weights in sampling and evaluation. `auto` takes the checkpoint's on a GPU; on a CPU float32, or bfloat16
    where the checkpoint is in it and this CPU turns out to be faster in it, which a run keeps from then on."""
    device: str = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""
    attention: str | None = None
    """transformers' attn_implementation, e.g. `sdpa`, `eager`, `flash_attention_2`; unset leaves it to transformers."""


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
    options: dict[str, Any] = {}
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


class Columns(Section):
    """Names of the data set's columns."""

    statement: str = "question"
    """The problem's text, or a list of messages with one user's message in it."""
    id: str | None = None
    """A unique name for each problem; unset uses a digest of the statement."""
    starter_code: str | None = None
    """A function header that the answer must fill; problems with one are function-style."""
    text: str = "text"
    """An existing text after the prompt; read where sampling.source is `texts`."""


class PromptSettings(Section):
    """Where the prompts come from, and how they are rendered. Evaluation renders its problems the same way."""

    source: str
    """`embedded`, `embedded-json`, a file (.jsonl, .json, .csv, .tsv, .parquet; also .gz), a directory, or a data set's
    hub id; `self`, `repository:DIR` or `mixture`: docs/prompts.md. With sampling.source `texts` also `embedded-clean`,
    `embedded-buggy`, `embedded-strings`, `embedded-scalars` or `standard-library`: docs/texts.md."""
    subset: str | None = None
    """The data set's configuration name."""
    split: str = "train"
    """The data set's split."""
    columns: Columns = Columns()
    template: Literal["auto", "plain", "function", "stdin"] = "auto"
    """`plain`: the statement as it is. `function` and `stdin`: instructions for the two kinds of programs. `auto`:
    `function` where there is starter code, else `stdin`."""
    chat: Literal["auto", "always", "never"] = "auto"
    """Whether to apply the tokenizer's chat template; `auto` does if it has one."""
    system: str | None = None
    """System message of the chat template."""
    chat_template_arguments: dict[str, Any] = {}
    """Passed to the chat template, e.g. `{enable_thinking: false}`."""
    prefill: str = ""
    """The beginning of every answer, e.g. "```python\\n": written after the prompt, in sampling and in evaluation
    alike. It is prompt, so no loss falls on it, and part of the answer's text. Answers that are not programs get
    none."""
    stop: tuple[str, ...] = ()
    """An answer ends before one of these texts, e.g. `["\\nclass ", "\\ndef "]` for a base model, in sampling and in
    evaluation alike. The sample keeps its token ids up to the one that completes the text."""
    deduplicate: bool = True
    """Keep the first of the statements that are equal up to white space (paper Sec. 3)."""
    limit: PositiveInt | None = None
    """Use a subset of this many prompts, drawn by the recipe's seed."""
    skip: CountOrZero = 0
    """Leave out this many that a smaller `skip` would have used: fresh prompts for another round."""
    max_tokens: PositiveInt | None = None
    """Drop longer prompts; unset drops those that leave no room for a completion in the model's context."""
    mixture: tuple[MixturePart, ...] = ()
    """With `source: mixture`, its parts, e.g. `[{source: self, weight: 2}, {source: mine.jsonl}]`."""
    self_written: SelfWritten = SelfWritten()

    @field_validator("stop")
    @classmethod
    def _texts(cls, strings: tuple[str, ...]) -> tuple[str, ...]:
        if not all(strings):
            raise ValueError("a list of texts that are not empty")
        return strings


class MixSettings(Section):
    """Samples of an earlier run, mixed into this one's."""

    run: str
    """Its directory."""
    share: Annotated[float, Field(gt=0, le=1)]
    """Of the prompts, drawn by the recipe's seed, that keep the earlier run's samples."""


class SamplingSettings(Section):
    """Step 1: one completion a prompt from the frozen base, or existing texts in the place of completions."""

    source: Literal["model", "texts"] = "model"
    """`model`: the paper's method. `texts`: nothing is generated; the base only reads existing texts, whose tokens are
    context and never targets, and the targets are its q_s at every position. Ours; needs soft targets."""
    decoding: Decoding
    """T_train and rho_train."""
    model: str | None = None
    """A model that samples in the place of the one that is trained; rounds with `sample_from: base` set it."""
    mix: MixSettings | None = None
    """Take some samples over from an earlier run of the same prompts."""
    samples_per_prompt: PositiveInt = 1
    """The paper finds that 1 suffices."""
    max_new_tokens: PositiveInt = 131072
    """Completions are cut off here; they stay in the data."""


class LoraSettings(Section):
    """Low-rank adapters (PEFT)."""

    rank: PositiveInt = 16
    """Inner dimension of the adapters."""
    alpha: PositiveInt = 32
    """Adapters are scaled by alpha / rank."""
    dropout: Fraction = 0.0
    """On the adapters' input, while training; adapters of experts go without it."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Names of the weights to adapt (`q_proj`, `experts.down_proj`), a regular expression, or `all-linear`: every
    linear layer but the output's, and the experts of a mixture. The log says what share of the weights that is."""


class TrainingSettings(Section):
    """Step 2: fine-tune the base on its raw samples. The defaults are the paper's (Sec. 3)."""

    targets: Literal["hard", "soft"] = "hard"
    """`hard`: cross-entropy to the drawn tokens, as published. `soft`: to q_s, the base's whole truncated, tempered
    distribution at every sampled position; same expected gradient, less variance."""
    soft_targets: Literal["stored", "recomputed"] = "stored"
    """`stored`: kept while sampling. `recomputed`: the frozen base reads every sequence again at each step, so that
    nothing is stored and any support will do; `full` holds a second copy of the model for it, `lora` none."""
    method: Literal["full", "lora", "qlora"] = "full"
    """All weights, or low-rank adapters that are merged at the end; `qlora`: adapters over a base held in 4 bits while
    training, merged into the full-precision base."""
    lora: LoraSettings = LoraSettings()
    steps: PositiveInt | None = None
    """Optimizer steps; exactly one of `steps` and `epochs` is set."""
    epochs: PositiveFloat | None = None
    """Passes over the data."""
    batch_size: PositiveInt = 32
    """Sequences an optimizer step, over all devices."""
    micro_batch_size: PositiveInt = 1
    """Sequences a forward pass on one device; divides `batch_size`."""
    learning_rate: PositiveFloat = 5e-6
    """Peak."""
    min_learning_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-6
    """The cosine ends here."""
    warmup_steps: CountOrZero = 250
    """Steps of linear rise from 0 to the peak; the first has rate 0."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    """AdamW's, on everything but biases and norms."""
    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    """`adamw_8bit`: AdamW's two moments in 8 bits, of all but embeddings (extra `qlora`); saves 6 bytes a weight."""
    adam_beta1: Fraction = 0.9
    """Decay of the gradient's mean."""
    adam_beta2: Fraction = 0.95
    """Decay of the squared gradient's mean."""
    max_grad_norm: PositiveFloat = 1.0
    """Gradients are clipped to this norm."""
    max_length: PositiveInt = 65536
    """Tokens of prompt and completion; a longer sequence loses its end, which the data statistics count."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Of forward and backward. What is trained is held in float32 either way; the frozen base under LoRA's adapters in
    bfloat16 with `bf16`, unless it is sharded."""
    packing: Literal["auto", True, False] = "auto"
    """How the sequences of a micro-batch are laid out. `auto`: one after the other without padding, where the model
    keeps them apart, which is tried; else padded, those of similar length together. `false`: always padded. `true`:
    rows of up to `max_length` tokens, and such a row counts as one sequence of `batch_size`."""
    gradient_checkpointing: Literal[True, False, "selective"] = True
    """Recompute activations in the backward pass: less memory, about a third more time. `selective` keeps attention and
    the narrow products: half of that time, for some 10 x hidden size bytes a token and layer."""
    kernels: Literal["none", "liger"] = "none"
    """`liger`: fused norms, activations and position embeddings in the layers (extra `liger`; needs a GPU)."""
    compile: bool = False
    """Let torch.compile fuse each layer's operations; the first step takes a minute longer."""
    checkpoint_every: PositiveInt = 250
    """Steps between checkpoints; training resumes from the last whole one."""
    drop_truncated: bool = False
    """Drop samples that were cut off. Not in the paper."""
    drop_shortest: Fraction = 0.0
    """Drop this share of samples, the shortest. The published generator drops 0.1; the paper does not say so."""
    keep: Literal["all", "compiles", "lint", "passing"] = "all"
    """`all` is SSD. For comparison with related methods: only programs that compile; that have no fault by ruff's rules
    E9 and F (extra `lint`); or that pass their tests, which uses a verifier."""
    verifier: str | None = None
    """The benchmark file whose problems have the prompts' tests, for `keep: passing`; unset for embedded prompts."""
    limit: PositiveInt | None = None
    """Train on a subset of this many samples, drawn by the recipe's seed; a smaller subset is part of a larger one."""
    report_to: tuple[str, ...] = ()
    """Trackers that transformers knows: trackio, tensorboard, wandb."""

    @model_validator(mode="after")
    def _consistent(self) -> TrainingSettings:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set exactly one of steps and epochs")
        if self.batch_size % self.micro_batch_size:
            raise ValueError(f"micro_batch_size {self.micro_batch_size} does not divide batch_size {self.batch_size}")
        if self.min_learning_rate > self.learning_rate:
            raise ValueError("min_learning_rate is above learning_rate")
        if self.soft_targets == "recomputed" and self.targets == "hard":
            raise ValueError("soft_targets: recomputed goes with targets: soft")
        if self.soft_targets == "recomputed" and self.method == "qlora":
            raise ValueError("soft_targets: recomputed needs the base as it samples; qlora holds it in 4 bits")
        return self

    @property
    def stores_targets(self) -> bool:
        """Whether sampling keeps q_s."""
        return self.targets == "soft" and self.soft_targets == "stored"


WHOLE_GRID = (0.0, 0.5, 0.7, 0.9, 1.1, 1.3)
"""What `--grid` measures."""


class GridSettings(Section):
    """The temperature grid on which base and student are compared."""

    temperatures: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = (0.0,)
    """T_eval; 0 is greedy, which costs one completion a problem. `--grid` of `run` and `evaluate` adds 0.5, 0.7, 0.9,
    1.1 and 1.3, to a finished run too: that is how far either model gets by decoding alone."""
    top_k: CountOrZero = 20
    """Of every grid point; 0 is off."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Of every grid point; 1 is off."""


class GradingSettings(Section):
    """How programs are executed."""

    seconds_per_test: PositiveFloat = 6.0
    """Wall-clock limit of one test; LiveCodeBench's is 6."""
    memory_mb: PositiveInt = 1024
    """Address space of one program."""
    rules: Literal["judge", "livecodebench"] = "judge"
    """How outputs are compared; see docs/grading.md."""
    answers: Answers = "needed"
    """What of an answer to a function-style problem is run: `needed`, what the tested functions need; `whole`, all of
    its code, the model's own checks included. `livecodebench` rules run it whole. See docs/grading.md."""
    isolation: Literal["full", "process"] = "full"
    """`full` refuses to run where the sandbox is missing; the weaker level must be asked for by name."""
    workers: PositiveInt | None = None
    """Programs at a time; unset is the number of cores. Does not change any verdict."""


class EvaluationSettings(Section):
    """Step 3: decode base and student, execute the programs, compare."""

    benchmark: str
    """`embedded`, a benchmark's name, or a file; see docs/grading.md."""
    split: str = "test"
    """Of the embedded problems: `validation` to tune on, `test` to report once."""
    since: str | None = None
    """Only problems from this ISO date on."""
    until: str | None = None
    """Only problems before this ISO date."""
    limit: PositiveInt | None = None
    """A subset of this many problems, the same for every seed."""
    base: Decoding
    """The base's own recommended decoding."""
    student: Decoding
    """T_eval and rho_eval."""
    grid: GridSettings = GridSettings()
    baselines: tuple[Stages, ...] = ()
    """Other rules of decoding, for both models: each a stage or a list of stages; see docs/decoding-baselines.md."""
    samples_per_problem: PositiveInt = 10
    """Programs drawn for each problem, n in the estimator of pass@k."""
    pass_at: tuple[PositiveInt, ...] = (1, 5)
    """Each k of pass@k."""
    max_new_tokens: PositiveInt = 131072
    """Completions are cut off here."""
    grading: GradingSettings = GradingSettings()

    @field_validator("since", "until", mode="before")
    @classmethod
    def _date_as_text(cls, value: Any) -> Any:
        """YAML makes a date of 2025-02-01 without quotes."""
        return value.isoformat() if isinstance(value, date) else value

    @model_validator(mode="after")
    def _enough_samples(self) -> EvaluationSettings:
        if max(self.pass_at) > self.samples_per_problem:
            raise ValueError(f"pass@{max(self.pass_at)} needs samples_per_problem of at least {max(self.pass_at)}")
        return self


class ChecksSettings(Section):
    """What a run checks beside its scores."""

    contamination: ContaminationSettings = ContaminationSettings()
    regressions: RegressionSettings = RegressionSettings()


class RoundSettings(Section):
    """Several rounds: each trains the last round's student on. See docs/rounds.md."""

    count: PositiveInt = 1
    """How many."""
    prompts: Literal["same", "fresh"] = "same"
    """`fresh`: every round has prompts of its own, as many as `prompts.limit`."""
    sample_from: Literal["student", "base"] = "student"
    """Whose samples a later round trains on: the last student's, or always the first base's."""
    mix_first: Fraction = 0.0
    """Share of the prompts that keep the first round's samples in later rounds; needs the same prompts."""
    number: PositiveInt = 1
    """Which round a run is; set by `selfdistill rounds`. Each round draws from random streams of its own."""

    @model_validator(mode="after")
    def _can_be_mixed(self) -> RoundSettings:
        if self.mix_first and self.prompts == "fresh":
            raise ValueError("mix_first needs prompts: same; the first round has no samples for fresh prompts")
        return self


class Recipe(Section):
    """A whole run: where it starts, the three steps, and how it is judged."""

    name: str
    """Names the run, its default directory and the student's card."""
    description: str = ""
    """One line for readers."""
    seed: CountOrZero = 0
    """Every random draw comes from this and the item's own key."""
    model: ModelSettings
    engine: EngineSettings = EngineSettings()
    cluster: str | None = None
    """A Ray cluster for sampling and grading: `auto` (the one that this machine belongs to), `HOST:PORT` of its head,
    or `ray://HOST:10001`. Unset: this machine only. Results are the same."""
    storage: str | None = None
    """A folder on object storage, e.g. `s3://bucket/runs`: each finished stage is copied to it, under the run
    directory's name, and a machine without the run fetches it from there. See docs/scale.md."""
    prompts: PromptSettings
    sampling: SamplingSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    analysis: AnalysisSettings = AnalysisSettings()
    checks: ChecksSettings = ChecksSettings()
    rounds: RoundSettings = RoundSettings()

    @model_validator(mode="after")
    def _targets_can_be_had(self) -> Recipe:
        decoding = self.sampling.decoding
        recomputed = self.training.soft_targets == "recomputed"
        if recomputed and (self.sampling.model is not None or self.sampling.mix is not None):
            raise ValueError("soft_targets: recomputed are the base's own; sampling.model and sampling.mix need stored")
        if self.sampling.source == "texts" and self.training.targets == "hard":
            raise ValueError("sampling.source texts needs training.targets: soft; a text's tokens are never targets")
        if self.sampling.source == "texts" and self.sampling.samples_per_prompt > 1:
            raise ValueError("a prompt has one text: sampling.source texts goes with samples_per_prompt: 1")
        if self.sampling.source == "texts":
            return self
        handed_over = self.engine.kind in ("vllm", "openai") and self.training.stores_targets
        if handed_over and not decoding.greedy and decoding.top_k == 0:
            raise ValueError(
                f"soft targets through engine.kind {self.engine.kind} need a sampling.decoding.top_k: it hands over "
                "a fixed number of probabilities a position; set top_k, or targets: hard, or kind: transformers"
            )
        return self


HARMLESS_KEYS = (
    "cluster",
    "description",
    "engine.base_url",
    "engine.student_base_url",
    "engine.key_variable",
    "engine.timeout_seconds",
    "engine.patience_seconds",
    "engine.replicas",
    "engine.gpus_per_replica",
    "evaluation.grading.workers",
    "evaluation.grid.temperatures",
    "storage",
    "training.report_to",
)
"""Keys that may differ when a run is resumed: no result depends on them."""
