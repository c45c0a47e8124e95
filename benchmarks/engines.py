"""Tokens/s of our vLLM engine beside raw `LLM.generate`: one engine, same prompts, seeds and decoding, in one run.

    .venv-vllm/bin/python benchmarks/engines.py [--model DIR] [--rows 512] [--new 96] [--repeats 3]

The transformers engine beside `model.generate` is benchmarks/sampling.py. Both sides are warmed up first and take
turns; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

from selfdistill.decoding import Decoding
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.recipe import load_recipe
from selfdistill.run.stages import read_prompts
from selfdistill.seeds import integer_seed

DECODING = Decoding(temperature=0.7, top_k=20, top_p=0.8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--new", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    overrides = [f"model.path={arguments.model}", f"prompts.limit={arguments.rows}", "engine.kind=vllm"]
    options = "engine.options={enforce_eager: true, enable_prefix_caching: false}"
    recipe = load_recipe("demo", [*overrides, options, f"engine.batch_size={arguments.batch}"])
    engine = load_engine(recipe.model, recipe.engine)
    prompts = [prompt.token_ids for prompt in read_prompts(recipe)[0]]

    def ours() -> int:
        requests = [Request(ids, (0, "benchmark", row)) for row, ids in enumerate(prompts)]
        return sum(len(c.token_ids) for c in engine.generate(requests, (DECODING,), max_new_tokens=arguments.new))

    def raw() -> int:
        from vllm import SamplingParams

        parameters = [
            SamplingParams(
                temperature=DECODING.temperature,
                top_k=DECODING.top_k,
                top_p=DECODING.top_p,
                seed=integer_seed(0, "benchmark", row),
                max_tokens=arguments.new,
                logprobs=0,
            )
            for row in range(len(prompts))
        ]
        inputs = [{"prompt_token_ids": list(ids)} for ids in prompts]
        return sum(len(o.outputs[0].token_ids) for o in engine.llm.generate(inputs, parameters, use_tqdm=False))

    rates: dict[str, list[float]] = {"LLM.generate": [], "selfdistill": []}
    for repeat in range(arguments.repeats + 1):
        for name, generate in (("LLM.generate", raw), ("selfdistill", ours)):
            started = time.perf_counter()
            tokens = generate()
            if repeat:  # the first round warms up
                rates[name].append(tokens / (time.perf_counter() - started))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, rate in medians.items():
        print(f"{name:<16} {rate:>10,.0f} tokens/s")
    print(f"ratio            {medians['selfdistill'] / medians['LLM.generate']:>10.2f}")
    engine.close()


if __name__ == "__main__":
    main()
