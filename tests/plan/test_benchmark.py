"""benchmarks/real.py on the embedded model: every side measures what it says, and one that cannot costs one line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from run.small import environment
from selfdistill.plan.gpus import GPUS
from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
from sides.table import table

TINY = "--rows 4 --new 6 --natural 6 --repeats 1 --steps 2 --micro 2 --accumulation 1 --mean 12 --dtypes float32"
SIDES = "in process,model.generate,llama,SFTTrainer padded,full soft"


def benchmark(out, *arguments: str) -> tuple[list[dict], str]:
    command = [sys.executable, "benchmarks/real.py", "embedded", "--out", str(out), *TINY.split(), *arguments]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()], done.stdout


@pytest.mark.slow
def test_sides_are_measured_on_the_same_work(tmp_path):
    arguments = ("--parts", "sampling,training", "--sides", SIDES, "--lengths", "fixed", "--device", "cpu")
    results, printed = benchmark(tmp_path, *arguments)
    measured = {(line["name"], line["label"]): line for line in results if "skipped" not in line}
    ours = [("selfdistill in process", label) for label in ("hard", "soft targets")]
    for side in (*ours, ("model.generate", "plain")):
        assert measured[side]["tokens"] == 4 * 6, "no completion ends before the limit"
    trained = [line for line in results if line["part"] == "training"]
    assert {(line["name"], line["variant"]) for line in trained} == {
        ("SFTTrainer", "padded"),
        ("selfdistill full soft", "padded"),
        ("selfdistill full soft", "packed"),
        ("selfdistill full soft", "default"),
    }
    assert all(line["rate"] > 0 and line["peak_bytes"] > 0 for line in trained)
    assert [line["name"] for line in results if "skipped" in line] == ["llama.cpp"]
    assert "give --gguf FILE" in printed


@pytest.mark.slow
def test_what_there_is_no_time_for_is_said(tmp_path):
    results, printed = benchmark(tmp_path, "--parts", "sampling", "--minutes", "0", "--lengths", "natural")
    assert {line["skipped"] for line in results} == {"not measured: the time is up"}
    assert "model.generate" in printed


def test_the_table_has_ratios_of_one_kind_and_the_share_of_the_peak():
    common = {"part": "training", "dtype": "bfloat16", "variant": "packed", "label": "", "peak_bytes": 2e9}
    results = [
        {**common, "name": "SFTTrainer", "rate": 100.0, "flops": 0.1 * GPUS["h100"].flops},
        {**common, "name": "selfdistill full soft", "rate": 250.0, "flops": 0.25 * GPUS["h100"].flops},
        {**common, "name": "selfdistill full soft", "variant": "padded", "rate": 50.0, "flops": 1.0},
        {**common, "name": "SFTTrainer lora", "skipped": "failed (1): no memory"},
    ]
    lines = table(results, GPUS["h100"].flops).splitlines()
    faster = next(line for line in lines if " 250 tokens/s" in line)
    assert "2.50" in faster
    assert "MFU  25%" in faster
    assert "1.00" in next(line for line in lines if " 50 tokens/s" in line), "other rows are another kind"
    assert any("failed (1): no memory" in line for line in lines)
