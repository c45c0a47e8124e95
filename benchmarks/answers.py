"""Base and student by answers that exist already, graded here: pass@k and the paired difference, problem by problem.

    python benchmarks/answers.py base.jsonl.gz student.jsonl.gz --benchmark he=HumanEval.jsonl.gz

The answers are JSON Lines with `bench`, `task_id`, `i` and `completion` (a chat answer), as many of a problem in both
files; `finish` is `length` where one was cut off. Programs are taken under the rule `needed`.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from agreement import judge, read_programs
from selfdistill import seeds
from selfdistill.measure.statistics import DIFFERENCE, SHARE, intervals, pass_at_k_scores
from selfdistill.measure.words import percent, percent_interval, point_interval
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.records import Problem
from selfdistill.studies.scores import interval


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("student", type=Path)
    parser.add_argument("--benchmark", action="append", required=True, metavar="BENCH=FILE")
    arguments = parser.parse_args()
    print("| benchmark | problems | measure | base | student | student − base |\n" + "|---" * 6 + "|")
    for each in arguments.benchmark:
        bench, _, file = each.partition("=")
        problems = {problem.task_id: problem for problem in load_benchmark(file)}
        report(bench, problems, [arguments.base, arguments.student])


def report(bench: str, problems: Mapping[str, Problem], files: Sequence[Path]) -> None:
    """Every measure that the number of answers allows, on one set of problems."""
    passed = []
    for file in files:
        programs = read_programs(file, bench, problems)
        judged = judge(programs, {key: problems[key] for key in programs})
        passed.append({key: list(own.values()) for key, own in sorted(judged.items())})
    assert passed[0].keys() == passed[1].keys(), f"{bench}: the files answer different problems"
    count = min(len(own) for each in passed for own in each.values())
    for k in [k for k in (1, 3, 5, 10) if k <= count]:
        scores = [
            pass_at_k_scores([len(own) for own in each.values()], [sum(own) for own in each.values()], k)
            for each in passed
        ]
        columns = np.stack([*scores, scores[1] - scores[0]], axis=1)
        found = intervals(columns, seeds.generator(0, "answers", bench, f"pass@{k}"), [SHARE, SHARE, DIFFERENCE])
        base, student, gain = map(interval, found)
        cells = [bench, len(passed[0]), f"pass@{k}", *map(percent_interval, (base, student)), point_interval(gain)]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    cut, distinct = zip(*(lengths_and_kinds(file, bench) for file in files), strict=True)
    print(f"\n{bench}: cut off {percent(cut[0])} and {percent(cut[1])}, different answers {percent(distinct[0])} and "
          f"{percent(distinct[1])} of base and student\n")  # fmt: skip


def lengths_and_kinds(path: Path, bench: str) -> tuple[float, float]:
    """Shares of the answers that were cut off, and that are the first of their text in their problem."""
    rows = [
        row for line in gzip.decompress(path.read_bytes()).splitlines() if (row := json.loads(line))["bench"] == bench
    ]
    texts = {(row["task_id"], row["completion"]) for row in rows}
    return sum(row["finish"] == "length" for row in rows) / len(rows), len(texts) / len(rows)


if __name__ == "__main__":
    main()
