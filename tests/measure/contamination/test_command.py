"""`selfdistill contamination` on files as a user has them: planted copies are found, mistakes are one line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selfdistill import embedded
from selfdistill.cli.app import app
from selfdistill.errors import UserError

PROBLEMS = embedded.problems("test")


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["contamination", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def write(path, statements):
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in statements))
    return path


def test_planted_copies_are_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copies = [PROBLEMS[3].statement, "  " + PROBLEMS[8].statement, "A prompt about the weather.", ""]
    output = invoke(write(tmp_path / "prompts.jsonl", copies), "embedded")
    found = json.loads((tmp_path / "contamination.json").read_text())
    [part] = found["parts"]
    listed = {(m["text_id"], m["task_id"], m["kind"]) for m in part["matches"] if m["kind"] in ("exact", "normalised")}
    assert listed == {("row 1", PROBLEMS[3].task_id, "exact"), ("row 2", PROBLEMS[8].task_id, "normalised")}
    assert (part["compared"], part["problems"], found["benchmark"]) == (4, len(PROBLEMS), "embedded")
    assert PROBLEMS[3].task_id in output
    assert "prompts with statements" in output


def test_options_set_what_counts(tmp_path):
    prompts = write(tmp_path / "prompts.jsonl", [PROBLEMS[3].statement + " Explain it."])
    out = tmp_path / "found.json"
    invoke(prompts, "embedded", "--similarity", 1.0, "--words", 40, "--out", out)
    assert json.loads(out.read_text())["parts"][0]["matches"] == []
    invoke(prompts, "embedded", "--similarity", 0.2, "--out", out)
    assert json.loads(out.read_text())["parts"][0]["counts"]["near"]["texts"] == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.jsonl", "embedded"], "none.jsonl: no such file"),
        (["prompts.jsonl"], "name a benchmark too"),
        (["prompts.jsonl", "humanevil"], "no such benchmark or file"),
        (["prompts.jsonl", "embedded", "--similarity", "2"], "--similarity"),
        (["prompts.jsonl", "embedded", "--column", "text"], "no column text"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "prompts.jsonl", ["x"])
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(app, ["contamination", *arguments], catch_exceptions=False)
    assert expected in str(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "prompts.jsonl"]
