"""Simple self-distillation (SSD) of code language models: sample, fine-tune on the raw samples, measure honestly.

The public names are those in `__all__`; docs/api.md shows them at work. They are loaded when first used, so importing
the package is instant and does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfdistill.decoding.distribution import Ranked, decode, draw
    from selfdistill.directory import RunDirectory
    from selfdistill.errors import UserError
    from selfdistill.export.student import export_adapter, export_gguf
    from selfdistill.grading import Limits, Submission, grade
    from selfdistill.importing.read import import_ssd
    from selfdistill.measure.statistics import pass_at_k
    from selfdistill.recipe import Recipe, load_recipe
    from selfdistill.recipe.decoding import Decoding
    from selfdistill.records import Outcome, Problem, Prompt, Sample, Verdict
    from selfdistill.run.evaluating import evaluate
    from selfdistill.run.pipeline import run_recipe
    from selfdistill.run.reporting import write_report
    from selfdistill.run.sampling import sample
    from selfdistill.run.start import begin
    from selfdistill.run.training import train

_HOME = {
    "Decoding": "selfdistill.recipe.decoding",
    "Limits": "selfdistill.grading",
    "Outcome": "selfdistill.records",
    "Problem": "selfdistill.records",
    "Prompt": "selfdistill.records",
    "Ranked": "selfdistill.decoding.distribution",
    "Recipe": "selfdistill.recipe",
    "RunDirectory": "selfdistill.directory",
    "Sample": "selfdistill.records",
    "Submission": "selfdistill.grading",
    "UserError": "selfdistill.errors",
    "Verdict": "selfdistill.records",
    "begin": "selfdistill.run.start",
    "decode": "selfdistill.decoding.distribution",
    "draw": "selfdistill.decoding.distribution",
    "evaluate": "selfdistill.run.evaluating",
    "export_adapter": "selfdistill.export.student",
    "export_gguf": "selfdistill.export.student",
    "grade": "selfdistill.grading",
    "import_ssd": "selfdistill.importing.read",
    "load_recipe": "selfdistill.recipe",
    "pass_at_k": "selfdistill.measure.statistics",
    "run_recipe": "selfdistill.run.pipeline",
    "sample": "selfdistill.run.sampling",
    "train": "selfdistill.run.training",
    "write_report": "selfdistill.run.reporting",
}

__all__ = [
    "Decoding",
    "Limits",
    "Outcome",
    "Problem",
    "Prompt",
    "Ranked",
    "Recipe",
    "RunDirectory",
    "Sample",
    "Submission",
    "UserError",
    "Verdict",
    "begin",
    "decode",
    "draw",
    "evaluate",
    "export_adapter",
    "export_gguf",
    "grade",
    "import_ssd",
    "load_recipe",
    "pass_at_k",
    "run_recipe",
    "sample",
    "train",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'selfdistill' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__all__", "__doc__"]
