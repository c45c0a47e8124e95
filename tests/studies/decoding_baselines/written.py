"""Finished evaluations with known counts, written as the package writes them, without any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from selfdistill import files
from selfdistill.records import Outcome, Sample, Verdict
from selfdistill.steps.evaluation.systems import System

SAMPLES = 5


def write_evaluation(place: Path, systems: Sequence[System], passes: Mapping[str, Sequence[int]], prefix: str) -> None:
    """`passes`: how many of the five programs pass, problem by problem, by the system's name."""
    folder = place / "evaluation"
    files.write_bytes(folder / "systems.json", b"[" + b",".join(map(files.record_line, systems)) + b"]")
    count = len(next(iter(passes.values())))
    problems = [
        {"task_id": f"{prefix}/{i}", "difficulty": "easy", "statement": "Add.", "program_prefix": ""}
        for i in range(count)
    ]
    files.append_records(folder / "problems.jsonl", problems)
    for system in systems:
        keys = [
            (f"{prefix}/{i}", s, s < passed) for i, passed in enumerate(passes[system.name]) for s in range(SAMPLES)
        ]
        files.append_records(
            folder / f"{system.name}.samples.jsonl",
            [Sample(task, s, (5,), "stop", (-0.5,), "x") for task, s, _ in keys],
        )
        verdicts = [
            Verdict(f"{task}/{s}", Outcome.PASSED if right else Outcome.WRONG_ANSWER, "", 0.1)
            for task, s, right in keys
        ]
        files.append_records(folder / f"{system.name}.verdicts.jsonl", verdicts)
