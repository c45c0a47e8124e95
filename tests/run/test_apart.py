"""Stages in processes of their own, as on a GPU: the same results, the same ends, and nothing that outlives its run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from run.small import environment, results, run, run_command
from selfdistill.directory import RunDirectory
from selfdistill.errors import StageError, UserError
from selfdistill.files import append_records, read_json
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt
from selfdistill.run import apart
from selfdistill.run import pipeline as loop
from selfdistill.run.apart import VARIABLE, run_apart, wanted
from selfdistill.run.own_recipe import open_manifest
from tiny_models import make_model

APART = {**environment(), VARIABLE: "always"}
FEW = ("prompts.limit=32", "evaluation.limit=4", "evaluation.grid.temperatures=[0.0]", "checks.regressions.limit=3")


def test_a_gpu_decides_unless_the_environment_does(monkeypatch):
    import torch

    monkeypatch.delenv(VARIABLE, raising=False)
    assert not wanted("auto")
    monkeypatch.setattr("selfdistill.run.apart.resolve_device", lambda device: torch.device("cuda"))
    assert wanted("auto")
    monkeypatch.setenv(VARIABLE, "never")
    assert not wanted("auto")
    monkeypatch.setenv(VARIABLE, "sometimes")
    with pytest.raises(UserError, match="STAGE_PROCESSES is 'sometimes'"):
        wanted("auto")


def test_a_mistake_is_the_same_one_line(tmp_path, monkeypatch):
    """Found where a stage loads its model, not before."""
    model = make_model(tmp_path / "model")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    recipe, directory = load_recipe("demo", [f"model.path={model}", "model.device=cpu"]), RunDirectory(tmp_path / "run")
    open_manifest(directory, recipe)
    append_records(directory.prompts, [Prompt("p", "x", (1,))])
    said = []
    for processes in ("never", "always"):
        monkeypatch.setenv(VARIABLE, processes)
        with pytest.raises(UserError, match="damaged or incomplete") as caught:
            loop.run_stage("sample", recipe, directory)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert not getattr(caught.value, "__notes__", [])  # no traceback of the child's


def test_another_fault_brings_its_traceback(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(StageError, match=r"^sample failed: KeyError: 'recipe'") as caught:
        run_apart("sample", load_recipe("demo"), RunDirectory(tmp_path))
    assert "in settled_kind" in caught.value.__notes__[0]


def test_a_stage_that_is_done_starts_no_process(tmp_path, monkeypatch):
    started = []
    monkeypatch.setenv(VARIABLE, "always")
    monkeypatch.setattr(apart, "run_apart", lambda stage, *_: started.append(stage))
    (tmp_path / "student").mkdir()
    (tmp_path / "manifest.json").write_text('{"stages": {"sample": {}}}')
    directory, plain = RunDirectory(tmp_path), load_recipe("demo", ["checks.regressions.tasks=[]"])
    for stage in loop.STAGES:
        loop.run_stage(stage, plain, directory)
    assert started == ["prompts", "sample", "sample+regressions", "evaluate", "evaluate+regressions", "explain"]
    directory.samples.write_text("")
    started.clear()
    loop.run_stage("sample+regressions", plain, directory)
    assert started == []
    loop.run_stage("sample+regressions", load_recipe("demo", ["checks.regressions.tasks=[embedded-text]"]), directory)
    assert started == ["sample+regressions"]


def child_of(process: subprocess.Popen[str]) -> int:
    """The process of the stage that it works on."""
    for _ in range(6000):
        for path in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            if b"selfdistill.run.child" in Path(f"/proc/{path}/cmdline").read_bytes():
                return int(path)
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    raise AssertionError("no stage was started")


def is_there(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def goes(pid: int) -> bool:
    """Whether a process is gone before long."""
    for _ in range(3000):
        if not is_there(pid):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_the_results_are_those_of_one_process_whoever_is_killed_on_the_way(tmp_path):
    undisturbed = tmp_path / "undisturbed"
    assert run(run_command(undisturbed, *FEW)).returncode == 0
    out = tmp_path / "out"
    ends = []
    for whom, number in (("child", signal.SIGKILL), ("parent", signal.SIGINT), ("parent", signal.SIGKILL)):
        process = subprocess.Popen(
            run_command(out, *FEW), env=APART, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        child = child_of(process)
        time.sleep(3.0)  # in the midst of its work, or of its imports
        child = child if is_there(child) else child_of(process)
        os.kill(child if whom == "child" else process.pid, number)
        errors = process.communicate(timeout=60)[1]
        ends.append((process.returncode, errors.splitlines()[-1] if errors else ""))
        assert goes(child), "a stage outlived its run"
    assert [code for code, _ in ends] == [137, 130, -9]
    assert "was ended by SIGKILL; out of memory" in ends[0][1]
    assert ends[1][1] == "stopped; the same command continues from here"
    last = subprocess.run(run_command(out, *FEW), env=APART, capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert results(out) == results(undisturbed)
    assert (out / "explain.html").is_file()
    assert read_json(out / "manifest.json")["engine"] == read_json(undisturbed / "manifest.json")["engine"]
