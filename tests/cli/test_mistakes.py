"""Every mistake of a user is one clear line and exit code 2, and leaves nothing half-written behind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from run.small import command, environment, run, run_command
from selfdistill.grading.bubblewrap import bubblewrap_path
from tiny_models import make_model


def jsonl(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def row(text: str) -> str:
    return json.dumps({"question": text})


def own_prompts(path: Path) -> list[str]:
    return [f"prompts.source={path}", "prompts.limit=null"]


def missing_file(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", *own_prompts(tmp / "none.jsonl")), "none.jsonl: no such file"


def broken_line(tmp: Path) -> tuple[list[str], str]:
    path = jsonl(tmp / "bad.jsonl", row("fine"), row("fine too"), '{"question": "unfinished')
    return run_command(tmp / "out", *own_prompts(path)), "bad.jsonl:3: not valid JSON"


def wrong_column(tmp: Path) -> tuple[list[str], str]:
    path = jsonl(tmp / "bad.jsonl", json.dumps({"text": "x"}))
    return run_command(tmp / "out", *own_prompts(path)), "bad.jsonl:1: no column question; there are: text"


def empty_data_set(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", *own_prompts(jsonl(tmp / "empty.jsonl"))), "empty.jsonl: the data set is empty"


def prompt_too_long(tmp: Path) -> tuple[list[str], str]:
    path = jsonl(tmp / "long.jsonl", row("word " * 5000))
    return run_command(tmp / "out", *own_prompts(path)), "long.jsonl: no prompt is left of 1: 1 too long"


def problem_too_long(tmp: Path) -> tuple[list[str], str]:
    model = make_model(tmp / "model", context=8)
    return run_command(tmp / "out", f"model.path={model}"), "tokens; the model's context is 8"


def unknown_key(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "sampling.temperature=1"), "unknown key sampling.temperature"


def bad_temperature(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "sampling.decoding.temperature=-1"), "sampling.decoding.temperature is -1, must be"


def nan_temperature(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "evaluation.base.temperature=.nan"), "evaluation.base.temperature is nan, must be"


def zero_top_p(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "sampling.decoding.top_p=0"), "sampling.decoding.top_p is 0, must be"


def large_top_p(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "sampling.decoding.top_p=1.5"), "sampling.decoding.top_p is 1.5, must be"


def negative_top_k(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "sampling.decoding.top_k=-3"), "sampling.decoding.top_k is -3, must be"


def no_tokenizer(tmp: Path) -> tuple[list[str], str]:
    model = make_model(tmp / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (model / name).unlink()
    return run_command(tmp / "out", f"model.path={model}"), "has no tokenizer: none of tokenizer.json"


def no_model(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "model.path=./nowhere"), "./nowhere: no such model directory"


def not_a_model(tmp: Path) -> tuple[list[str], str]:
    (tmp / "folder").mkdir()
    return run_command(tmp / "out", f"model.path={tmp / 'folder'}"), "not a model directory: it has no config.json"


def no_such_benchmark(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "evaluation.benchmark=humanevil"), "humanevil"


def unknown_recipe(tmp: Path) -> tuple[list[str], str]:
    return run_command(
        tmp / "out", recipe="demmo"
    ), "demmo: no such recipe file or built-in recipe (did you mean demo?)"


def broken_recipe(tmp: Path) -> tuple[list[str], str]:
    path = tmp / "mine.yaml"
    path.write_text("name: x\nmodel: [\n")
    return run_command(tmp / "out", recipe=str(path)), "mine.yaml:3: broken YAML"


def not_a_run(tmp: Path) -> tuple[list[str], str]:
    (tmp / "other").mkdir()
    return command("train", str(tmp / "other")), "is not a run directory"


def foreign_directory(tmp: Path) -> tuple[list[str], str]:
    (tmp / "full").mkdir()
    (tmp / "full" / "thesis.tex").write_text("do not touch")
    return run_command(tmp / "full"), "is not empty and holds no run"


def unknown_device(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "model.device=abacus"), "device abacus cannot be used"


def split_of_a_file(tmp: Path) -> tuple[list[str], str]:
    path = jsonl(tmp / "mine.jsonl", row("fine"))
    return run_command(tmp / "out", *own_prompts(path), "prompts.split=test"), "it has no split test (leave the key out"


def subset_of_the_embedded(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "out", "prompts.subset=hard"), "embedded is read whole: it has no subset hard"


def revision_of_a_directory(tmp: Path) -> tuple[list[str], str]:
    model = make_model(tmp / "model")
    changes = (f"model.path={model}", "model.revision=v2")
    return run_command(tmp / "out", *changes), "is a directory or file here: it has no revision v2"


def long_name(tmp: Path) -> tuple[list[str], str]:
    return run_command(tmp / "new" / ("x" * 300)), "is too long for a name: over 255 bytes"


MISTAKES: list[Callable[[Path], tuple[list[str], str]]] = [
    missing_file,
    broken_line,
    wrong_column,
    empty_data_set,
    prompt_too_long,
    problem_too_long,
    unknown_key,
    bad_temperature,
    nan_temperature,
    zero_top_p,
    large_top_p,
    negative_top_k,
    no_tokenizer,
    no_model,
    not_a_model,
    no_such_benchmark,
    unknown_recipe,
    broken_recipe,
    not_a_run,
    foreign_directory,
    unknown_device,
    split_of_a_file,
    subset_of_the_embedded,
    revision_of_a_directory,
    long_name,
]


def assert_one_line(done: subprocess.CompletedProcess[str], expected: str) -> None:
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert expected in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_one_line_exit_code_2_and_nothing_left(tmp_path, mistake):
    arguments, expected = mistake(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert_one_line(run(arguments, cwd=tmp_path), expected)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_no_permission_to_write(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    arguments = run_command(locked / "out")
    if os.geteuid() == 0:  # modes do not stop root, a file system that is mounted read-only does
        arguments = [
            bubblewrap_path() or "bwrap",
            "--dev-bind",
            "/",
            "/",
            "--ro-bind",
            str(locked),
            str(locked),
            *arguments,
        ]
    done = run(arguments)
    assert_one_line(done, "cannot write")
    assert list(locked.iterdir()) == []


@pytest.mark.slow
def test_a_run_of_another_recipe_is_refused_and_its_keys_named(tmp_path):
    out = tmp_path / "out"
    sample = command("sample", str(out), "--recipe", "demo", "--set", "prompts.limit=8")
    assert run(sample).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != ".lock"}
    changed = [*sample[:-1], "prompts.limit=9", "--set", "seed=3"]
    assert_one_line(run(changed), "changed: prompts.limit, seed")
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != ".lock"} == before


@pytest.mark.slow
def test_two_processes_cannot_work_on_one_run(tmp_path):
    out = tmp_path / "out"
    assert run(command("sample", str(out), "--recipe", "demo", "--set", "prompts.limit=8")).returncode == 0
    holder = subprocess.Popen(
        ["flock", str(out / ".lock"), "sleep", "60"], env=environment(), stdout=subprocess.DEVNULL
    )
    try:
        while run(["flock", "--nonblock", str(out / ".lock"), "true"]).returncode == 0:
            pass
        assert_one_line(run(command("sample", str(out))), "another process is working on this run")
    finally:
        holder.kill()
        holder.wait()
