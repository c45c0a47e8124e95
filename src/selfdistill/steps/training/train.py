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
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.processes import weights_are_sharded
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.training import TrainingSettings
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.targets import size_on_disk
from selfdistill.steps.training.adapters import Targets, lora_config, lora_targets
from selfdistill.steps.training.arguments import training_arguments
from selfdistill.steps.training.batches import Collator
from selfdistill.steps.training.callbacks import MarkCheckpoints, TrainingLog, last_whole_checkpoint, step_of
from selfdistill.steps.training.data import DataCounts
from selfdistill.steps.training.filter import Selection, select_samples
from selfdistill.steps.training.head import add_scoring
from selfdistill.steps.training.kernels import apply_liger, compile_layers, keep_narrow
from selfdistill.steps.training.packed import flat_rows
from selfdistill.steps.training.quantized import float32_adapters, load_quantized
from selfdistill.steps.training.saving import save_student
from selfdistill.steps.training.shuffled import shuffled
from selfdistill.steps.training.target import TrainingTarget, load_target
from selfdistill.steps.training.tracking import tensorboard
from selfdistill.steps.training.trainer import SelfDistillationTrainer
from selfdistill.steps.training.whole import freeze_the_rest


def build_data(
    settings: TrainingSettings,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    targets_dir: Path,
    *,
    seed: int,
    whole_answers: bool,
    refused: Mapping[int, str] = MappingProxyType({}),
) -> tuple[Dataset, TrainingTarget, DataCounts]:
    """The training set of a recipe.

    Args:
        settings: the recipe's training section: the filter, the targets and the cut.
        prompts: those that were sampled.
        samples: in order.
        targets_dir: where the soft targets are, if the recipe wants them.
        seed: the recipe's.
        whole_answers: see `select_samples`.
        refused: samples that `training.keep` refuses, with the reason.

    Raises:
        UserError: no sample is left, or soft targets are missing, damaged or another's.
    """
    selection = select_samples(samples, settings, whole_answers=whole_answers, seed=seed, refused=refused)
    if not selection.kept:
        raise UserError(f"no sample is left to train on: {selection.dropped}", where=targets_dir.parent)
    by_id = {prompt.prompt_id: prompt for prompt in prompts}
    if settings.shuffled:
        by_id = shuffled(by_id, seed)
    target = load_target(settings, targets_dir, samples)
    rows = target.rows(by_id, samples, selection.kept, settings.max_length)
    counts = _counts(settings, by_id, samples, selection, target, targets_dir)
    return _dataset(rows), target, counts


def train_student(
    model: ModelSettings,
    settings: TrainingSettings,
    sampling: Decoding,
    dataset: Dataset,
    target: TrainingTarget,
    directory: Path,
    *,
    seed: int,
    name: str,
    log: Path,
    card: str,
    progress: Callable[[int, int, int], None] | None = None,
) -> tuple[int, int] | None:
    """Train from the base, or from the last whole checkpoint, and put the student at `directory`.

    Args:
        model: the recipe's model section.
        settings: its training section.
        sampling: the decoding that drew the samples.
        dataset: rows of ids and labels.
        target: what the recipe trains towards.
        directory: where the student appears, whole. Checkpoints are in its sibling `checkpoints`.
        seed: the recipe's.
        name: the run's, for trackers.
        log: JSON Lines of steps.
        card: the model card's text.
        progress: told of steps, as `TrainingLog` does.

    Returns:
        With adapters, on how many weights they are, and how many there are; else None.

    Raises:
        UserError: the model cannot be loaded, or what the recipe asks for does not go together.
    """
    checkpoints = directory.parent / "checkpoints"
    tokenizer = load_tokenizer(model.path, model.revision)
    checkpoint = _checkpoint(checkpoints, log)
    first_step = step_of(checkpoint) if checkpoint else 0
    base = _base(model, settings).train()
    freeze_the_rest(base)
    adapted = lora_targets(base, settings.lora) if settings.method != "full" else None
    if adapted:
        counts = {"adapted_weights": adapted.adapted, "weights": adapted.total}
        say("adapters", f"{settings.method}: {adapted}", **counts, left_out=adapted.left_out)
    flat = _prepare(base, settings)
    args = training_arguments(settings, checkpoints, device=model.device, seed=seed, name=name)
    target.begin(base, model, settings, sampling)
    callbacks = [
        TrainingLog(log, progress),
        MarkCheckpoints(),
        *tensorboard(settings, directory.with_name("tensorboard"), first_step),
    ]
    trainer = _trainer(base, tokenizer, settings, args, dataset, target, adapted, callbacks, flat=flat)
    if trainer.is_world_process_zero():
        _cut_log(log, first_step)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    save_student(trainer, tokenizer, model, directory, card, adapted=adapted is not None)
    _end(trainer, checkpoints)
    return (adapted.adapted, adapted.total) if adapted else None


def _end(trainer: SelfDistillationTrainer, checkpoints: Path) -> None:
    """The student is there: its checkpoints go, and what the processes shared."""
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        shutil.rmtree(checkpoints, ignore_errors=True)
    if distributed.is_initialized():
        # Else its threads are still there when the interpreter ends, which now and then aborts a finished process.
        distributed.destroy_process_group()


def _trainer(
    base: Any,
    tokenizer: Any,
    settings: TrainingSettings,
    args: Any,
    dataset: Dataset,
    target: TrainingTarget,
    adapted: Targets | None,
    callbacks: list[Any],
    *,
    flat: bool,
) -> SelfDistillationTrainer:
    """TRL's trainer over what is trained: the base, or adapters on it."""
    trainer = SelfDistillationTrainer(
        target=target,
        lengths=None if flat else [len(ids) for ids in dataset["input_ids"]],
        model=base,
        args=args,
        train_dataset=pack_dataset(dataset, settings.max_length, "bfd") if settings.packing is True else dataset,
        data_collator=Collator(_pad_token(tokenizer), flat, target, masked=args.device.type == "cpu"),
        processing_class=tokenizer,
        peft_config=adapted and lora_config(base, settings.lora, adapted),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # the run shows its own progress
    if adapted:
        float32_adapters(trainer.model)
    if settings.compile:
        compile_layers(trainer.model)
    return trainer


def _base(model: ModelSettings, settings: TrainingSettings) -> Any:
    """What is trained: in float32; under adapters in the precision of the arithmetic, or QLoRA's."""
    if settings.method == "qlora":
        return load_quantized(model, settings.precision)
    # Sharding wants one type of all weights, and divides them anyway.
    half = settings.method == "lora" and settings.precision == "bf16" and not weights_are_sharded()
    return load_model(model.model_copy(update={"dtype": "bfloat16" if half else "float32", "device": "cpu"}))


def _prepare(base: Any, settings: TrainingSettings) -> bool:
    """Give the base what its layers and its head need in training; whether rows hold several sequences."""
    flat = flat_rows(settings.packing, base)
    if settings.kernels == "liger":
        apply_liger(base)
    if settings.gradient_checkpointing == "selective":
        keep_narrow(base)
    add_scoring(base)
    return flat


def _dataset(rows: Iterator[dict[str, list[int]]]) -> Dataset:
    disable_progress_bars()
    return Dataset.from_list(list(rows))


def _counts(
    settings: TrainingSettings,
    prompts: dict[str, Prompt],
    samples: Sequence[Sample],
    selection: Selection,
    target: TrainingTarget,
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
        target_entries=target.entries,
        target_bytes=size_on_disk(targets_dir) if target.entries else 0,
    )


def _pad_token(tokenizer: Any) -> int:
    token = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return int(token or 0)


def _checkpoint(checkpoints: Path, log: Path) -> Path | None:
    """What training continues from; nothing where the log does not have every step before it: all are made again."""
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
