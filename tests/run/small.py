"""A recipe small enough to run whole in seconds, and how to start it as a user does."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from selfdistill import cli
from selfdistill.files import read_json, read_records
from selfdistill.records import Sample, Verdict

SMALL = (
    "prompts.limit=96",
    "training.batch_size=8",
    "training.micro_batch_size=8",
    "training.warmup_steps=2",
    "training.checkpoint_every=3",
    "engine.batch_size=16",
    "engine.shard_size=16",
    "sampling.max_new_tokens=48",
    "evaluation.max_new_tokens=48",
    "evaluation.limit=16",
    "evaluation.samples_per_problem=2",
    "evaluation.pass_at=[1,2]",
    "evaluation.grid.temperatures=[0.0,1.0]",
    "checks.regressions.limit=6",
)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "selfdistill", *arguments]


def run_command(out: Path, *overrides: str, recipe: str = "demo") -> list[str]:
    sets = [part for override in (*SMALL, *overrides) for part in ("--set", override)]
    return command("run", recipe, "--out", str(out), *sets)


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(arguments: list[str], **changes: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=600, env=environment(), check=False, **changes
    )


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in this process, which has its libraries loaded: what it prints, and how it ends."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with patch("sys.argv", ["selfdistill", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            cli._run()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return subprocess.CompletedProcess(list(arguments), status, out.getvalue(), err.getvalue())


def results(root: Path) -> dict[str, Any]:
    """What must not depend on interruptions, machines or stores: samples, verdicts, the summary without timings."""
    summary = read_json(root / "summary.json")
    verdicts = {
        path.name: sorted((v.key, v.outcome, v.detail, v.tests) for v in read_records(path, Verdict))
        for path in sorted((root / "evaluation").glob("*.verdicts.jsonl"))
    }
    samples = {
        str(path.relative_to(root)): list(read_records(path, Sample))
        for path in sorted([root / "samples.jsonl", *(root / "evaluation").glob("*.samples.jsonl")])
    }
    losses = [{**step, "seconds": 0} for step in summary["training"]["log"]] if summary.get("training") else []
    timeless = {key: value for key, value in summary.items() if key not in ("cost", "provenance", "recipe", "training")}
    return {"samples": samples, "verdicts": verdicts, "summary": timeless, "losses": losses}
