"""Loss and gradients from hidden states: the whole logits beside tiles of them, at a real vocabulary's size.

    python benchmarks/tiles.py [--positions 3000] [--vocabulary 151936] [--hidden 896] [--support 20] [--dtype bfloat16]

Each side runs in a process of its own, so that its memory is its own. The whole logits are PyTorch's: a product, a
log-softmax in float32, and its backward pass.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from torch import Tensor, nn

from selfdistill.steps.training.soft import soft_cross_entropy
from selfdistill.steps.training.tiles import Transform, tiled_cross_entropy

SIDES = ("whole", "tiles")


def material(arguments: argparse.Namespace) -> tuple[Tensor, nn.Linear, Tensor, Tensor]:
    """Hidden states (N, H), a head, and soft targets: ids and probabilities (N, K)."""
    torch.manual_seed(0)
    dtype = getattr(torch, arguments.dtype)
    hidden = torch.randn(arguments.positions, arguments.hidden).to(dtype).requires_grad_()
    head = nn.Linear(arguments.hidden, arguments.vocabulary, bias=False).to(dtype)
    ids = torch.randint(arguments.vocabulary, (arguments.positions, arguments.support))
    return hidden, head, ids, torch.rand(ids.shape).softmax(-1)


def measure(side: str, arguments: argparse.Namespace) -> dict[str, float]:
    hidden, head, ids, probabilities = material(arguments)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    if side == "whole":
        loss = soft_cross_entropy(head(hidden), ids, probabilities)
    else:
        loss = tiled_cross_entropy(
            hidden, head, lambda start, end: (ids[start:end], probabilities[start:end]), Transform()
        )
    (loss / arguments.positions).backward()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"loss": loss.item() / arguments.positions, "seconds": seconds, "mb": (peak - before) / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--positions", type=int, default=3000)
    parser.add_argument("--vocabulary", type=int, default=151_936)
    parser.add_argument("--hidden", type=int, default=896)
    parser.add_argument("--support", type=int, default=20)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--side", choices=SIDES, help="measure one side here, print JSON")
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(arguments.side, arguments)))
        return
    print(f"{'':>8} {'loss':>10} {'seconds':>8} {'MB above weights and states':>28}")
    for side in SIDES:
        command = [sys.executable, *sys.argv, "--side", side]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"{side:>8} {found['loss']:>10.5f} {found['seconds']:>8.1f} {found['mb']:>28,.0f}")


if __name__ == "__main__":
    main()
