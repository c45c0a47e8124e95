"""Training tokens/s and peak memory: transformers' Trainer, TRL's SFTTrainer, and the package, on the same rows.

`Trainer` has the model's own loss, which holds whole logits; SFTTrainer its `nll`, fused with the output layer since
TRL 1.16. Optimizer, precision, micro-batch and recomputation are the same on every side. Tokens are those of prompts
and completions, without padding; the first two steps do not count.
"""

from __future__ import annotations

import inspect
import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfdistill.models.paths import resolve_path
from sides.inputs import recipe_of, training_records
from sides.spec import Side, Spec, cpu_seconds, peak_bytes, record

WARM_UP = 2
SIDES = {
    "Trainer, whole logits": ("full", "hard"),
    "SFTTrainer": ("full", "hard"),
    "SFTTrainer lora": ("lora", "hard"),
    "selfdistill full hard": ("full", "hard"),
    "selfdistill full soft": ("full", "soft"),
    "selfdistill lora hard": ("lora", "hard"),
    "selfdistill lora soft": ("lora", "soft"),
}
"""Each side's method and targets."""


class Clock:
    """The time at the end of each optimizer step, and the memory so far."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.busy: list[float] = []
        self.peak = 0

    def step(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())
        self.busy.append(cpu_seconds())
        self.peak = peak_bytes()


def measure(spec: Spec, side: Side) -> None:
    """Train one epoch of made rows."""
    method, targets = SIDES[side.name]
    config = json.loads((Path(resolve_path(spec.model)) / "config.json").read_text())
    prompts, samples, made = training_records(spec, config["vocab_size"])
    lengths = [len(p.token_ids) + len(s.token_ids) for p, s in zip(prompts, samples, strict=True)]
    recipe = recipe_of(spec, *_settings(spec, side, method, targets, max(lengths)))
    folder = spec.work / "training" / side.title.replace(" ", "-").replace(",", "")
    clock = Clock()
    train = _selfdistill if side.name.startswith("selfdistill") else _other
    parameters = train(recipe, side, prompts, samples, made, folder, clock)
    shutil.rmtree(folder, ignore_errors=True)
    steps = len(clock.ends) - WARM_UP
    if steps < 1:
        raise RuntimeError(f"{len(clock.ends)} steps are too few: give more --steps")
    seconds = clock.ends[-1] - clock.ends[WARM_UP - 1]
    tokens = sum(lengths) * steps / len(clock.ends)
    rate = tokens / seconds
    busy = {} if spec.on_gpu else {"cpu_rate": tokens / (clock.busy[-1] - clock.busy[WARM_UP - 1])}
    record(
        spec,
        side,
        label="",
        rate=rate,
        seconds=[round(seconds, 3)],
        steps=steps,
        peak_bytes=clock.peak,
        parameters=parameters,
        flops=6 * parameters * rate,
        **busy,
    )


def _settings(spec: Spec, side: Side, method: str, targets: str, longest: int) -> list[str]:
    """Packed rows hold as many tokens as a padded micro-batch of the longest, one row at a time.

    What the user sets of the training section is set last; `default` leaves the layout of the rows to the recipe.
    """
    packed = side.variant == "packed"
    micro = 1 if packed else spec.micro_batch
    return [
        f"training.method={method}",
        f"training.targets={targets}",
        "training.epochs=1",
        f"training.micro_batch_size={micro}",
        f"training.batch_size={micro * spec.accumulation}",
        f"training.max_length={longest * (spec.micro_batch if packed else 1)}",
        *([] if side.variant == "default" else [f"training.packing={str(packed).lower()}"]),
        f"training.precision={'fp32' if side.dtype == 'float32' else 'bf16'}",
        f"training.gradient_checkpointing={str(spec.checkpointing).lower()}",
        "training.learning_rate=1e-5",
        "training.min_learning_rate=1e-6",
        "training.warmup_steps=1",
        "training.checkpoint_every=100000",
        *(each for each in spec.overrides if each.startswith("training.")),
    ]


def _selfdistill(recipe: Any, side: Side, prompts: Any, samples: Any, made: Any, folder: Path, clock: Clock) -> int:
    from selfdistill.plan.model import model_size
    from selfdistill.steps.sampling.targets import target_path, write_targets
    from selfdistill.steps.training.train import build_data, train_student

    soft = recipe.training.targets == "soft"
    if soft:
        (folder / "targets").mkdir(parents=True, exist_ok=True)
        write_targets(target_path(folder / "targets", 0), made)
    dataset, store, _ = build_data(
        recipe.training, prompts, samples, folder / "targets", whole_answers=False, seed=recipe.seed
    )
    log = folder / "log.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    train_student(
        recipe.model,
        recipe.training,
        recipe.sampling.decoding,
        dataset,
        store,
        folder / "student",
        log=log,
        card="",
        progress=clock.step,
        seed=recipe.seed,
        name=recipe.name,
    )
    return int(model_size(recipe.model.path).parameters)


def _other(recipe: Any, side: Side, prompts: Any, samples: Any, made: Any, folder: Path, clock: Clock) -> int:
    """The libraries' trainers, with the package's settings."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import Trainer, TrainerCallback
    from trl import SFTTrainer, pack_dataset
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from selfdistill.models.load import load_model
    from selfdistill.models.tokenizers import load_tokenizer
    from selfdistill.steps.training.data import sequence

    class Steps(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.step()

    limit = recipe.training.max_length
    rows = Dataset.from_list([sequence(*pair, limit) for pair in zip(prompts, samples, strict=True)])
    packing = side.variant == "packed"
    tokenizer = load_tokenizer(recipe.model.path)
    model = load_model(recipe.model.model_copy(update={"dtype": "float32", "device": "cpu"})).train()
    lora = recipe.training.lora
    common: dict[str, Any] = {
        "model": model,
        "train_dataset": pack_dataset(rows, limit, "bfd") if packing else rows,
        "data_collator": DataCollatorForLanguageModeling(tokenizer.pad_token_id or 0, padding_free=packing),
        "callbacks": [Steps()],
    }
    parameters = sum(weight.numel() for weight in model.parameters())
    if side.name.startswith("Trainer"):
        trainer = Trainer(args=_arguments(recipe, folder, plain=True), **common)
    else:
        adapters = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        trainer = SFTTrainer(
            args=_arguments(recipe, folder, plain=False),
            processing_class=tokenizer,
            peft_config=adapters if recipe.training.method == "lora" else None,
            **common,
        )
    trainer.train()
    return parameters


def _arguments(recipe: Any, folder: Path, *, plain: bool) -> Any:
    from transformers import TrainingArguments
    from trl import SFTConfig

    settings = recipe.training
    kind: Callable[..., Any] = TrainingArguments if plain else SFTConfig
    known = inspect.signature(SFTConfig).parameters
    recompute = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    ready_made = {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}}
    own = {"remove_unused_columns": False} if plain else ready_made
    return kind(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=1,
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=math.ceil(settings.batch_size / settings.micro_batch_size),
        learning_rate=settings.learning_rate,
        warmup_steps=1,
        optim="adamw_torch",
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        bf16=settings.precision == "bf16",
        use_cpu=recipe.model.device == "cpu",
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        report_to=[],
        log_level="error",
        **{recompute: settings.gradient_checkpointing},
        **own,
    )
