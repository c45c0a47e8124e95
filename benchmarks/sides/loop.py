"""The whole loop by `selfdistill run`, and what its stages would take at the rates that this run's sides measured."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from typing import Any

from sides.spec import Side, Spec, read_results, record


def measure(spec: Spec, side: Side) -> None:
    """Run a small recipe; a line a stage, and one for the whole."""
    run = spec.work / "loop"
    shutil.rmtree(run, ignore_errors=True)
    sets = [part for setting in _settings(spec, side) for part in ("--set", setting)]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "selfdistill", "run", "demo", "--out", str(run), *sets],
        stdout=subprocess.DEVNULL,
        stderr=(spec.work / "loop.log").open("w"),
        check=False,
    )
    whole = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"selfdistill run ended with {done.returncode}: see loop.log")
    manifest = json.loads((run / "manifest.json").read_text())
    rates = _rates(read_results(spec.folder), side.dtype)
    total = 0.0
    for name, facts in manifest["stages"].items():
        kind = "train" if name == "train" else "sample" if "tokens" in facts else ""
        rate = rates.get((kind, facts.get("engine", "")))
        alone = facts["tokens"] / rate if rate else facts["seconds"]
        total += alone
        known = {"tokens": facts.get("tokens"), "seconds": [facts["seconds"]]}
        measured = facts["tokens"] / facts["seconds"] if "tokens" in facts and facts["seconds"] else None
        by = f"alone {alone:.1f} s" if rate else "taken as it is"
        record(spec, side, label=f"{name}: {facts['seconds']:.1f} s, {by}", rate=measured, **known)
    label = f"all: {whole:.1f} s, the parts {total:.1f} s, ratio {whole / total:.2f}"
    facts = {"seconds": [round(whole, 3)], "ratio": whole / total, "plan": manifest.get("plan")}
    record(spec, side, label=label, rate=None, **facts)


def _settings(spec: Spec, side: Side) -> list[str]:
    first, *others = spec.benchmarks or ("embedded",)
    limit = "null" if spec.loop_problems is None else spec.loop_problems
    return [
        f"model.path={spec.model}",
        f"model.device={spec.device}",
        f"model.dtype={side.dtype}",
        f"engine.batch_size={spec.batch}",
        "prompts.chat=auto",
        "prompts.template=auto",
        *spec.overrides,
        f"prompts.limit={spec.loop_prompts}",
        f"sampling.max_new_tokens={spec.natural_new}",
        f"evaluation.max_new_tokens={spec.natural_new}",
        f"evaluation.benchmark={first}",
        f"evaluation.limit={limit}",
        f"evaluation.samples_per_problem={spec.loop_samples}",
        f"evaluation.pass_at=[1,{spec.loop_samples}]" if spec.loop_samples > 1 else "evaluation.pass_at=[1]",
        f"checks.regressions.tasks=[{', '.join(others)}]",
        f"checks.regressions.samples_per_problem={spec.loop_samples}",
        f"checks.regressions.limit={limit}",
        f"training.micro_batch_size={spec.micro_batch}",
        f"training.batch_size={spec.micro_batch * spec.accumulation}",
        f"training.precision={'fp32' if side.dtype == 'float32' else 'bf16'}",
        f"training.gradient_checkpointing={str(spec.checkpointing).lower()}",
        "training.max_length=4096",
        "training.learning_rate=1e-5",
    ]


def _rates(results: list[dict[str, Any]], dtype: str) -> dict[tuple[str, str], float]:
    """Tokens/s by kind of stage and engine, from the sides that ran before."""
    found: dict[tuple[str, str], float] = {}
    engines = {"selfdistill vllm": "vllm", "selfdistill in process": "transformers"}
    for line in results:
        if line["dtype"] != dtype or not line.get("rate"):
            continue
        if line["part"] == "sampling" and line["name"] in engines and line["variant"] == "natural":
            key = ("sample", engines[line["name"]])
            if line["label"] == "hard" or key not in found:
                found[key] = line["rate"]
        if line["part"] == "training" and line["name"] == "selfdistill full soft":
            found[("train", "")] = line["rate"]
    return found
