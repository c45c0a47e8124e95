"""`selfdistill grade` on files as others write them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from selfdistill.cli.grade import grade
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.records import Verdict

pytestmark = pytest.mark.usefixtures("sandbox_works")

ROWS = [
    {"task_id": f"T/{i}", "prompt": f"def f{i}(x):\n", "canonical_solution": f"    return x + {i}\n",
     "entry_point": f"f{i}", "test": f"def check(candidate):\n    assert candidate(1) == {1 + i}\n"}
    for i in range(4)
]  # fmt: skip


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    return str(lines(tmp_path / "problems.jsonl", ROWS))


def test_grades_both_kinds_of_lines_and_goes_on(
    tmp_path: Path, benchmark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"task_id": f"T/{i}", "completion": f"    return x + {i % 2}\n"} for i in range(4)]
    rows += [{"task_id": f"T/{i}", "solution": f"def f{i}(x): return x + {i}"} for i in range(2)]
    completions, out = lines(tmp_path / "completions.jsonl", rows), tmp_path / "verdicts.jsonl"
    grade(completions, benchmark, out)
    verdicts = {verdict.key: verdict.passed for verdict in read_records(out, Verdict)}
    assert verdicts == {"T/0/0": True, "T/1/0": True, "T/2/0": False, "T/3/0": False, "T/0/1": True, "T/1/1": True}
    score = capsys.readouterr().out
    assert re.search(r"pass@1: 50\.0 % \[[67]\.\d, 9[34]\.\d\]", score), "2 of 4 by Clopper and Pearson: 6.8 to 93.2"
    whole = out.read_bytes()
    kept = whole.splitlines(keepends=True)[:3]
    out.write_bytes(b"".join(kept) + b'{"key": "torn')
    grade(completions, benchmark, out)
    assert out.read_bytes().startswith(b"".join(kept))
    assert {verdict.key: verdict.passed for verdict in read_records(out, Verdict)} == verdicts


def test_refuses_to_mix_settings(tmp_path: Path, benchmark: str) -> None:
    completions = lines(tmp_path / "completions.jsonl", [{"task_id": "T/0", "completion": "    return x\n"}])
    grade(completions, benchmark, tmp_path / "out.jsonl")
    with pytest.raises(UserError, match="seconds"):
        grade(completions, benchmark, tmp_path / "out.jsonl", seconds=3.0)
    with pytest.raises(UserError, match="not written by this command"):
        grade(completions, benchmark, completions)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ('{"task_id": "T/0"}', "no completion"),
        ('{"task_id": "T/9", "completion": ""}', "no problem 'T/9'"),
        ('{"task_id": "T/0", "completion": 3}', "not text"),
    ],
)
def test_bad_lines_are_named(line: str, message: str, tmp_path: Path, benchmark: str) -> None:
    completions = tmp_path / "completions.jsonl"
    completions.write_text('{"task_id": "T/0", "completion": "    return x"}\n' + line + "\n")
    with pytest.raises(UserError, match=f"completions.jsonl:2: .*{message}"):
        grade(completions, benchmark, tmp_path / "out.jsonl")


def test_bad_options_are_named(tmp_path: Path, benchmark: str) -> None:
    completions = lines(tmp_path / "completions.jsonl", [])
    with pytest.raises(UserError, match="--rules is 'strict'"):
        grade(completions, benchmark, tmp_path / "out.jsonl", rules="strict")
    with pytest.raises(UserError, match="no such file"):
        grade(tmp_path / "none.jsonl", benchmark, tmp_path / "out.jsonl")
