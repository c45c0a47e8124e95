"""What a run cost: wall-clock time and tokens by stage, from the manifest."""

from __future__ import annotations

from selfdistill.report.parts import CostRow, RunCost
from selfdistill.report.results import JsonObject

_SYSTEM = "evaluate "  # the manifest has one such stage for each system


def cost(stages: dict[str, JsonObject]) -> RunCost:
    """The manifest's stages as they are, and a table of them in which all systems' decoding is one row.

    Args:
        stages: name -> record with `seconds` and, where it makes sense, `tokens`.
    """
    decoded = [record for name, record in stages.items() if name.startswith(_SYSTEM)]
    table: list[CostRow] = []
    for name, record in stages.items():
        if not name.startswith(_SYSTEM):
            table.append(_row(name, [record]))
        elif record is decoded[0]:
            table.append(_row(f"evaluate, {len(decoded)} systems", decoded))
    return {"stages": stages, "table": table, "seconds": sum(row["seconds"] for row in table)}


def _row(name: str, records: list[JsonObject]) -> CostRow:
    seconds = sum(record.get("seconds", 0.0) for record in records)
    tokens = sum(record.get("tokens", 0) for record in records)
    rate = tokens / seconds if tokens and seconds else None
    peak = max((record.get("gpu_peak_bytes", 0) for record in records), default=0)
    return {
        "stage": name,
        "seconds": seconds,
        "tokens": tokens or None,
        "tokens_per_second": rate,
        "gpu_peak_bytes": peak or None,
    }
