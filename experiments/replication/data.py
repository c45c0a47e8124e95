"""The data of the replication, made from benchmark files that are at hand: prompts, and problems to choose and to report on.

    python experiments/replication/data.py --humaneval HumanEval.jsonl.gz --mbpp sanitized-mbpp.json --codeio codeio \
        --out data

| file | what is in it |
|---|---|
| prompts.jsonl | codeio's prompts, and the statements of sanitized MBPP from id 601 on |
| validation.jsonl | sanitized MBPP 511 to 600 and codeio's validation: what settings are chosen on |
| test.jsonl | HumanEval and sanitized MBPP 11 to 510: what finalists are reported on, once |
| hard.jsonl | codeio's test |
| instructions.jsonl | short instructions whose answer is JSON to a schema: another skill |

No problem of a test file is in another file. Problems keep their set before the first "/" of their id, so that the tables
have each set by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from instructions import instructions

from selfdistill.files import write_records
from selfdistill.json_rows import json_rows
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.records import Problem

TEST, VALIDATION, PROMPTS = range(11, 511), range(511, 601), 601
"""Ids of MBPP, as its authors split it (Austin et al. 2021, Sec. 2.1); from 601 on they are for training."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--humaneval", required=True, metavar="FILE")
    parser.add_argument("--mbpp", required=True, metavar="FILE")
    parser.add_argument("--codeio", required=True, type=Path, metavar="DIR")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    arguments = parser.parse_args()
    mbpp = {int(problem.task_id.rpartition("/")[2]): problem for problem in load_benchmark(arguments.mbpp)}
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    write(out / "validation.jsonl", [*of_mbpp(mbpp, VALIDATION), *codeio(arguments.codeio, "validation")])
    write(out / "test.jsonl", [*load_benchmark(arguments.humaneval), *of_mbpp(mbpp, TEST)])
    write(out / "hard.jsonl", codeio(arguments.codeio, "test"))
    write(out / "instructions.jsonl", instructions())
