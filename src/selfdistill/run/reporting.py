"""The last stage of a run, the report. It loads no model, and none of the libraries that models need."""

from __future__ import annotations

from pathlib import Path

from selfdistill import report
from selfdistill.checked import checked
from selfdistill.directory import RunDirectory
from selfdistill.events import emit
from selfdistill.files import read_json, write_text
from selfdistill.report.card import model_card
from selfdistill.run.integrity import Name, check, require_stage
from selfdistill.run.own_recipe import read_recipe

_READ: tuple[Name, ...] = (
    "prompts",
    "samples",
    "training",
    "contamination",
    "evaluation",
    "regressions",
    "baselines",
    "agreement",
)


@checked
def write_report(directory: RunDirectory) -> Path:
    """summary.json and report.html, and the results on the student's model card."""
    require_stage(directory, directory.systems, "evaluate")
    check(directory, *_READ)

    path = report.write_report(directory.root)
    write_text(directory.student_card, model_card(read_recipe(directory), read_json(directory.summary)))
    emit("report written", path=str(path.resolve()))
    return path
