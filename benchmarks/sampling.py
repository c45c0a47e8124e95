"""Tokens/s of our sampling loop beside `model.generate`: same model, prompts, batches and decoding, in one run.

    python benchmarks/sampling.py [--model DIR] [--rows 512] [--new 96] [--repeats 3] [--threads 1]

Counts only tokens up to a row's end. Both sides are warmed up first and take turns; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from selfdistill.decoding import Decoding
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.engines.models import load_tokenizer
from selfdistill.engines.transformers import TransformersEngine
from selfdistill.recipe import load_recipe
from selfdistill.run.stages import read_prompts

DECODING = Decoding(temperature=0.7, top_k=20, top_p=0.8)


def ours(engine: TransformersEngine, prompts: list[tuple[int, ...]], new: int) -> int:
    requests = [Request(ids, (0, "benchmark", row), (DECODING,)) for row, ids in enumerate(prompts)]
    return sum(len(c.token_ids) for c in engine.generate(requests, max_new_tokens=new))


@torch.inference_mode()
def generate(engine: TransformersEngine, prompts: list[tuple[int, ...]], new: int, pad: int) -> int:
    torch.manual_seed(0)
    tokens, device = 0, engine.model.device
    order = sorted(prompts, key=len)  # the same batches as ours
    for start in range(0, len(order), engine.batch_size):
        batch = order[start : start + engine.batch_size]
        width = max(map(len, batch))
        ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in batch], device=device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch], device=device)
        output = engine.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=new,
            do_sample=True,
            temperature=DECODING.temperature,
            top_k=DECODING.top_k,
            top_p=DECODING.top_p,
            eos_token_id=list(engine.end_of_turn),
            pad_token_id=pad,
        )[:, width:]
        ended = torch.isin(output, torch.tensor(engine.end_of_turn, device=device)).cumsum(-1)
        tokens += int((ended == 0).sum()) + int((ended > 0).any(-1).sum())
    return tokens


def take_turns(sides: dict[str, Callable[[], int]], repeats: int) -> None:
    """Print the median tokens/s of each side, and the second's over the first's. A first round warms up."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, generate_tokens in sides.items():
            started = time.perf_counter()
            tokens = generate_tokens()
            if repeat:
                rates[name].append(tokens / (time.perf_counter() - started))
    first, second = (statistics.median(rates[name]) for name in sides)
    for name, rate in zip(sides, (first, second), strict=True):
        print(f"{name:<16} {rate:>10,.0f} tokens/s")
    print(f"{'ratio':<16} {second / first:>10.2f}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--new", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def compare(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    overrides = [f"model.path={arguments.model}", f"engine.batch_size={arguments.batch}"]
    recipe = load_recipe("demo", [*overrides, f"prompts.limit={arguments.rows}"])
    engine = load_engine(recipe.model, recipe.engine)
    assert isinstance(engine, TransformersEngine)
    pad = load_tokenizer(arguments.model).pad_token_id or 0
    prompts = [prompt.token_ids for prompt in read_prompts(recipe)[0]]
    sides = {
        "model.generate": lambda: generate(engine, prompts, arguments.new, pad),
        "selfdistill": lambda: ours(engine, prompts, arguments.new),
    }
    take_turns(sides, arguments.repeats)


if __name__ == "__main__":
    compare(options())
