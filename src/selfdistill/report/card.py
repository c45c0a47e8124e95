"""The student's model card: how it was made, and how it did. Names no number that is not in summary.json."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from selfdistill.measure.words import percent_interval
from selfdistill.recipe.schema import Recipe
from selfdistill.report.claims import of_card
from selfdistill.report.summarised import Summary

_MARKS = re.compile(r"[\\`*_{}\[\]<>#|~!&$]")


def model_card(recipe: Recipe, summary: Summary | None) -> str:
    """Markdown with a Hugging Face metadata header.

    Args:
        recipe: how it was made.
        summary: the run's summary, once it has been evaluated.
    """
    base = recipe.model.path
    header = {"library_name": "transformers", "tags": ["self-distillation", "ssd", "code"]}
    if base != "embedded" and not Path(base).is_dir():  # the hub takes only its own names here
        header["base_model"] = base
    sampling = recipe.sampling.decoding.label
    tree = recipe.model_dump(mode="json")
    listed = yaml.safe_dump(tree, sort_keys=False).rstrip()
    fence = "`" * max(3, 1 + _longest_backticks(listed))
    return "\n".join(
        [
            "---",
            yaml.safe_dump(header, sort_keys=False).rstrip(),
            "---",
            f"# {escaped(recipe.name)}: a self-distilled model",
            "",
            f"The base model {code(base)}, fine-tuned on {of_card(tree)}",
            "",
            f"- sampled with: {sampling}, {recipe.sampling.samples_per_prompt} per prompt, seed {recipe.seed}",
            f"- trained on: {recipe.training.targets} targets, {recipe.training.method} fine-tuning, "
            f"learning rate {recipe.training.learning_rate:g}, batch {recipe.training.batch_size}",
            f"- decode with: {recipe.evaluation.student.label}",
            "",
            "## Results",
            "",
            *_results(summary),
            "",
            "## Recipe",
            "",
            f"{fence}yaml",
            listed,
            fence,
            "",
        ]
    )


def escaped(text: str) -> str:
    """A name as Markdown shows it: its own marks, HTML and line breaks mean nothing."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def code(text: str) -> str:
    """A name as a code span, whatever backticks it has."""
    line = " ".join(text.split())
    marks = "`" * (1 + _longest_backticks(line))
    return f"{marks} {line} {marks}" if "`" in line else f"{marks}{line}{marks}"


def _longest_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _results(summary: Summary | None) -> list[str]:
    if summary is None:
        return ["Not evaluated yet."]

    measures = summary["measures"]
    rows = [
        f"| {escaped(system['title'])} | "
        + " | ".join(percent_interval(system["scores"][measure]["all"]) for measure in measures)
        + " |"
        for system in summary["systems"]
        if "default" in system["roles"]
    ]
    return [
        f"On {code(summary['recipe']['evaluation']['benchmark'])}, percent with 95 % intervals by problem:",
        "",
        "| system | " + " | ".join(measures) + " |",
        "|---" * (len(measures) + 1) + "|",
        *rows,
    ]
