"""Each published format, on rows made here; real files are in test_gold."""

from __future__ import annotations

import base64
import gzip
import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from selfdistill.errors import UserError
from selfdistill.grading import Submission, grade
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.formats.livecodebench import private_tests
from selfdistill.records import AssertTests, CallTests, StdinTests

TESTS = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


def packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def lcb_row(**changes: Any) -> dict[str, Any]:
    row = {
        "question_title": "Sum", "question_content": "Add them.", "platform": "atcoder", "question_id": "abc1_a",
        "contest_id": "abc1", "contest_date": "2025-02-08T00:00:00", "starter_code": "", "difficulty": "easy",
        "public_test_cases": json.dumps(TESTS), "private_test_cases": packed(json.dumps(TESTS * 2)), "metadata": "{}",
    }  # fmt: skip
    return {**row, **changes}


def test_livecodebench_stdin(tmp_path: Path) -> None:
    (problem,) = load_benchmark(write(tmp_path / "test6.jsonl", [lcb_row()]))
    assert problem.task_id == "LiveCodeBench/abc1_a"
    assert (problem.difficulty, problem.date) == ("easy", "2025-02-08")
    assert isinstance(problem.tests, StdinTests)
    assert [case.output for case in problem.tests.cases] == ["3\n"] * 3


@pytest.mark.usefixtures("sandbox_works")
def test_livecodebench_functional(tmp_path: Path) -> None:
    tests = [{"input": '[1, 2]\n"x"', "output": "[3, 4]", "testtype": "functional"}]
    row = lcb_row(
        public_test_cases=json.dumps(tests), private_test_cases=json.dumps(tests),
        starter_code="class Solution:\n    def go(self, a: List[int], s: str) -> List[int]:\n        ",
        metadata=json.dumps({"func_name": "go"}),
    )  # fmt: skip
    (problem,) = load_benchmark(write(tmp_path / "test6.jsonl", [row]))
    assert isinstance(problem.tests, CallTests)
    assert problem.tests.cases[0].args == ([1, 2], "x")
    program = problem.starter_code + "return [n + 2 for n in a]"
    for rules in ("judge", "livecodebench"):
        assert next(grade([Submission("x", program, problem.tests)], rules=rules)).passed  # type: ignore[arg-type]


def test_livecodebench_window_and_difficulty(tmp_path: Path) -> None:
    rows = [
        lcb_row(question_id=date, contest_date=date)
        for date in ("2025-01-31", "2025-02-01", "2025-04-30", "2025-05-01")
    ]
    path = write(tmp_path / "test6.jsonl", [*rows, lcb_row(question_id="hard", difficulty="hard")])
    problems = load_benchmark(path, since="2025-02-01", until="2025-05-01", difficulty="easy")
    assert [problem.date for problem in problems] == ["2025-02-01", "2025-04-30"]
    with pytest.raises(UserError, match="no problems are left"):
        load_benchmark(path, since="2026-01-01")


class Evil:
    def __reduce__(self) -> Any:
        return (os.system, ("touch /tmp/selfdistill-unpickled",))


@pytest.mark.parametrize(
    "text",
    [packed(Evil()), packed([json.dumps(TESTS)]), packed(3), packed("no json"), packed('{"a": 1}'), "not base64!",
     base64.b64encode(b"no zlib").decode(), packed(json.dumps(TESTS))[:40]],
)  # fmt: skip
def test_private_tests_run_no_pickle(text: str) -> None:
    with pytest.raises(ValueError):
        private_tests(text)
    assert not Path("/tmp/selfdistill-unpickled").exists()


@pytest.mark.parametrize("protocol", range(1, pickle.HIGHEST_PROTOCOL + 1))
def test_private_tests_of_every_protocol(protocol: int) -> None:
    data = pickle.dumps(json.dumps(TESTS), protocol)
    assert private_tests(base64.b64encode(zlib.compress(data)).decode()) == TESTS


@pytest.mark.usefixtures("sandbox_works")
def test_evalplus_releases(tmp_path: Path) -> None:
    """Inputs only: the reference gives the outputs."""
    human_eval = {
        "task_id": "HumanEval/0", "prompt": "import math\ndef f(x):\n    '''Root.'''\n", "entry_point": "f",
        "canonical_solution": "    return (math.sqrt(x), [x])\n", "base_input": [[4]], "plus_input": [[2]], "atol": 0,
        "contract": "",
    }  # fmt: skip
    mbpp = {
        "task_id": "Mbpp/3", "prompt": '"""\nDouble.\nassert g(1) == 2\n"""\n', "entry_point": "g",
        "canonical_solution": "def g(x): return 2 * x\n", "base_input": [[1]], "plus_input": [["a"]], "atol": 0,
    }  # fmt: skip
    first, second = load_benchmark(write(tmp_path / "plus.jsonl.gz", [human_eval, mbpp]))
    assert isinstance(first.tests, CallTests)
    assert [case.expected for case in first.tests.cases] == [(2.0, [4]), (2**0.5, [2])]
    assert first.program_prefix
    assert not second.program_prefix
    submissions = [Submission(p.task_id, p.reference, p.tests) for p in (first, second)]
    assert all(verdict.passed for verdict in grade(submissions))
    wrong = Submission("wrong", "def g(x): return x * 2 if x == 1 else x", second.tests)
    assert not next(grade([wrong])).passed
    with pytest.raises(UserError, match="reference solution fails"):
        load_benchmark(write(tmp_path / "bad.jsonl", [{**mbpp, "canonical_solution": "def g(x): 1 / 0"}]))


def test_mbpp_full_and_plus(tmp_path: Path) -> None:
    full = {"task_id": 1, "text": "Write f.", "code": "def f(x): return x", "test_list": ["assert f(1) == 1"],
            "test_setup_code": "import math", "challenge_test_list": ["assert f(2) == 2"]}  # fmt: skip
    plus = {"task_id": 2, "prompt": "Write g.", "code": "def g(): ...", "test_list": ["assert g() is None"],
            "test_imports": [], "test": "import math\nfor i in range(3): assert g() is None"}  # fmt: skip
    first, second = load_benchmark(write(tmp_path / "mbpp.jsonl", [full, plus]))
    assert isinstance(first.tests, AssertTests)
    assert first.tests.script == "assert f(1) == 1\nassert f(2) == 2"
    assert "import math" in first.tests.setup
    assert "assert f(1) == 1" in first.statement
    assert "f(2)" not in first.statement
    assert isinstance(second.tests, AssertTests)
    assert second.tests.script.startswith("import math")


def test_own_records(tmp_path: Path) -> None:
    row = {"task_id": "t", "statement": "s", "tests": {"kind": "stdin", "cases": [{"input": "1", "output": "1"}]}}
    (problem,) = load_benchmark(write(tmp_path / "own.jsonl", [row]))
    assert isinstance(problem.tests, StdinTests)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ('{"a": 1}\n', "unknown format"),
        ('{"task_id": 1, "test_list": []}\n', "lacks"),
        ("", "no problems"),
    ],
)
def test_bad_files_are_named(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        load_benchmark(str(path))


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="livecodebench-v6"):
        load_benchmark("humanevil")
