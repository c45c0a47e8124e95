"""The page's finding in words: fixed rules over measured differences, whether they please or not.

A difference counts only if its whole 95 % interval, samples resampled, lies on one side of zero.
"""

from __future__ import annotations

from selfdistill.explain.records import Band, ExplainResult, KindRow
from selfdistill.measure.words import number, percent


def headline(result: ExplainResult) -> str:
    """One sentence: what became of locks and of forks."""
    rows = {row.kind: row for row in result.kinds}
    kept = _sign(rows["lock"].measures.get("kept_change"))
    head = _sign(rows["fork"].measures.get("head_entropy_change"))
    locks = {1: "Locks became spikes", 0: "Locks hardly changed", -1: "Locks got leakier"}[kept]
    if not rows["fork"].positions:
        return f"{locks}; there was no fork to look at."
    joined = {
        (1, 0): "and forks stayed open",
        (1, 1): "and forks opened wider",
        (1, -1): "and forks narrowed too",
    }
    otherwise = {0: "and forks stayed as they were", 1: "while forks opened wider", -1: "while forks narrowed"}
    return f"{locks}, {joined.get((kept, head), otherwise[head])}."


def lines(result: ExplainResult) -> list[str]:
    """The evidence: mass off the retained support at locks, entropy of the head at forks."""
    rows = {row.kind: row for row in result.kinds}
    sentences = []
    if rows["lock"].positions:
        before, after = (percent(1 - _value(rows["lock"], f"{model}_kept"), 2) for model in ("base", "student"))
        sentences.append(f"At locks, mass outside the retained support: {before} in the base, {after} in the student.")
    if rows["fork"].positions:
        before, after = (number(_value(rows["fork"], f"{model}_head_entropy"), 3) for model in ("base", "student"))
        sentences.append(
            f"At forks, entropy within the retained head: {before} nats in the base, {after} in the student."
        )
    return sentences


def _value(row: KindRow, name: str) -> float:
    return row.measures[name].value


def _sign(band: Band | None) -> int:
    """+1 if the whole interval is above zero, -1 if below, else 0."""
    return 0 if band is None else int(band.low > 0) - int(band.high < 0)
