"""What a URL holds is read as the same file here is: prompts, benchmarks, completions; every failure is one line."""

from __future__ import annotations

import gzip
import json

import fsspec
import pytest
from typer.testing import CliRunner

from selfdistill.errors import UserError
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.sources import read_statements
from selfdistill.recipe.prompts import PromptSettings
from selfdistill.urls import is_url, reading, suffixes

ROWS = [{"question": "Add one to a number."}, {"question": "Twice a string, naïvely."}]
PROBLEM = {
    "task_id": "Made/0",
    "prompt": "def double(x):\n    '''Twice x.'''\n",
    "entry_point": "double",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture(params=["memory", "file"])
def place(request, tmp_path) -> str:
    """A folder's URL on a store."""
    return f"memory://{tmp_path.name}" if request.param == "memory" else f"file://{tmp_path}"


def put(url: str, data: bytes) -> str:
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


def statements(source: str) -> list[str]:
    return [row.statement for row in read_statements(PromptSettings(source=source))]


def test_prompts(place, tmp_path):
    import pyarrow
    from pyarrow import parquet

    expected = [row["question"] for row in ROWS]
    assert statements(put(f"{place}/prompts.jsonl", lines(*ROWS))) == expected
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "local.parquet")
    url = put(f"{place}/prompts.parquet", (tmp_path / "local.parquet").read_bytes())
    assert statements(url) == expected


def test_benchmarks(place, tmp_path):
    (tmp_path / "local.jsonl").write_bytes(lines(PROBLEM))
    expected = load_benchmark(str(tmp_path / "local.jsonl"))
    assert load_benchmark(put(f"{place}/made.jsonl", lines(PROBLEM))) == expected
    assert load_benchmark(put(f"{place}/made.jsonl.gz", gzip.compress(lines(PROBLEM)))) == expected
    assert load_benchmark(put(f"{place}/made.json", json.dumps([PROBLEM]).encode())) == expected


def test_completions_are_graded(place, tmp_path):
    from selfdistill.cli.app import app

    benchmark = put(f"{place}/made.jsonl", lines(PROBLEM))
    rows = [{"task_id": "Made/0", "completion": body} for body in ("    return 2 * x\n", "    return x\n")]
    completions = put(f"{place}/completions.jsonl", lines(*rows))
    arguments = ["grade", completions, "--benchmark", benchmark, "--out", str(tmp_path / "verdicts.jsonl")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "passed: 1" in done.output
    assert "pass@1: 50.0 %" in done.output


def test_a_broken_line_names_its_url_and_number(place):
    url = put(f"{place}/prompts.jsonl", lines(ROWS[0]) + b'{"question": \n')
    with pytest.raises(UserError, match=r"prompts.jsonl:2: not valid JSON"):
        statements(url)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("memory://nowhere/none.jsonl", "no such file"),
        ("nonsense://bucket/none.jsonl", "Protocol not known: nonsense"),
        ("memory://nowhere/folder", "is none of the kinds that are read"),
    ],
)
def test_mistakes_are_one_line(url, fault):
    with pytest.raises(UserError, match=fault) as caught:
        statements(url)
    assert url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_whose_package_is_missing_says_what_to_install(monkeypatch):
    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    with pytest.raises(UserError, match=r"Install s3fs to access S3 \(install the store's package"):
        statements("s3://bucket/prompts.jsonl")


def test_paths_are_paths(tmp_path):
    assert not is_url(tmp_path / "a.jsonl")
    assert suffixes("s3://bucket/a.b/c.jsonl.gz") == [".jsonl", ".gz"]
    with pytest.raises(UserError, match="no such file"), reading(tmp_path / "none"):
        pass
