"""What a run may say of its training data: SSD trains on raw, unverified samples, its comparisons on other things."""

from __future__ import annotations

from selfdistill.report.results import JsonObject

_REPORT = {
    "all": "No sample was judged, run or corrected before training on it.",
    "compiles": "Samples that do not compile were left out, none was run: that is not SSD on raw samples.",
    "lint": "Samples in which ruff finds a fault were left out, none was run: that is not SSD on raw samples.",
    "agreement": "Of several samples of each prompt those were kept that give the same outputs as most others, on "
    "inputs taken from the prompt alone. Programs were run, no expected output was known: not SSD on raw samples.",
    "shuffled": "Every sample was trained on under another prompt: a control that should lose, not SSD.",
    "passing": "Only samples that pass their prompts’ tests were kept: rejection sampling with a verifier, not SSD.",
    "texts": "Nothing was sampled: existing programs were context, and the base’s own distribution at each of their "
    "positions was the target. None was judged, run or corrected.",
}
_NO_TEACHER = "No tests, rewards or teacher took part in the training data."
_CARD = {
    "all": "its own raw, unverified samples by simple self-distillation (Zhang et al., arXiv 2604.01193). "
    + _NO_TEACHER,
    "compiles": f"those of its own samples that compile. {_NO_TEACHER}",
    "lint": f"those of its own samples in which ruff finds no fault. {_NO_TEACHER}",
    "agreement": "those of its own samples whose programs agree with most others of their prompt. " + _NO_TEACHER,
    "shuffled": "its own samples, each under another prompt: a control, of no other use.",
    "passing": "those of its own samples that pass their prompts' tests: rejection sampling with a verifier.",
    "texts": f"its own distributions along existing programs, which were context and never targets. {_NO_TEACHER}",
}
_SUBJECT = {
    "all": "Self-distillation",
    "compiles": "Self-distillation on samples that compile",
    "lint": "Self-distillation on samples without lint",
    "agreement": "Training on samples that agree",
    "shuffled": "Training on samples of other prompts",
    "passing": "Training on samples that pass their tests",
    "texts": "Self-distillation along existing programs",
}


def of_report(recipe: JsonObject) -> str:
    """One or two sentences on how the training data came about.

    Args:
        recipe: as in the summary; an older one may lack keys, which then had their defaults.
    """
    return _REPORT[_kind(recipe)]


def of_card(recipe: JsonObject) -> str:
    """What comes after "fine-tuned on" on the student's model card."""
    return _CARD[_kind(recipe)]


def subject(recipe: JsonObject) -> str:
    """What raised or lowered a score, at the beginning of a sentence."""
    return _SUBJECT[_kind(recipe)]


def _kind(recipe: JsonObject) -> str:
    """`texts`, `shuffled`, or what `training.keep` says."""
    if recipe.get("training", {}).get("shuffled"):
        return "shuffled"
    if recipe.get("sampling", {}).get("source") == "texts":
        return "texts"
    return str(recipe.get("training", {}).get("keep", "all"))
