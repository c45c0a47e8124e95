"""What a run prints when it ends: the headline, a short table of what the student gained, cautions."""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from selfdistill.measure.words import percent_interval, point_interval
from selfdistill.report.answer import pick
from selfdistill.report.summarised import Summary


def terminal_table(summary: Summary) -> Group:
    """A rich renderable of a summary, at most 80 columns wide."""
    first, *others = summary["measures"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("base decoding", no_wrap=True)
    for measure in summary["measures"]:
        table.add_column(f"{measure}, % [95 %]", justify="right", no_wrap=True)
    table.add_column(f"gain in {first}", justify="right", no_wrap=True)
    by_name = {system["name"]: system for system in summary["systems"]}
    for entry in summary["lineup"]:
        scores = by_name[entry["system"]]["scores"]
        cells = [percent_interval(scores[measure]["all"]) for measure in (first, *others)]
        style = "bold" if entry["kind"] == "student" else ""
        table.add_row(
            entry["label"].removeprefix("base, "), *cells, _gain(summary, entry["system"], first), style=style
        )
    headline = Text(" ".join(summary["answer"]["headline"]), style="bold")
    cautions = [Text(text) for part in (summary["endings"], summary["rules"]) if part for text in part["sentences"]]
    return Group(headline, Padding(table, (1, 0, 0, 0)), *cautions)


def _gain(summary: Summary, base: str, measure: str) -> str:
    """The student's gain at its default decoding over one system, if they were compared."""
    default = pick(summary["comparisons"], "default")
    for each in summary["comparisons"]:
        if each["base"] == base and default is not None and each["student"] == default["student"]:
            return point_interval(each["scores"][measure]["all"]["difference"])
    return ""
