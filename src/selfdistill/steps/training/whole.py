"""A language model inside a larger one: of a multimodal checkpoint only the language model is trained, all is kept.

`AutoModelForCausalLM` loads some of these checkpoints whole, and of others the language model alone. Either way the
student has everything that its base has, so that it loads wherever its base does, processor included.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.errors import UserError
from selfdistill.models.configs import load_config
from selfdistill.models.load import empty_model, load_whole_model
from selfdistill.models.paths import resolve_path

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings

PROCESSOR_FILES = (
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "feature_extractor_config.json",
    "chat_template.json",
)
"""What a processor reads beside the tokenizer's files."""


def require_whole(model: ModelSettings) -> None:
    """Make sure that a student of this base can be given everything that the base has.

    Raises:
        UserError: the language model cannot be found in the checkpoint's own model.
    """
    config = load_config(model.path, model.revision)
    if config.get_text_config(decoder=True) is config:
        return
    language = empty_model(config, model.path)
    if type(language.config) is not type(config):
        _place(language, empty_model(config, model.path, whole=True), model.path)


def freeze_the_rest(model: Any) -> None:
    """Train the language model alone: nothing here shows pictures to the rest, which gets no gradient."""
    if model.config.get_text_config(decoder=True) is model.config:
        return
    model.requires_grad_(False)
    for part in (model.get_decoder(), model.get_output_embeddings()):
        part.requires_grad_(True)


def with_the_rest(language: Any, model: ModelSettings) -> Any:
    """The checkpoint's own model, with this language model in it; the language model itself if that is all.

    Args:
        language: trained; loaded from the checkpoint by `load_model`.
        model: where the checkpoint is.

    Raises:
        UserError: see `require_whole`.
    """
    if type(language.config) is type(load_config(model.path, model.revision)):
        return language
    whole = load_whole_model(model)
    for part, place in _place(language, whole, model.path):
        place.load_state_dict(part.state_dict())
    return whole


def copy_processor(model: ModelSettings, directory: Path) -> None:
    """Put the base's processor files beside the student's."""
    from transformers.utils import cached_file

    for name in PROCESSOR_FILES:
        found = cached_file(
            resolve_path(model.path),
            name,
            revision=model.revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        if found and not (directory / name).exists():
            shutil.copyfile(found, directory / name)


def _place(language: Any, whole: Any, where: str) -> list[tuple[Any, Any]]:
    """Parts of the language model with their places in the whole, which are of the same kinds."""
    from transformers import PreTrainedModel

    inner = [child for child in language.children() if isinstance(child, PreTrainedModel)]
    for core in (language, *inner[:1]):
        twins = [module for module in whole.modules() if type(module) is type(core)]
        if len(twins) == 1:
            pairs = [(core, twins[0])]
            if core is not language:
                pairs.append((language.get_output_embeddings(), whole.get_output_embeddings()))
            return pairs
    raise UserError(
        f"the language model cannot be found in {type(whole).__name__}, so that a student would lack the rest",
        where=where,
        fix="take a checkpoint of the language model alone",
    )
