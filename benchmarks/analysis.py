"""Memory and time of the token view as completions and vocabulary grow: the logits are never all held.

    python benchmarks/analysis.py

Each line is a process of its own, so that its peak memory is its own. The model is small and random: what is measured
is the analysis of two models' logits, not the models. Seconds are of one core (CPU time, one thread), so that other
work on the machine does not count. The last lines extrapolate by the measured time a logit.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

GRID = ((4, 500, 1_000), (4, 500, 16_000), (1, 250, 150_000), (1, 500, 150_000), (1, 1_000, 150_000))
"""(samples, tokens a sample, vocabulary)."""
GOAL = (1_000, 8_000, 150_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--one", nargs=3, type=int, metavar=("SAMPLES", "TOKENS", "VOCABULARY"), help="one line, as JSON"
    )
    parser.add_argument("--chunk-logits", type=int, default=None, help="as in the recipe's analysis section")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure_one(*arguments.one, arguments.chunk_logits)))
        return
    print(f"{'samples x tokens x vocabulary':>32} {'all logits':>11} {'peak':>9} {'core s':>8} {'us/position':>12}")
    rates = []
    for samples, tokens, vocabulary in GRID:
        command = [sys.executable, __file__, "--one", *map(str, (samples, tokens, vocabulary))]
        if arguments.chunk_logits:
            command += ["--chunk-logits", str(arguments.chunk_logits)]
        line = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        positions = samples * tokens
        shape = f"{samples:,} x {tokens:,} x {vocabulary:,}"
        all_logits = 2 * 4 * positions * vocabulary / 2**30
        each = line["seconds"] / positions * 1e6
        print(f"{shape:>32} {all_logits:>7.1f} GiB {line['peak_gib']:>5.2f} GiB {line['seconds']:>8.1f} {each:>12,.0f}")
        rates.append(line["seconds"] / (positions * vocabulary))
    samples, tokens, vocabulary = GOAL
    logits = samples * tokens * vocabulary
    print(f"\nall logits of {samples:,} x {tokens:,} x {vocabulary:,}: {8 * logits / 2**40:.1f} TiB; never held")
    print(f"at {rates[-1] * 1e9:.0f} ns a logit of both models: {rates[-1] * logits / 3600:.0f} h of one core")


def measure_one(samples: int, tokens: int, vocabulary: int, chunk_logits: int | None) -> dict[str, float]:
    """Seconds of the analysis and peak resident memory of this process."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from selfdistill.engines.stream import Contexts, stream_logits
    from selfdistill.explain.measures import measure
    from selfdistill.explain.sums import Sums
    from selfdistill.recipe.decoding import Decoding
    from selfdistill.recipe.explain import AnalysisSettings

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=tokens + 8,
        initializer_range=1.0,
    )
    base, student = (LlamaForCausalLM(config).eval() for _ in range(2))
    drawn = torch.randint(vocabulary, (samples, tokens)).tolist()
    contexts = [Contexts((1, 2, 3), tuple(row)) for row in drawn]
    settings = AnalysisSettings(**({"chunk_logits": chunk_logits} if chunk_logits else {}))
    decoding = Decoding(temperature=1.2, top_k=20, top_p=0.8)
    sums = Sums(samples, settings)
    started = time.process_time()
    with torch.inference_mode():
        for chunk in stream_logits((base, student), contexts, settings.chunk_logits):
            sums.add(chunk.rows.numpy(), measure(chunk, decoding, decoding, settings))
    sums.kind_rows(), sums.curves()
    seconds = time.process_time() - started
    return {"seconds": seconds, "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


if __name__ == "__main__":
    main()
