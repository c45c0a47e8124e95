"""The recipe's section on step 2, and the table of training targets: a new one is a module and a line in `TARGETS`.

The defaults are the paper's (Sec. 3 and its appendix).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from selfdistill.recipe.agreement import AgreementSettings
from selfdistill.recipe.section import (
    LARGEST,
    CountOrZero,
    Fraction,
    NameIn,
    PositiveFloat,
    PositiveInt,
    Section,
)


@dataclass(frozen=True, slots=True)
class TargetKind:
    """What training can aim at."""

    module: str
    """Imported when it is used. Has `load(training, directory)`: see `steps.training.target`."""
    distributions: bool = False
    """Whether it needs q_s, the base's distribution at every sampled position: see `soft_targets`."""


TARGETS: dict[str, TargetKind] = {
    "hard": TargetKind("selfdistill.steps.training.hard_targets"),
    "soft": TargetKind("selfdistill.steps.training.soft_targets", distributions=True),
}
"""Every `training.targets`."""


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

    @field_validator("target_modules")
    @classmethod
    def _names_some(cls, modules: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not modules or not all(modules):
            raise ValueError("names of weights, a regular expression or all-linear")
        return modules


class TrainingSettings(Section):
    """Step 2: fine-tune the base on its raw samples. The defaults are the paper's (Sec. 3)."""

    targets: Annotated[str, NameIn(TARGETS)] = "hard"
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
    epochs: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = None
    """Passes over the data."""
    batch_size: PositiveInt = 32
    """Sequences an optimizer step, over all devices."""
    micro_batch_size: PositiveInt = 1
    """Sequences a forward pass on one device; divides `batch_size`."""
    learning_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 5e-6
    """Peak."""
    min_learning_rate: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1e-6
    """The cosine ends here."""
    warmup_steps: CountOrZero = 250
    """Steps of linear rise from 0 to the peak; the first has rate 0."""
    weight_decay: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.1
    """AdamW's, on everything but biases and norms."""
    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    """`adamw_8bit`: AdamW's two moments in 8 bits, of all but embeddings (extra `qlora`); saves 6 bytes a weight."""
    adam_beta1: Fraction = 0.9
    """Decay of the gradient's mean."""
    adam_beta2: Fraction = 0.95
    """Decay of the squared gradient's mean."""
    max_grad_norm: PositiveFloat = 1.0
    """Gradients are clipped to this norm."""
    max_length: Annotated[int, Field(ge=2, le=LARGEST)] = 65536
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
    keep: Literal["all", "compiles", "lint", "agreement", "passing"] = "all"
    """`all` is SSD. For comparison with related methods: only programs that compile; that have no fault by ruff's rules
    E9 and F (extra `lint`); that give what most of their prompt's samples give (`agreement`, docs/agreement.md); or
    that pass their tests, which uses a verifier."""
    agreement: AgreementSettings = AgreementSettings()
    shuffled: bool = False
    """A control that must lose: every sample is trained on under another prompt."""
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
        if self.soft_targets == "recomputed" and not TARGETS[self.targets].distributions:
            raise ValueError("soft_targets: recomputed goes with targets: soft")
        if self.soft_targets == "recomputed" and self.method == "qlora":
            raise ValueError("soft_targets: recomputed needs the base as it samples; qlora holds it in 4 bits")
        if self.keep == "agreement" and self.targets == "soft":
            raise ValueError(
                "keep: agreement needs targets: hard; soft ones are the base's own distribution, which knows nothing "
                "of what was left out"
            )
        if self.verifier is not None and self.keep != "passing":
            raise ValueError("verifier goes with keep: passing, which alone looks at tests")
        if self.shuffled and self.soft_targets == "recomputed":
            raise ValueError("shuffled goes with stored soft targets; recomputed ones would be of the wrong prompt")
        return self

    @property
    def stores_targets(self) -> bool:
        """Whether sampling keeps q_s."""
        return TARGETS[self.targets].distributions and self.soft_targets == "stored"
