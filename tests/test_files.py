"""Files that survive a crash at any byte."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfdistill.errors import UserError
from selfdistill.files import append_records, read_json, read_records, write_json, write_text
from selfdistill.records import CallCase, CallTests, Outcome, Problem, Sample, Verdict

texts = st.text(max_size=40)
samples = st.builds(
    Sample,
    prompt_id=texts,
    sample_index=st.integers(0, 9),
    token_ids=st.lists(st.integers(0, 2**31), max_size=5).map(tuple),
    finish_reason=st.sampled_from(["stop", "length"]),
    logprobs=st.lists(st.floats(-50, 0), max_size=5).map(tuple),
    text=texts,
)


@given(st.lists(samples, min_size=1, max_size=5), st.lists(samples, min_size=1, max_size=3), st.data())
def test_a_torn_write_loses_only_the_torn_record_and_the_next_append_mends_the_file(before, after, data):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "samples.jsonl"
        append_records(path, before)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        survivors = whole[:cut].count(b"\n")
        assert list(read_records(path, Sample)) == before[:survivors]
        append_records(path, after)
        assert list(read_records(path, Sample)) == [*before[:survivors], *after]


def test_records_of_every_kind_survive_their_json(tmp_path):
    verdict = Verdict("a/0", Outcome.EXCEPTION, "ValueError", 0.25, (Outcome.PASSED, Outcome.EXCEPTION))
    problem = Problem("a", "say \ud7ff\u2028", CallTests("f", (CallCase((1, [2]), None),)), difficulty="hard")
    for record in (verdict, problem):
        path = tmp_path / type(record).__name__
        append_records(path, [record])
        (read,) = read_records(path, type(record))
        assert json.dumps(read, default=str) == json.dumps(record, default=str)


def test_a_line_that_is_no_record_is_named(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text('{"prompt_id": 3}\n')
    with pytest.raises(UserError, match=r"samples.jsonl:1: not a Sample record"):
        list(read_records(path, Sample))
    assert list(read_records(tmp_path / "none.jsonl", Sample)) == []


def test_json_has_no_nan_and_appears_whole(tmp_path):
    path = tmp_path / "deep" / "x.json"
    write_json(path, {"a": float("nan"), "b": [1.5, (2, float("nan"))]})
    assert read_json(path) == {"a": None, "b": [1.5, [2, None]]}
    write_text(path, "{")
    with pytest.raises(UserError, match="not valid JSON"):
        read_json(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["x.json"]


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (lambda: write_text(tmp_path / "file" / "x", ""), lambda: append_records(tmp_path, [{}])):
        with pytest.raises(UserError, match="cannot write"):
            write()
