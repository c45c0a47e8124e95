"""What is read as a prompt: files of every kind and name, cells that are text; the rest is one line, or counted."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from run.small import command, run
from selfdistill.errors import UserError
from selfdistill.measure.contamination.sources import prompts_of_file
from selfdistill.problems.prepare import prepare_prompts
from selfdistill.problems.render import Renderer
from selfdistill.problems.sources import read_statements
from selfdistill.recipe.prompts import Columns, PromptSettings
from tiny_models import make_tokenizer

MARK = b"\xef\xbb\xbf"
ROWS = [
    {"question": "Add two numbers.", "key": "a"},
    {"question": 'Say "hé, 世界",\n  then stop.', "key": "b"},
    {"question": "", "key": "c"},
]


def lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def array(rows: list[dict]) -> bytes:
    return json.dumps(rows, indent=2, ensure_ascii=False).encode()


def separated(separator: str) -> Callable[[list[dict]], bytes]:
    def write(rows: list[dict]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    return write


def columnar(rows: list[dict]) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue()


FILES: dict[str, Callable[[list[dict]], bytes]] = {
    "lines.jsonl": lines,
    "marked.jsonl": lambda rows: MARK + lines(rows),
    "UPPER.JSONL": lines,
    "lines.ndjson": lines,
    "packed.jsonl.gz": lambda rows: gzip.compress(lines(rows)),
    "PACKED.JsonL.GZ": lambda rows: gzip.compress(MARK + lines(rows)),
    "unpacked-by-a-browser.jsonl.gz": lines,
    "array.json": array,
    "marked.json": lambda rows: MARK + array(rows),
    "really-lines.json": lines,
    "really-an-array.jsonl": array,
    "Array.JSON.gz": lambda rows: gzip.compress(array(rows)),
    "data.csv": separated(","),
    "excel.CSV": lambda rows: MARK + separated(",")(rows),
    "data.csv.gz": lambda rows: gzip.compress(separated(",")(rows)),
    "data.tsv": separated("\t"),
    "columns.parquet": columnar,
    "Columns.PARQUET": columnar,
    "columns.parquet.gz": lambda rows: gzip.compress(columnar(rows)),
    "version-1.2.csv": separated(","),
}


def settings(source: Path, **changes: object) -> PromptSettings:
    return PromptSettings(**{"source": str(source), "template": "plain", **changes})


def statements(source: Path, **changes: object) -> list[str]:
    return [row.statement for row in read_statements(settings(source, **changes))]


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_statements(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name](ROWS))
    rows = list(read_statements(settings(tmp_path / name, columns=Columns(id="key"))))
    assert [(row.prompt_id, row.statement) for row in rows] == [(row["key"], row["question"]) for row in ROWS]


def test_a_long_field_of_csv_is_read_whole(tmp_path):
    (tmp_path / "long.csv").write_bytes(separated(",")([{"question": "x" * 200_000}]))
    assert statements(tmp_path / "long.csv") == ["x" * 200_000]


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut.jsonl.gz": (gzip.compress(lines(ROWS * 500))[:-40], r"cut.jsonl.gz: is damaged or cut off"),
    "flipped.csv.gz": (b"\x1f\x8b" + bytes(40), r"flipped.csv.gz: is damaged or cut off"),
    "cut.json": (array(ROWS)[:-3], r"cut.json: not valid JSON"),
    "latin.csv": ("question\nné\n".encode("latin-1"), r"latin.csv:\d: not valid CSV: .*utf-8"),
    "latin.jsonl": ('{"question": "né"}\n'.encode("latin-1"), r"latin.jsonl:1: not valid JSON: .*utf-8"),
    "fewer.csv": (b"question,key\nAdd.,a\nSort.\n", r"fewer.csv:3: not as many fields as the 2 columns"),
    "more.csv": (b"question,key\nAdd, now.,a\n", r"more.csv:2: not as many fields as the 2 columns"),
    "quote.csv": (b'question\n"open\n', r"quote.csv:2: not valid CSV"),
    "semicolons.csv": (b"question;key\nAdd.;a\n", r"semicolons.csv:2: no column question; there are: question;key"),
    "empty.parquet": (b"", r"empty.parquet: not a Parquet file"),
    "deep.json": (b"[" * 100_000, r"deep.json: JSON that is nested too deeply"),
    "notes.txt": (
        b"Add two numbers.\n",
        r"notes.txt: is none of the kinds that are read: .jsonl, .ndjson, .json, .csv",
    ),
    "sheet.xlsx.gz": (b"PK", r"sheet.xlsx.gz: is none of the kinds that are read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_with_its_place(tmp_path, name):
    content, expected = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=expected) as caught:
        statements(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none.jsonl", "none.json", "none.csv", "None.JSONL", "none.jsonl.gz", "none.parquet"])
def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path, name):
    with pytest.raises(UserError, match=f"{name}: no such file"):
        statements(tmp_path / name)


NO_TEXT: dict[str, tuple[object, str]] = {
    "an object": ({"text": "Add.", "lang": "en"}, "an object with text, lang"),
    "a list of texts": (["Add.", "Sort."], "a list"),
    "a number": (42, "a number"),
    "true": (True, "true or false"),
    "an empty list": ([], "a list"),
    "messages in other words": ([{"from": "human", "value": "Add."}], "a list"),
    "messages in parts": ([{"role": "user", "content": [{"type": "text", "text": "Add."}]}], "a list"),
}


@pytest.mark.parametrize("name", NO_TEXT)
@pytest.mark.parametrize("role", ["statement", "starter_code", "text", "id"])
def test_what_is_no_text_is_refused_by_its_kind(tmp_path, name, role):
    value, kind = NO_TEXT[name]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines([{"question": "Fine.", "other": "fine"}, {"question": "Fine.", "other": value}]))
    columns = {"text": "question", role: "other"}
    rows = read_statements(settings(path, columns=Columns(**columns)), texts=True)
    if role == "id" and value == 42:
        assert [row.prompt_id for row in rows] == ["fine", "42"]
        return
    expected = rf"rows.jsonl:2: column other holds {kind}, not text \(name another in prompts.columns.{role}\)"
    with pytest.raises(UserError, match=expected):
        list(rows)


def test_bytes_in_parquet_are_no_text(tmp_path):
    (tmp_path / "b.parquet").write_bytes(columnar([{"question": b"Add."}]))
    with pytest.raises(UserError, match=r"b.parquet: row 1: column question holds bytes, not text"):
        statements(tmp_path / "b.parquet")


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


USER, ANSWER, SYSTEM = message("user", "Add."), message("assistant", "1 + 1"), message("system", "Be brief.")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_a_list_of_messages_is_its_one_question(tmp_path, name):
    conversations = [[USER], [USER, ANSWER], [USER, ANSWER, ANSWER]]
    (tmp_path / name).write_bytes(
        FILES["columns.parquet" if "parquet" in name else name.replace("rows", "lines")](
            [{"question": each} for each in conversations]
        )
    )
    assert statements(tmp_path / name) == ["Add."] * 3


def test_a_system_message_in_a_list_is_the_recipes_or_refused(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(lines([{"question": [SYSTEM, USER]}]))
    assert statements(tmp_path / "rows.jsonl", system="Be brief.") == ["Add."]
    for system in (None, "Be long."):
        with pytest.raises(
            UserError, match=r"rows.jsonl:1: .* a system message that is not the recipe's \(.*prompts.system"
        ):
            statements(tmp_path / "rows.jsonl", system=system)


@pytest.mark.parametrize(
    "messages",
    [[USER, ANSWER, USER], [ANSWER], [USER, USER], [ANSWER, USER], [USER, message("tool", "{}"), ANSWER]],
)
def test_messages_that_are_more_than_a_question_are_refused_with_their_roles(tmp_path, messages):
    (tmp_path / "rows.jsonl").write_bytes(lines([{"question": messages}]))
    roles = ", ".join(each["role"] for each in messages)
    with pytest.raises(UserError, match=f"rows.jsonl:1: column question holds messages of {roles}, not one user"):
        statements(tmp_path / "rows.jsonl")


@pytest.mark.parametrize("column", ["question", "header", "key"])
def test_what_cannot_be_written_as_utf_8_is_dropped_and_counted(tmp_path, column):
    path = tmp_path / "rows.jsonl"
    good = {"question": "Sort.", "header": "def f(x):", "key": "good"}
    bad = [{**good, "question": f"Add {n}.", "key": str(n)} for n in range(2)]
    for row, half in zip(bad, ["\ud800", "\udc80\ud83d"], strict=True):
        row[column] += half
    path.write_bytes(lines([bad[0], good, bad[1], {**good, "question": "A whole one: \U0001f600", "key": "pair"}]))
    wanted = settings(path, columns=Columns(id="key", starter_code="header"))
    prompts, counts = prepare_prompts(Renderer(make_tokenizer(chat=False), wanted), seed=0, context=999)
    assert [prompt.prompt_id for prompt in prompts] == ["good", "pair"]
    assert counts.dropped == {"broken characters": 2}
    assert (counts.loaded, counts.kept) == (4, 2)
    assert [name for name, _ in prompts_of_file(wanted)] == ["good", "pair"]


def test_texts_that_cannot_be_written_are_dropped_too(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines([{"question": "a", "text": "\udfff"}, {"question": "b", "text": "fine"}]))
    renderer = Renderer(make_tokenizer(chat=False), settings(path))
    prompts, counts = prepare_prompts(renderer, seed=0, context=999, texts=True)
    assert [prompt.statement for prompt in prompts] == ["b"]
    assert counts.dropped == {"broken characters": 1}


@pytest.mark.slow
def test_a_run_on_a_column_of_objects_ends_with_one_line_and_leaves_nothing(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines([{"question": {"text": "Add."}}]))
    options = ["--set", f"prompts.source={path}", "--set", "prompts.limit=null"]
    done = run(command("run", "demo", "--out", str(tmp_path / "out"), *options))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "rows.jsonl:1: column question holds an object with text, not text" in line
    assert not (tmp_path / "out").exists()
