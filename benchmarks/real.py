"""A real model on the machine at hand: sampling, training and the whole loop, each beside what others get from it.

    python benchmarks/real.py MODEL [--out DIR] [--parts sampling,training,invariant,loop] [--minutes N]
        [--set prompts.source=FILE] [--benchmark FILE ...] [--vllm-python PYTHON] [--gguf FILE]

MODEL is a model directory, or `embedded`. Each side is measured in a process of its own, so that its memory comes back
and a crash costs one line. Results are appended to DIR/results.jsonl as they come; the table at the end has ratios to
the first side of each kind. Without `--set prompts.source=...` the prompts are the embedded ones. On a GPU the numbers
are for a large batch, on a CPU for a small one; each has an option. What a side compares is in benchmarks/sides/.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sides.spec import Side, SkipSide, Spec, from_json, read_results, record, to_json
from sides.table import table

PARTS = ("sampling", "training", "invariant", "loop")
GENERATION = ("vllm", "selfdistill vllm", "selfdistill in process", "model.generate", "llama.cpp")
INVARIANT = ("selfdistill vllm", "selfdistill vllm, invariant", "selfdistill in process")
TRAINING = (
    "SFTTrainer",
    "Trainer, whole logits",
    "selfdistill full hard",
    "selfdistill full soft",
    "SFTTrainer lora",
    "selfdistill lora hard",
    "selfdistill lora soft",
)
NAMES = ("rows", "batch", "new", "natural", "steps", "micro", "mean", "loop")
SIZES = {"cuda": (1024, 1024, 256, 512, 8, 16, 430, 1257), "cpu": (16, 16, 48, 96, 4, 2, 100, 32)}
"""Defaults of the counts by device, in the order of their names."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, default=Path("runs/real"))
    parser.add_argument("--scratch", type=Path, help="logs and all that is large; by default in --out")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--sides", help="only sides whose name or variant holds one of these words, e.g. vllm,packed")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--side-seconds", type=float, default=300, help="a side that takes longer is stopped")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtypes", help="float32,bfloat16 on a CPU, bfloat16 on a GPU")
    parser.add_argument("--decoding", type=_decoding, default="0.7,20,0.8", help="temperature, top-k, top-p")
    parser.add_argument("--lengths", default="fixed,natural")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--benchmark", dest="benchmarks", action="append", default=[], metavar="NAME-OR-FILE")
    for name in NAMES:
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--accumulation", type=int, default=2)
    parser.add_argument("--problems", type=int, help="of each benchmark, in the loop")
    parser.add_argument("--samples", type=int, default=10, help="a problem, in the loop")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="on a CPU")
    parser.add_argument("--no-checkpointing", action="store_true")
    parser.add_argument("--vllm-python", default=_beside(".venv-vllm"))
    parser.add_argument("--gguf", help="the model as GGUF, for llama.cpp (llama-cpp-python, gguf)")
    return parser.parse_args()


def _decoding(text: str) -> tuple[float, float, float]:
    temperature, top_k, top_p = map(float, text.split(","))
    return temperature, top_k, top_p


def _beside(environment: str) -> str:
    """vLLM's own environment, where scripts/vllm-environment.sh made one."""
    found = Path(__file__).resolve().parents[1] / environment / "bin" / "python"
    return str(found) if found.is_file() else sys.executable


def sides_of(arguments: argparse.Namespace, dtypes: list[str]) -> Iterator[Side]:
    """All that was asked for, in the order in which they run: the loop last, because it asks what the others found."""
    lengths = arguments.lengths.split(",")
    kinds: dict[str, list[tuple[str, str]]] = {
        "sampling": [(name, length) for length in lengths for name in GENERATION],
        "training": [(name, rows) for rows in ("padded", "packed", "default") for name in TRAINING],
        "invariant": [(name, "") for name in INVARIANT],
        "loop": [("selfdistill run", "")],
    }
    for part in arguments.parts.split(","):
        for dtype in dtypes:
            for name, variant in kinds[part]:
                side = Side(part, name, dtype, variant)
                if variant == "default" and not name.startswith("selfdistill"):
                    continue
                if (name, variant) == ("Trainer, whole logits", "packed"):
                    continue  # it does not tell the sequences of a row apart
                if arguments.sides and not any(word in side.title for word in arguments.sides.split(",")):
                    continue
                yield side


def run_side(spec: Spec, side: Side, python: str, environment: dict[str, str], seconds: float) -> None:
    """One child; whatever goes wrong becomes a line of the results."""
    log = spec.work / "logs" / f"{side.title.replace(' ', '-').replace(',', '')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    before = len(read_results(spec.folder))
    with log.open("w") as file:
        child = subprocess.Popen(
            [python, __file__, "--child", to_json(spec, side)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            code = child.wait(timeout=max(1.0, seconds))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)  # vLLM's engine is a process of its own
            child.wait()
            record(spec, side, skipped=f"stopped: the time is up after {seconds:.0f} s")
            code = 0
    if code:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        record(spec, side, skipped=f"failed ({code}): {lines[-1][:200] if lines else 'nothing said'}; {log}")
    for line in read_results(spec.folder)[before:]:
        print(table([line], None).splitlines()[-1], f"[{side.variant} {side.dtype}]", flush=True)
    print(f"    {side.title}: {time.perf_counter() - started:.0f} s", flush=True)


def child(text: str) -> None:
    """What runs in a side's process."""
    spec, side = from_json(text)
    from importlib import import_module

    modules = {"sampling": "generation", "training": "training", "invariant": "invariant", "loop": "loop"}
    try:
        import_module(f"sides.{modules[side.part]}").measure(spec, side)
    except SkipSide as reason:
        record(spec, side, skipped=f"not measured: {reason}")


def machine(device: str) -> dict[str, Any]:
    """What is here, asked in a process of its own: a context on a GPU takes memory."""
    code = (
        "import json, os, torch, transformers, trl; c = torch.cuda.is_available(); "
        "print(json.dumps({'device': 'cuda' if c else 'cpu', 'gpu': torch.cuda.get_device_name() if c else None, "
        "'torch': torch.__version__, 'transformers': transformers.__version__, 'trl': trl.__version__, "
        "'cores': os.cpu_count()}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, "device": found["device"] if device == "auto" else device}


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
        return
    arguments = options()
    here = machine(arguments.device)
    size = {key: getattr(arguments, key) or value for key, value in zip(NAMES, SIZES[here["device"]], strict=True)}
    dtypes = (arguments.dtypes or ("float32,bfloat16" if here["device"] == "cpu" else "bfloat16")).split(",")
    arguments.out.mkdir(parents=True, exist_ok=True)
    spec = Spec(
        model=arguments.model if arguments.model == "embedded" else str(Path(arguments.model).resolve()),
        out=str(arguments.out.resolve()),
        scratch=str((arguments.scratch or arguments.out / "scratch").resolve()),
        overrides=tuple(arguments.overrides),
        device=here["device"],
        decoding=arguments.decoding,
        rows=size["rows"],
        batch=min(size["batch"], size["rows"]),
        new=size["new"],
        natural_new=size["natural"],
        repeats=arguments.repeats,
        steps=size["steps"],
        micro_batch=size["micro"],
        accumulation=arguments.accumulation,
        train_new=size["mean"],
        checkpointing=not arguments.no_checkpointing,
        loop_prompts=size["loop"],
        loop_problems=arguments.problems,
        loop_samples=arguments.samples,
        benchmarks=tuple(arguments.benchmarks),
        gguf=arguments.gguf,
    )
    header = {"started": time.strftime("%Y-%m-%d %H:%M:%S"), **here, "command": " ".join(sys.argv)}
    (spec.folder / "machine.json").write_text(json.dumps(header, indent=1))
    print(json.dumps(header), flush=True)
    measure(spec, arguments, dtypes)
    print(table(read_results(spec.folder), peak_flops(here["gpu"])))


def measure(spec: Spec, arguments: argparse.Namespace, dtypes: list[str]) -> None:
    """Every side in turn, until the minutes are over."""
    ends = time.perf_counter() + 60 * arguments.minutes
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    if not spec.on_gpu:
        environment["OMP_NUM_THREADS"] = str(arguments.threads)
    for side in sides_of(arguments, dtypes):
        left = ends - time.perf_counter()
        if left < 5:
            record(spec, side, skipped="not measured: the time is up")
            continue
        python = arguments.vllm_python if "vllm" in side.name else sys.executable
        limit = left if side.part == "loop" else min(left, arguments.side_seconds)
        run_side(spec, side, python, environment, limit)


def peak_flops(gpu: str | None) -> float | None:
    """Of the GPU by its name, as torch says it."""
    from selfdistill.plan.gpus import gpu_named

    found = gpu_named(gpu) if gpu else None
    return found.flops if found else None


if __name__ == "__main__":
    main()
