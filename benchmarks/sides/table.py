"""The results as a table: one line a measurement, ratios to the first measured side of the same kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def table(results: Iterable[dict[str, Any]], flops: float | None) -> str:
    """Lines for people.

    Args:
        results: of results.jsonl.
        flops: the GPU's peak, for MFU.
    """
    lines, last, reference = [], None, None
    ordered = sorted(results, key=lambda line: _kind(line))
    for line in ordered:
        if _kind(line) != last:
            last, reference = _kind(line), None
            lines += ["", " ".join(filter(None, last))]
        reference = reference or (line if line.get("rate") else None)
        lines.append("  " + _row(line, reference, flops))
    return "\n".join(lines)


def _kind(line: dict[str, Any]) -> tuple[str, str, str]:
    return line["part"], line["variant"], line["dtype"]


def _row(line: dict[str, Any], reference: dict[str, Any] | None, flops: float | None) -> str:
    name = f"{line['name']:<28} {line.get('label', ''):<18}"
    if "skipped" in line:
        return f"{line['name']:<28} {line['skipped']}"
    rate = line.get("rate")
    cells = [name, f"{rate:>10,.0f} tokens/s" if rate else ""]
    if rate and reference and line["part"] != "loop":
        cells.append(f"{rate / reference['rate']:>6.2f}")
        if "cpu_rate" in line:
            cells.append(f"{line['cpu_rate']:>6,.0f} per CPU second {line['cpu_rate'] / reference['cpu_rate']:>6.2f}")
    if flops and "flops" in line:
        cells.append(f"MFU {line['flops'] / flops:>4.0%}")
    if line.get("peak_bytes"):
        cells.append(f"{line['peak_bytes'] / 1e9:>6.1f} GB")
    if line.get("load_seconds"):
        cells.append(f"loaded in {line['load_seconds']:.0f} s")
    return "  ".join(filter(None, cells)).rstrip()
