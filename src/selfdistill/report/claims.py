"""What a run may say of its training data: SSD trains on raw, unverified samples, its comparisons on other things."""

from __future__ import annotations

from typing import Any

_FILTERS = {
    "all": "No sample was judged, run or corrected before training on it.",
    "compiles": "Samples that do not compile were left out, none was run: that is not SSD on raw samples.",
    "lint": "Samples in which ruff finds a fault were left out, none was run: that is not SSD on raw samples.",
    "passing": "Only samples that pass their prompts’ tests were kept: rejection sampling with a verifier, not SSD.",
}
_CARDS = {
    "all": "its own raw, unverified samples by simple self-distillation (Zhang et al., arXiv 2604.01193). "
    "No tests, rewards or teacher took part in the training data.",
    "compiles": "those of its own samples that compile. No tests, rewards or teacher took part in the training data.",
    "lint": "those of its own samples in which ruff finds no fault. No tests, rewards or teacher took part in the "
    "training data.",
    "passing": "those of its own samples that pass their prompts' tests: rejection sampling with a verifier.",
}
_TEXTS = {
    "report": "Nothing was sampled: existing programs were context, and the base’s own distribution at each of their "
    "positions was the target. None was judged, run or corrected.",
    "card": "its own distributions along existing programs, which were context and never targets. No tests, rewards or "
    "teacher took part in the training data.",
}


def of_report(recipe: dict[str, Any]) -> str:
    """One or two sentences on how the training data came about.

    Args:
        recipe: as in the summary; an older one may lack keys, which then had their defaults.
    """
    if recipe.get("sampling", {}).get("source") == "texts":
        return _TEXTS["report"]
    return _FILTERS[recipe.get("training", {}).get("keep", "all")]


def of_card(recipe: dict[str, Any]) -> str:
    """What comes after "fine-tuned on" on the student's model card."""
    if recipe.get("sampling", {}).get("source") == "texts":
        return _TEXTS["card"]
    return _CARDS[recipe.get("training", {}).get("keep", "all")]


def subject(recipe: dict[str, Any]) -> str:
    """What raised or lowered a score, at the beginning of a sentence."""
    if recipe.get("sampling", {}).get("source") == "texts":
        return "Self-distillation along existing programs"
    filtered = {
        "compiles": "Self-distillation on samples that compile",
        "lint": "Self-distillation on samples without lint",
        "passing": "Training on samples that pass their tests",
    }
    return filtered.get(recipe.get("training", {}).get("keep", "all"), "Self-distillation")
