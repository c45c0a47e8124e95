"""The data of the replication, from benchmark files that are at hand: prompts, problems to choose and to report on.

    python experiments/replication/data.py --humaneval HumanEval.jsonl.gz --mbpp sanitized-mbpp.json --codeio codeio \
        --out data

| file | what is in it |
|---|---|
| near.jsonl | statements of sanitized MBPP from id 601 on, as prompts |
| far.jsonl | codeio's prompts |
| prompts.jsonl | both |
| validation.jsonl | sanitized MBPP 511 to 600 and codeio's validation: what settings are chosen on |
| test.jsonl | HumanEval and sanitized MBPP 11 to 510: what finalists are reported on, once |
| hard.jsonl | codeio's test |
| programs.jsonl | programs that people wrote for MBPP 11 to 510, whose perplexity tells what else was unlearned |
| instructions.jsonl | short instructions whose answer is JSON to a schema: another skill |

No problem of a test file is in another file. Problems keep their set before the first "/" of their id, so that the
tables have each set by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from instructions import instructions

from selfdistill.files import record_line, write_bytes
from selfdistill.json_rows import json_rows
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.records import Problem

Prompt = dict[str, str]
TEST, VALIDATION, PROMPTS = range(11, 511), range(511, 601), 601
"""Ids of MBPP, as its authors split it (Austin et al. 2021, Sec. 2.1); from 601 on they are for training."""


def main() -> None:
    """Write all files."""
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
    write(out / "programs.jsonl", [{"text": each.reference or ""} for each in of_mbpp(mbpp, TEST)])
    near, far = list(near_prompts(mbpp)), list(far_prompts(arguments.codeio))
    write(out / "near.jsonl", near)
    write(out / "far.jsonl", far)
    write(out / "prompts.jsonl", [*far, *near])


def of_mbpp(problems: Mapping[int, Problem], ids: range) -> list[Problem]:
    """Those of these ids."""
    return [problem for number, problem in problems.items() if number in ids]


def codeio(directory: Path, name: str) -> list[Problem]:
    """One of codeio's files; its rows are in LiveCodeBench's format, but its problems are not LiveCodeBench's."""
    problems = load_benchmark(str(directory / f"{name}.jsonl.gz"))
    return [replace(each, task_id=each.task_id.removeprefix("LiveCodeBench/")) for each in problems]


def near_prompts(problems: Mapping[int, Problem]) -> Iterator[Prompt]:
    """Rows of a prompt file; MBPP's statements show their tests, as they do where it is a benchmark."""
    for number, problem in problems.items():
        if number >= PROMPTS:
            yield {"id": f"mbpp/{number}", "question": problem.statement, "starter_code": ""}


def far_prompts(directory: Path) -> Iterator[Prompt]:
    """Rows of a prompt file."""
    for _, row in json_rows(directory / "prompts.jsonl.gz"):
        yield {"id": row["question_id"], "question": row["question"], "starter_code": row["starter_code"]}


def write(path: Path, records: Iterable[Problem] | Iterable[Prompt]) -> None:
    """The file, and a line about it."""
    found = list(records)
    write_bytes(path, b"".join(map(record_line, found)))
    print(f"{path}: {len(found):,}")


if __name__ == "__main__":
    main()
