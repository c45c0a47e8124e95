"""The embedded base model and problem set: small, ours, and enough to run the whole loop anywhere.

    from selfdistill import embedded
    embedded.model_dir()             # a Hugging Face model directory
    embedded.problems("validation")  # problems with tests
    embedded.prompts(12_000)         # prompts for sampling, without solutions

What it is, how it was made and what it cannot show: docs/embedded.md.
"""

from __future__ import annotations

from selfdistill.embedded.corpus import held_out
from selfdistill.embedded.directory import model_dir
from selfdistill.embedded.documents import JsonProblem
from selfdistill.embedded.problems import (
    Text,
    fingerprint,
    json_problems,
    json_prompts,
    problems,
    prompt_problems,
    prompts,
    texts,
)

__all__ = [
    "JsonProblem",
    "Text",
    "fingerprint",
    "held_out",
    "json_problems",
    "json_prompts",
    "model_dir",
    "problems",
    "prompt_problems",
    "prompts",
    "texts",
]
