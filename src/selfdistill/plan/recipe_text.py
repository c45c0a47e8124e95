"""A recipe for a model on this machine, as commented YAML: what `selfdistill init` writes.

The recipe is ordinary: whatever is written here can be changed, and `selfdistill plan FILE` counts again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from selfdistill.models.recommended import Recommended
from selfdistill.plan.amount import Amount
from selfdistill.plan.fit import BATCH, PROMPT, Fit
from selfdistill.plan.machine import Machine
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.one_card import LEARNING_RATE
from selfdistill.recipe.prompt_sources import SELF

DEFAULT = Decoding(temperature=1.0, top_k=20, top_p=0.8)
"""Of a model that recommends none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user says."""

    name: str
    model: str
    prompts: tuple[str, ...]
    benchmark: str


def recipe_text(
    wanted: Wanted, machine: Machine, fitted: Fit, advice: Recommended, amount: Amount, takes: str = ""
) -> str:
    """The YAML.

    Args:
        wanted: the user's.
        machine: what it is fitted to.
        fitted: what fits.
        advice: the model's own decoding.
        amount: how much is done.
        takes: how long that is, in words.
    """
    base = advice.decoding or DEFAULT
    student = DEFAULT.model_copy(update={"temperature": 0.7 if base.greedy else base.temperature})
    lines = [
        f"# {wanted.model} on {machine.name} with {machine.memory / 1e9:,.0f} GB, fitted by selfdistill init.",
        f"# selfdistill run {wanted.name}.yaml runs it; selfdistill plan {wanted.name}.yaml says what it takes.",
        *([f"# {takes}"] if takes else []),
        f"name: {_text(wanted.name)}",
        f"description: {json.dumps(f'{wanted.model}, self-distilled on its own samples.', ensure_ascii=False)}",
        "model:",
        f"  path: {_text(wanted.model)}",
        "engine:",
        *_engine(machine, fitted),
        "prompts:",
        *_prompts(wanted.prompts, amount.prompts),
        "sampling:",
        "  # T_train and its truncation. Which is best differs from model to model: selfdistill preview, then advise.",
        f"  decoding: {_decoding(DEFAULT)}",
        f"  max_new_tokens: {fitted.max_new_tokens}  # longer completions are cut off; a model that thinks needs more",
        "training:",
        *_training(machine, fitted, amount.prompts),
        "evaluation:",
        f"  benchmark: {_text(wanted.benchmark)}",
        *([f"  limit: {amount.problems}  # a subset, for the time it takes; null is all"] if amount.problems else []),
        f"  # {_advice(advice)}",
        f"  base: {_decoding(base)}",
        f"  student: {_decoding(student)}",
        f"  grid: {{temperatures: {list(amount.temperatures)}, top_k: 20, top_p: 0.8}}  # how far decoding alone gets",
        f"  samples_per_problem: {amount.samples}",
        f"  pass_at: {[1] if amount.samples < 5 else [1, 5]}",
        f"  max_new_tokens: {fitted.max_new_tokens}",
        "checks:",
        "  contamination: {drop: near}  # prompts that are near to a problem of the benchmark are left out",
    ]
    return "\n".join(lines) + "\n"


def _engine(machine: Machine, fitted: Fit) -> list[str]:
    kind = "vllm" if machine.vllm else "transformers"
    size = f"{fitted.sampling_bytes / 1e9:,.1f} GB with the weights"
    why = "vLLM and a GPU are here" if machine.vllm else "vLLM or a GPU is not here"
    lines = [
        f"  kind: {kind}  # {why}",
        f"  batch_size: {fitted.rows}  # rows of at most {fitted.max_length:,} tokens: {size}",
        f"  shard_size: {max(64, 4 * fitted.rows)}  # written together",
    ]
    if machine.vllm:
        lines.append(f"  options: {{max_model_len: {fitted.max_length}}}")
    return lines


def _prompts(sources: Sequence[str], limit: int) -> list[str]:
    lines = []
    if SELF in sources:
        lines.append("  # self: the model writes its users' turns itself, from nothing but its chat template.")
    if len(sources) == 1:
        lines.append(f"  source: {_text(sources[0])}")
    else:
        lines += [
            "  source: mixture",
            "  mixture:",
            *(f"    - {{source: {_text(each)}, weight: 1}}" for each in sources),
        ]
    if SELF in sources:
        lines.append(
            f"  self_written: {{count: {2 * limit}}}  # some are no requests, or say the same, and are dropped"
        )
    if any(each == SELF or each.startswith("repository:") for each in sources):
        lines.append("  template: function  # auto would ask for programs that read standard input")
    return [
        *lines,
        f"  limit: {limit}  # at most",
        f"  max_tokens: {PROMPT}  # longer prompts are dropped, and counted",
    ]


def _training(machine: Machine, fitted: Fit, limit: int) -> list[str]:
    steps = 2 * limit / BATCH
    method = {
        "full": "all weights fit",
        "lora": "all weights would not fit with their gradients and moments",
        "qlora": "only adapters over 4 bits fit",
    }[fitted.method]
    held = f"{fitted.training_bytes / 1e9:,.1f} GB at {fitted.micro_batch_size} x {fitted.max_length:,} tokens"
    return [
        "  targets: soft  # the base's whole truncated distribution at every sampled token; hard is as published",
        f"  method: {fitted.method}  # {method}: {held}",
        "  epochs: 2",
        f"  batch_size: {BATCH}",
        f"  micro_batch_size: {fitted.micro_batch_size}  # sequences at a time",
        f"  max_length: {fitted.max_length}  # tokens of prompt and completion",
        "  packing: auto  # without padding where the model keeps sequences apart, which is tried",
        f"  learning_rate: {LEARNING_RATE[fitted.method]:.1e}" + ("  # the paper's" if fitted.method == "full" else ""),
        f"  warmup_steps: {max(1, round(0.1 * steps))}",
        f"  checkpoint_every: {max(5, min(100, round(steps / 5)))}",
        *(["  precision: fp32"] if machine.kind == "cpu" else []),
    ]


def _advice(advice: Recommended) -> str:
    if advice.decoding is None:
        return "The model's generation_config.json recommends no decoding: temperature 1, truncated like the others."
    if advice.left_out:
        further = ", ".join(f"{key} {value}" for key, value in advice.left_out.items())
        return f"As the model's generation_config.json recommends, but for {further}, which is not applied here."
    return "As the model's generation_config.json recommends."


def _decoding(decoding: Decoding) -> str:
    if decoding.greedy:
        return "{temperature: 0}"
    return f"{{temperature: {decoding.temperature:g}, top_k: {decoding.top_k}, top_p: {decoding.top_p:g}}}"


def _text(value: str) -> str:
    """A YAML scalar that is this text, whatever is in it."""
    return json.dumps(value, ensure_ascii=False)
