"""`selfdistill grade` on files as others write them."""

from __future__ import annotations

import gzip
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
        ("[" * 100_000, "nested too deeply"),
        ('{"task_id": ' + "1" * 5_000 + "}", "too many digits"),
        ("[1]", "not an object"),
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
    with pytest.raises(UserError, match="--until is 'May 2025'"):
        grade(completions, benchmark, tmp_path / "out.jsonl", until="May 2025")
    with pytest.raises(UserError, match="no such file"):
        grade(tmp_path / "none.jsonl", benchmark, tmp_path / "out.jsonl")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null"])
def test_devices_are_no_files(device: str, tmp_path: Path, benchmark: str) -> None:
    """One that never ends would fill the memory."""
    completions = lines(tmp_path / "completions.jsonl", [{"task_id": "T/0", "completion": "    return x\n"}])
    with pytest.raises(UserError, match=f"{device}: is a device"):
        grade(completions, benchmark, Path(device))
    with pytest.raises(UserError, match=f"{device}: is a device"):
        grade(device, benchmark, tmp_path / "out.jsonl")
    with pytest.raises(UserError, match="no such benchmark or file"):
        grade(completions, device, tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("option", "value"),
    [(name, value) for name in ("seconds", "memory_mb", "workers") for value in (-1, 0, 1e300)]
    + [("seconds", float("nan")), ("seconds", float("inf"))],
)
def test_numbers_that_an_option_cannot_mean_are_named(option: str, value: Any, tmp_path: Path, benchmark: str) -> None:
    completions = lines(tmp_path / "completions.jsonl", [{"task_id": "T/0", "completion": "    return x\n"}])
    with pytest.raises(UserError, match=f"--{option.replace('_', '-')} is .*give a number from"):
        grade(completions, benchmark, tmp_path / "out.jsonl", **{option: value})


def test_a_bad_last_line_is_found_before_anything_is_graded(tmp_path: Path, benchmark: str) -> None:
    completions, out = tmp_path / "completions.jsonl", tmp_path / "out.jsonl"
    good = [{"task_id": f"T/{i % 4}", "completion": f"    return x + {i % 4}\n"} for i in range(100)]
    lines(completions, good)
    whole = completions.read_bytes()
    completions.write_bytes(whole + b'{"task_id": "T/0"}\n')
    with pytest.raises(UserError, match=r"completions\.jsonl:101"):
        grade(completions, benchmark, out)
    completions.write_bytes(whole)
    grade(completions, benchmark, out)
    assert len(list(read_records(out, Verdict))) == 100


@pytest.mark.parametrize("damage", ["cut off", "corrupt", "only a header"])
def test_damaged_gzip_is_said(damage: str, tmp_path: Path, benchmark: str) -> None:
    rows = [{"task_id": "T/0", "completion": f"    return x  # {i * i}\n"} for i in range(2_000)]
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    middle = packed[:100] + bytes(50) + packed[150:]
    completions = tmp_path / "completions.jsonl.gz"
    completions.write_bytes({"cut off": packed[:-20], "corrupt": middle, "only a header": packed[:5]}[damage])
    with pytest.raises(UserError, match=r"completions\.jsonl\.gz: is damaged or cut off"):
        grade(completions, benchmark, tmp_path / "out.jsonl")


@pytest.mark.parametrize("text", ["[1]", '"x"', "[" * 100_000, "1" * 5_000, "{"])
def test_settings_that_are_none_are_said(text: str, tmp_path: Path, benchmark: str) -> None:
    completions = lines(tmp_path / "completions.jsonl", [{"task_id": "T/0", "completion": "    return x\n"}])
    grade(completions, benchmark, tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl.settings.json").write_text(text)
    with pytest.raises(UserError, match=r"out\.jsonl\.settings\.json: (holds no settings|not valid JSON)"):
        grade(completions, benchmark, tmp_path / "out.jsonl")


def test_problems_with_too_few_programs_for_k_are_counted(
    tmp_path: Path, benchmark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"task_id": f"T/{i}", "completion": f"    return x + {i}\n"} for i in (0, 1, 2, 3, 0, 0, 0, 0)]
    grade(lines(tmp_path / "completions.jsonl", rows), benchmark, tmp_path / "out.jsonl")
    first, fifth = [line for line in capsys.readouterr().out.splitlines() if line.startswith("pass@")]
    assert first.endswith("]")
    assert fifth.endswith("], without 3 problems that have fewer than 5 judged programs")


def test_a_benchmark_with_an_id_twice_is_refused(tmp_path: Path) -> None:
    completions = lines(tmp_path / "completions.jsonl", [{"task_id": "T/0", "completion": "    return x\n"}])
    with pytest.raises(UserError, match="more than once, such as T/1"):
        grade(completions, str(lines(tmp_path / "twice.jsonl", [*ROWS, ROWS[1]])), tmp_path / "out.jsonl")


def test_a_benchmark_with_an_id_that_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    completions = lines(tmp_path / "completions.jsonl", [{"task_id": "T/\ud800", "completion": "    return x\n"}])
    odd = lines(tmp_path / "odd.jsonl", [*ROWS, {**ROWS[1], "task_id": "T/\ud800"}])
    with pytest.raises(UserError, match=r"odd\.jsonl: the id 'T/\\ud800' holds half of a character"):
        grade(completions, str(odd), tmp_path / "out.jsonl")
