"""Tokens/s of our engines beside the raw engines' own loops, in one run: `model.generate`, then vLLM's `LLM.generate`.

    .venv-vllm/bin/python benchmarks/engines.py [--model DIR] [--rows 512] [--new 96] [--repeats 3]

The same model, prompts and decoding on both sides, with vLLM the same seeds too. Both are warmed up first and take
turns; the ratio is of the medians. benchmarks/sampling.py is the first half by itself, where there is no vLLM.
"""

from __future__ import annotations

import argparse
import os

import sampling
from sampling import DECODING
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.recipe import load_recipe
from selfdistill.run.stages import read_prompts
from selfdistill.seeds import integer_seed


def compare(arguments: argparse.Namespace) -> None:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    overrides = [f"model.path={arguments.model}", f"prompts.limit={arguments.rows}", "engine.kind=vllm"]
    eager = "engine.options={enforce_eager: true, enable_prefix_caching: false}"
    recipe = load_recipe("demo", [*overrides, eager, f"engine.batch_size={min(arguments.batch, 256)}"])
    engine = load_engine(recipe.model, recipe.engine)
    prompts = [prompt.token_ids for prompt in read_prompts(recipe)[0]]

    def ours() -> int:
        requests = [Request(ids, (0, "benchmark", row), (DECODING,)) for row, ids in enumerate(prompts)]
        return sum(len(c.token_ids) for c in engine.generate(requests, max_new_tokens=arguments.new))

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

    sampling.take_turns({"LLM.generate": raw, "selfdistill": ours}, arguments.repeats)
    engine.close()


if __name__ == "__main__":
    arguments = sampling.options()
    print("transformers")
    sampling.compare(arguments)
    print("vllm")
    compare(arguments)
