"""Where the embedded model is."""

from __future__ import annotations

from pathlib import Path


def model_dir() -> Path:
    """The embedded base model's directory (the pretrained stage), loadable with `AutoModelForCausalLM`."""
    return Path(__file__).parent / "model"
