"""A model's configuration, and what is read from it."""

from __future__ import annotations

from typing import Any

from selfdistill.errors import UserError
from selfdistill.models.faults import cannot_load
from selfdistill.models.paths import is_local, resolve_path


def load_config(path: str, revision: str | None = None) -> Any:
    """The model's configuration.

    Raises:
        UserError: the model cannot be found, its configuration is damaged, or it is no causal language model.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(resolve_path(path), revision=revision, trust_remote_code=False)
    except UserError:
        raise
    except Exception as error:  # a configuration may be wrong in many ways
        fix = "check the name and the network; some models ask for their licence and for hf auth login first"
        if is_local(path):
            fix = "check config.json, and whether the installed transformers knows this kind of model"
        raise cannot_load("model's configuration", path, error, fix=fix) from error
    _require_causal(config, path)
    return config


def _require_causal(config: Any, path: str) -> None:
    """Refuse encoders: transformers loads BERT and its kin as language models that see what they should predict."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED

    kind = config.model_type
    if kind in CAUSAL and kind in MASKED and not getattr(config, "is_decoder", False):
        raise UserError(
            f"cannot load the model: {kind} reads texts in both directions, which is no causal language model",
            where=path,
            fix="choose a model that continues texts",
        )


def context_length(config: Any) -> int:
    """Positions that the model was made for; a text model without a stated limit gets a very large one."""
    text = config.get_text_config(decoder=True)
    names = ("max_position_embeddings", "max_seq_len", "max_target_positions")  # the others are MPT's and Whisper's
    return next((int(limit) for name in names if (limit := getattr(text, name, None))), 2**31 - 1)
