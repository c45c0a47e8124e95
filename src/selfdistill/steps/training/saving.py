"""The student on disk: an ordinary Hugging Face directory, whatever trained it.

However the weights were held in training (sharded over processes, wrapped, as adapters over a quantized base), they are
gathered and put into a plain model, read afresh from the base: so the directory is the base's in all but the weights.
"""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from selfdistill.files import fsync_directory, write_text
from selfdistill.models.configs import load_config
from selfdistill.models.load import load_model
from selfdistill.models.weights import check_finite
from selfdistill.steps.training.whole import copy_processor, with_the_rest

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings


def save_student(
    trainer: Any, tokenizer: Any, model: ModelSettings, directory: Path, card: str, *, adapted: bool
) -> None:
    """Put the student at `directory`, whole: written beside it and renamed.

    Every process calls it, because gathering shards takes all of them; the main one writes.

    Args:
        trainer: at its end.
        tokenizer: the base's.
        model: the recipe's model section.
        directory: where the student goes.
        card: the model card's text.
        adapted: whether adapters are to be merged.

    Raises:
        UserError: training has made weights that are no numbers.
    """
    weights = trainer.accelerator.get_state_dict(
        trainer.model_wrapped if trainer.is_deepspeed_enabled else trainer.model
    )
    if not trainer.is_world_process_zero():
        return
    temporary = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    unset_hf_deepspeed_config()  # ZeRO-3 would shard what is loaded from here on
    trained = trainer.accelerator.unwrap_model(trainer.model)
    plain = load_model(model.model_copy(update={"dtype": "float32", "device": "cpu"}))
    if adapted:
        plain = _merged(trained, weights, plain, temporary / "adapter")
    else:
        plain.load_state_dict(weights)
    dtype = getattr(load_config(model.path, model.revision), "dtype", None)
    student = with_the_rest(plain, model)
    student = student.to(dtype) if isinstance(dtype, torch.dtype) else student
    check_finite(student.named_parameters(), str(directory), fix="training went astray: lower training.learning_rate")
    student.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    copy_processor(model, temporary)
    write_text(temporary / "README.md", card)
    fsync_directory(temporary)
    shutil.rmtree(directory, ignore_errors=True)
    temporary.rename(directory)
    fsync_directory(directory.parent)


def _merged(trained: Any, weights: dict[str, Any], plain: Any, adapter: Path) -> Any:
    """The base with the adapters added in float32; they are kept beside it as well.

    Not by reading them back: PEFT renames what it reads after older versions of a model, and may lose some of it.
    """
    from peft import get_peft_model

    trained.save_pretrained(adapter, state_dict=weights)
    wrapped = get_peft_model(plain, deepcopy(trained.peft_config["default"]))
    adapters = {name for name in wrapped.state_dict() if ".lora_" in name}
    wrapped.load_state_dict({name: weights[name] for name in adapters}, strict=False)
    return wrapped.merge_and_unload()
