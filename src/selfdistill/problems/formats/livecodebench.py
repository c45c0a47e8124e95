"""LiveCodeBench rows (`code_generation_lite`, test*.jsonl): statement, starter code, public and private tests.

Private tests are JSON, or base64 of zlib of a pickle of a JSON string. That pickle is never loaded: its opcodes are
read, and only those that build one string are accepted.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from typing import Any

from selfdistill.problems.formats.hub import Hub
from selfdistill.records import CallCase, CallTests, Problem, StdinCase, StdinTests

_FILES = "hf://datasets/livecodebench/code_generation_lite/"


def _lines(*numbers: int) -> dict[str, Any]:
    return {"split": "train", "data_files": [f"{_FILES}test{number}.jsonl" for number in numbers]}


HUB = {
    "livecodebench-v5": Hub("json", _lines(3, 4, 5, 6), window=("2024-08-01", "2025-02-01")),
    "livecodebench-v6": Hub("json", _lines(5, 6), window=("2025-02-01", "2025-06-01")),
}
"""The windows are those of the method paper's Table 1."""

_STRING_OPCODES = frozenset({"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "STOP"})
_STRINGS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"})
_LARGEST = 1 << 30


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    return "question_content" in row


def problem(row: dict[str, Any]) -> Problem:
    """One problem. Raises KeyError for a missing field, ValueError for malformed tests."""
    tests = json.loads(row["public_test_cases"]) + private_tests(row["private_test_cases"])
    metadata = json.loads(row.get("metadata") or "{}")
    return Problem(
        task_id=f"LiveCodeBench/{row['question_id']}",
        statement=row["question_content"],
        tests=_tests(tests, metadata.get("func_name")),
        starter_code=row.get("starter_code") or "",
        difficulty=row.get("difficulty"),
        date=str(row["contest_date"])[:10],
        metadata={"platform": row.get("platform"), "title": row.get("question_title")},
    )


def private_tests(text: str) -> list[dict[str, Any]]:
    """The private tests of a row. Raises ValueError if they are in no known form."""
    try:
        tests = json.loads(text)
    except json.JSONDecodeError:
        tests = json.loads(_pickled_string(_unpack(text)))
    if not isinstance(tests, list):
        raise ValueError("private tests are not a list")
    return tests


def _unpack(text: str) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text), _LARGEST)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"private tests cannot be unpacked: {error}") from error
    if not unpacker.eof:
        raise ValueError("private tests are cut off or larger than 1 GiB")
    return data


def _pickled_string(data: bytes) -> str:
    """The one string that a pickle holds, read without running the pickle."""
    strings = []
    for opcode, argument, _position in pickletools.genops(data):
        if opcode.name in _STRINGS:
            strings.append(str(argument))
        elif opcode.name not in _STRING_OPCODES:
            raise ValueError(f"private tests hold a pickle of more than a string ({opcode.name})")
    if len(strings) != 1:
        raise ValueError("private tests hold a pickle of no string")
    return strings[0]


def _tests(tests: list[dict[str, Any]], function: str | None) -> StdinTests | CallTests:
    if function is None:
        return StdinTests(tuple(StdinCase(test["input"], test["output"]) for test in tests))
    cases = (
        CallCase(tuple(json.loads(line) for line in test["input"].split("\n")), json.loads(test["output"]))
        for test in tests
    )
    return CallTests(function, tuple(cases))
