"""Remake the figures and the numbers of docs/mechanism.md from a run.

    selfdistill explain runs/mechanism
    python docs/make_mechanism.py runs/mechanism

The text between the page's two markers is written from the run's explain.json; nothing there is written by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from selfdistill.explain.records import BreakRow, ExplainResult, KindRow, PreviewGap
from selfdistill.explain.toy.experiment import Experiment, run_experiment
from selfdistill.report.charts.toy import write_figures as write_toy_figures
from selfdistill.report.pages.explain import write_figures
from selfdistill.report.pages.explain_words import headline

DOCS = Path(__file__).parent
BEGIN, END = "<!-- numbers: docs/make_mechanism.py -->\n", "<!-- end of numbers -->"
ROWS = (
    ("mass outside the retained support, %", "kept", lambda value: 100 * (1 - value), 2),
    ("entropy, nats", "entropy", float, 3),
    ("of it gate", "gate", float, 3),
    ("of it head", "head", float, 3),
    ("of it tail", "tail", float, 3),
    ("entropy given the head, nats", "head_entropy", float, 3),
)


def main(run: Path) -> None:
    """Write the figures, and the section between the markers."""
    result = TypeAdapter(ExplainResult).validate_python(_nan(json.loads((run / "explain.json").read_text())))
    write_figures(result, DOCS / "figures")
    write_toy_figures(Experiment(), run_experiment(Experiment()), DOCS / "figures")
    page = DOCS / "mechanism.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}{numbers(result)}\n{END}{after}")


def numbers(result: ExplainResult) -> str:
    """The section about the run, as Markdown."""
    rows = {row.kind: row for row in result.kinds}
    forks = f"{100 * rows['fork'].share:.1f} %"
    lines = [
        f"**{headline(result)}** Over {result.positions:,} positions of {result.samples} samples that the student was",
        f"trained on ({result.sampling}); {forks} of them are forks.",
        "",
        "| | locks, base | locks, student | forks, base | forks, student |",
        "|---|---|---|---|---|",
        *(_row(rows, *row) for row in ROWS),
        _plain("likeliest token changed, % of positions", rows, "flipped", 100),
        _plain("KL(q_s ‖ base) → KL(q_s ‖ student), nats", rows, "base_fit", 1, "fit"),
        "",
        *map(_preview, result.preview),
        *map(_breaks, result.breaks),
    ]
    return "\n".join(lines)


def _preview(gap: PreviewGap) -> str:
    scores = (
        f"base {100 * gap.base:.1f} %, ideal-fit preview {100 * gap.preview:.1f} %, student {100 * gap.student:.1f} %"
    )
    composed, beyond = (f"{100 * points:+.1f}" for points in (gap.preview - gap.base, gap.student - gap.preview))
    return f"- {gap.measure}: {scores}. Composition of decoders is {composed} points of that, the rest {beyond}."


def _breaks(row: BreakRow) -> str:
    places = f"{row.locks} leave the passing ones at a lock, {row.forks} at a fork"
    return f"- {row.model}: {row.failing} of {row.programs} programs fail, {row.located} can be located: {places}."


def _row(rows: dict[str, KindRow], label: str, name: str, scale: Any, digits: int) -> str:
    cells = [
        f"{scale(rows[kind].measures[f'{model}_{name}'].value):.{digits}f}"
        for kind in ("lock", "fork")
        for model in ("base", "student")
    ]
    return f"| {label} | {' | '.join(cells)} |"


def _plain(label: str, rows: dict[str, KindRow], name: str, scale: float, then: str | None = None) -> str:
    def cells(kind: str) -> str:
        first = f"{scale * rows[kind].measures[name].value:.3f}"
        second = f"{scale * rows[kind].measures[then].value:.3f}" if then else first
        return f" {first if then else ''} | {second} |"

    return f"| {label} |{cells('lock')}{cells('fork')}"


def _nan(value: Any) -> Any:
    """JSON has no NaN; explain.json holds null in its place."""
    if isinstance(value, dict):
        return {key: float("nan") if item is None and key != "leaves_at" else _nan(item) for key, item in value.items()}
    return [_nan(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
