"""What only a GPU shows, at a real model's size: tokens/s, memory beside the plan's arithmetic, whether draws repeat.

    python benchmarks/gpu.py --out DIR [--layers 28] [--hidden 2048] [--tokens 512] [--prompts 64] [--methods LIST]

The model has the shape of a Qwen3 (1.7B by default; vocabulary 151,936) and random weights, which decide neither time
nor memory: nothing is downloaded. Hardly any completion ends before `--tokens`. Training runs the
package's own commands in processes of their own; a step's time is the median of all but the first two.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

import sampling
from sampling import DECODING
from selfdistill.embedded import model_dir
from selfdistill.engines.base import Completion, Request
from selfdistill.engines.load import load_engine
from selfdistill.engines.models import load_tokenizer
from selfdistill.engines.transformers import TransformersEngine
from selfdistill.plan.gpus import GPUS
from selfdistill.recipe import load_recipe
from selfdistill.run.stages import read_prompts

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
VOCABULARY = 151_936
BYTES_A_PARAMETER = {"full": 16, "lora": 4}
"""Of training's state, as `selfdistill plan` and docs/scale.md count it."""


def make_model(out: Path, layers: int, hidden: int) -> int:
    """Save a random model in bfloat16 with the embedded tokenizer; gives its number of parameters."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = load_tokenizer(str(model_dir()))
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 128,
        num_key_value_heads=max(1, hidden // 256),
        head_dim=128,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(DEVICE):
        model = Qwen3ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return sum(parameter.numel() for parameter in model.parameters())


def generate(model: str, device: str, dtype: str, batch: int, rows: int, new: int) -> list[Completion]:
    overrides = [f"model.path={model}", f"model.device={device}", f"model.dtype={dtype}", f"prompts.limit={rows}"]
    recipe = load_recipe("demo", [*overrides, f"engine.batch_size={batch}"])
    started = time.perf_counter()
    engine = load_engine(recipe.model, recipe.engine)
    loaded = time.perf_counter() - started
    assert isinstance(engine, TransformersEngine)
    requests = [
        Request(p.token_ids, (0, "benchmark", row), (DECODING,)) for row, p in enumerate(read_prompts(recipe)[0])
    ]
    started = time.perf_counter()
    found = engine.generate(requests, max_new_tokens=new)
    seconds = time.perf_counter() - started
    tokens = sum(len(completion.token_ids) for completion in found)
    print(f"  {device}, {dtype}, batch {batch}: {tokens / seconds:,.0f} tokens/s; loaded in {loaded:.1f} s", flush=True)
    return found


def same(one: list[Completion], other: list[Completion]) -> str:
    return f"{sum(a.token_ids == b.token_ids for a, b in zip(one, other, strict=True))} of {len(one)} the same"


def repeats(model: str) -> None:
    print("embedded model, float32, 512 prompts")
    first = generate("embedded", DEVICE, "float32", 512, 512, 128)
    print("  again:", same(first, generate("embedded", DEVICE, "float32", 512, 512, 128)))
    print("  another batch size:", same(first, generate("embedded", DEVICE, "float32", 128, 512, 128)))
    print("  on the CPU:", same(first, generate("embedded", "cpu", "float32", 512, 512, 128)))
    print("random model, bfloat16, 64 prompts of 128 tokens")
    first = generate(model, DEVICE, "bfloat16", 64, 64, 128)
    print("  again:", same(first, generate(model, DEVICE, "bfloat16", 64, 64, 128)))
    print("  another batch size:", same(first, generate(model, DEVICE, "bfloat16", 32, 64, 128)), flush=True)


def train(out: Path, model: Path, method: str, targets: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One run of the package's own commands; its time and memory."""
    run = out / f"{method}-{targets}"
    settings = {
        "model.path": model,
        "model.dtype": "bfloat16",
        "prompts.limit": arguments.prompts,
        "sampling.max_new_tokens": arguments.tokens,
        "engine.batch_size": 64,
        "training.method": method,
        "training.targets": targets,
        "training.precision": "bf16",
        "training.gradient_checkpointing": "true",
        "training.micro_batch_size": 4,
        "training.batch_size": 16,
        "training.max_length": 4096,
        "training.epochs": 2,
    }
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "selfdistill"]
    subprocess.run([*command, "sample", str(run), "--recipe", "demo", *sets], check=True, stderr=subprocess.DEVNULL)
    subprocess.run([*command, "train", str(run)], check=True, stderr=subprocess.DEVNULL)
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    log = [json.loads(line)["seconds"] for line in (run / "training-log.jsonl").read_text().splitlines()]
    step = statistics.median(after - before for before, after in itertools.pairwise(log[1:]))
    tokens = stages["train"]["tokens"] / arguments.prompts * 16
    return {"step": step, "rate": tokens / step, "sample": stages["sample"], "train": stages["train"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--methods", default="full/hard,full/soft,lora/soft,qlora/hard")
    arguments = parser.parse_args()
    model = arguments.out / "model"
    parameters = make_model(model, arguments.layers, arguments.hidden)
    torch.cuda.empty_cache()
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else DEVICE
    print(f"{name}, torch {torch.__version__}; {parameters / 1e9:.2f}B parameters", flush=True)
    repeats(str(model))
    for pair in filter(None, arguments.methods.split(",")):
        method, targets = pair.split("/")
        found = train(arguments.out, model, method, targets, arguments)
        peak = {stage: found[stage].get("gpu_peak_bytes", 0) / 1e9 for stage in ("sample", "train")}
        sampled = found["sample"]["tokens"] / found["sample"]["seconds"]
        share = 8 * parameters * found["rate"] / GPUS["h100"].flops
        plan = BYTES_A_PARAMETER.get(method)
        by_plan = f", plan's state {plan * parameters / 1e9:.1f} GB" if plan else ""
        print(
            f"{pair}: a step {found['step']:.2f} s, {found['rate']:,.0f} tokens/s, {share:.0%} of an H100's peak; "
            f"sampling {sampled:,.0f} tokens/s with loading and writing; "
            f"memory {peak['sample']:.1f} GB sampling, {peak['train']:.1f} GB training{by_plan}",
            flush=True,
        )
    print("model.generate beside our loop, random model")
    options = argparse.Namespace(model=str(model), rows=64, batch=64, new=128, repeats=2, threads=8)
    sampling.compare(options)


if __name__ == "__main__":
    main()
