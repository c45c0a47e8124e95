"""Fine-tune the base on its own raw samples with TRL's `SFTTrainer`, and save the student as an ordinary model.

Source: paper Sec. 3 and its settings. Optimizer, schedule, precision, adapters and distribution are the libraries';
ours are the ids, the labels and the soft loss.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from datasets import Dataset, disable_progress_bars
from torch import distributed
from transformers import PrinterCallback
from trl import pack_dataset

from selfdistill.errors import UserError
from selfdistill.events import say, warn
from selfdistill.files import read_records, write_records
from selfdistill.models.load import load_model, load_tokenizer
from selfdistill.processes import weights_are_sharded
from selfdistill.recipe.schema import Recipe, TrainingSettings
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.targets import size_on_disk, targets_of
from selfdistill.steps.training.adapters import lora_config, lora_targets
from selfdistill.steps.training.arguments import training_arguments
from selfdistill.steps.training.batches import Collator
from selfdistill.steps.training.callbacks import MarkCheckpoints, TrainingLog, last_whole_checkpoint, step_of
from selfdistill.steps.training.data import DataCounts, TargetStore, hard_rows, soft_rows
from selfdistill.steps.training.filter import Selection, select_samples
from selfdistill.steps.training.head import add_scoring
from selfdistill.steps.training.kernels import apply_liger, compile_layers, keep_narrow
from selfdistill.steps.training.packed import flat_rows
from selfdistill.steps.training.quantized import float32_adapters, load_quantized
from selfdistill.steps.training.recomputed import Recomputed, load_frozen
from selfdistill.steps.training.saving import save_student
from selfdistill.steps.training.tracking import tensorboard
from selfdistill.steps.training.trainer import SelfDistillationTrainer
from selfdistill.steps.training.whole import freeze_the_rest


def build_data(
    recipe: Recipe,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    targets_dir: Path,
    *,
    whole_answers: bool,
    refused: Mapping[int, str] = MappingProxyType({}),
) -> tuple[Dataset, TargetStore | None, DataCounts]:
    """The training set of a recipe.

    Args:
        recipe: its training section decides the filter, the targets and the cut.
        prompts: those that were sampled.
        samples: in order.
        targets_dir: where the soft targets are, if the recipe wants them.
        whole_answers: see `select_samples`.
        refused: samples that `training.keep` refuses, with the reason.

    Raises:
        UserError: no sample is left, or soft targets are missing, damaged or another's.
    """
    settings = recipe.training
    selection = select_samples(samples, settings, whole_answers=whole_answers, seed=recipe.seed, refused=refused)
    if not selection.kept:
        raise UserError(f"no sample is left to train on: {selection.dropped}", where=recipe.model.path)
    by_id = {prompt.prompt_id: prompt for prompt in prompts}
    soft = settings.stores_targets
    store = TargetStore.of(list(targets_of(samples, targets_dir))) if soft else None
    rows = (soft_rows if soft else hard_rows)(by_id, samples, selection.kept, settings.max_length)
    counts = _counts(settings, by_id, samples, selection, store, targets_dir)
    return _dataset(rows), store, counts


def train_student(
    recipe: Recipe,
    dataset: Dataset,
    store: TargetStore | None,
    directory: Path,
    *,
    log: Path,
    card: str,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train from the base, or from the last whole checkpoint, and put the student at `directory`.

    Args:
        recipe: the run's.
        dataset: rows of ids and labels.
        store: the soft targets, if the recipe wants them.
        directory: where the student appears, whole. Checkpoints are in its sibling `checkpoints`.
        log: JSON Lines of steps.
        card: the model card's text.
        progress: called with the numbers of finished and planned steps.

    Returns:
        With adapters `adapted_weights`, how many numbers they are on, and `weights`, how many there are; else nothing.

    Raises:
        UserError: the model cannot be loaded, or what the recipe asks for does not go together.
    """
    checkpoints = directory.parent / "checkpoints"
    tokenizer = load_tokenizer(recipe.model.path, recipe.model.revision)
    settings = recipe.training
    checkpoint = _checkpoint(checkpoints, log)
    first_step = step_of(checkpoint) if checkpoint else 0
    base = _base(recipe).train()
    freeze_the_rest(base)
    targets = lora_targets(base, settings.lora) if settings.method != "full" else None
    facts = {"adapted_weights": targets.adapted, "weights": targets.total} if targets else {}
    if targets:
        say("adapters", f"{settings.method}: {targets}", **facts, left_out=targets.left_out)
    flat = _prepare(base, settings)
    args = training_arguments(recipe, checkpoints)
    trainer = SelfDistillationTrainer(
        store=store,
        recomputed=_recomputed(recipe, base),
        lengths=None if flat else [len(ids) for ids in dataset["input_ids"]],
        model=base,
        args=args,
        train_dataset=pack_dataset(dataset, settings.max_length, "bfd") if settings.packing is True else dataset,
        data_collator=Collator(_pad_token(tokenizer), flat, store, masked=args.device.type == "cpu"),
        processing_class=tokenizer,
        peft_config=targets and lora_config(base, settings.lora, targets),
        callbacks=[
            TrainingLog(log, progress),
            MarkCheckpoints(),
            *tensorboard(settings, directory.with_name("tensorboard"), first_step),
        ],
    )
    if settings.method != "full":
        float32_adapters(trainer.model)
    if settings.compile:
        compile_layers(trainer.model)
    trainer.remove_callback(PrinterCallback)  # the run shows its own progress
    if trainer.is_world_process_zero():
        _cut_log(log, first_step)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    save_student(trainer, tokenizer, recipe, directory, card)
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        shutil.rmtree(checkpoints, ignore_errors=True)
    if distributed.is_initialized():
        # Else its threads are still there when the interpreter ends, which now and then aborts a finished process.
        distributed.destroy_process_group()
    return facts


def _base(recipe: Recipe) -> Any:
    """What is trained: in float32; under adapters in the precision of the arithmetic, or QLoRA's."""
    settings = recipe.training
    if settings.method == "qlora":
        return load_quantized(recipe.model, settings.precision)
    # Sharding wants one type of all weights, and divides them anyway.
    half = settings.method == "lora" and settings.precision == "bf16" and not weights_are_sharded()
    model = recipe.model.model_copy(update={"dtype": "bfloat16" if half else "float32", "device": "cpu"})
    return load_model(model)


def _prepare(base: Any, settings: TrainingSettings) -> bool:
    """Give the base what its layers and its head need in training; whether rows hold several sequences."""
    flat = flat_rows(settings.packing, base)
    if settings.kernels == "liger":
        apply_liger(base)
    if settings.gradient_checkpointing == "selective":
        keep_narrow(base)
    add_scoring(base)
    return flat


def _recomputed(recipe: Recipe, base: Any) -> Recomputed | None:
    if recipe.training.targets == "hard" or recipe.training.stores_targets:
        return None
    attention = base.config.get_text_config(decoder=True)._attn_implementation
    return Recomputed((recipe.sampling.decoding,), load_frozen(recipe, attention))


def _dataset(rows: Iterator[dict[str, list[int]]]) -> Dataset:
    disable_progress_bars()
    return Dataset.from_list(list(rows))


def _counts(
    settings: TrainingSettings,
    prompts: dict[str, Prompt],
    samples: Sequence[Sample],
    selection: Selection,
    store: TargetStore | None,
    targets_dir: Path,
) -> DataCounts:
    kept = [samples[index] for index in selection.kept]
    lengths = [(len(prompts[sample.prompt_id].token_ids), len(sample.token_ids)) for sample in kept]
    return DataCounts(
        sequences=len(kept),
        dropped=selection.dropped,
        truncated=sum(sample.finish_reason == "length" for sample in kept),
        cut=sum(sum(pair) > settings.max_length for pair in lengths),
        prompt_tokens=sum(prompt for prompt, _ in lengths),
        completion_tokens=sum(completion for _, completion in lengths),
        targets=settings.targets,
        target_entries=len(store.token_ids) if store else 0,
        target_bytes=size_on_disk(targets_dir) if store else 0,
    )


def _pad_token(tokenizer: Any) -> int:
    token = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return int(token or 0)


def _checkpoint(checkpoints: Path, log: Path) -> Path | None:
    """What training goes on from; nothing where the log does not have every step before it: all are made again."""
    checkpoint = last_whole_checkpoint(checkpoints)
    if checkpoint is None or [line["step"] for line in _lines(log, step_of(checkpoint))] == [
        *range(1, step_of(checkpoint) + 1)
    ]:
        return checkpoint
    warn(f"{log} lacks steps before {checkpoint.name}: training begins again")
    return None


def _lines(log: Path, last_step: int) -> list[dict[str, Any]]:
    """The log up to a step; up to the first damaged line."""
    lines = []
    with suppress(UserError):
        for line in read_records(log, dict[str, Any]):
            lines.append(line)
    return [line for line in lines if line["step"] <= last_step]


def _cut_log(log: Path, last_step: int) -> None:
    """Forget steps after the checkpoint: they will be made again."""
    kept = _lines(log, last_step)
    if log.exists():
        write_records(log, kept)
