"""Make the embedded base from nothing: corpus, tokenizer, pretraining; on request a second, instruct-like stage.

    python -m tools.embedded_model.build --out DIR

It took 22 minutes on two busy cores. Fixed seeds: the same machine and thread count give the same weights. `--stage
instruct` adds a second stage on clean solutions; `--scale 0.002` shrinks everything, to see that it runs; `--width` and
`--layers` give another size. DIR becomes an ordinary Hugging Face model directory. The package reads the committed one,
`selfdistill/embedded/model/`.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

from selfdistill.embedded import corpus
from tools.embedded_model import pretraining, tokenizer
from tools.embedded_model import tokenizer as tokenizer_module

TOKENIZER_DOCUMENTS = 10_000
DEFAULT_WIDTH = 128


def main() -> None:
    """Parse the arguments, then build."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.embedded_model.build", description="Make the embedded base model."
    )
    parser.add_argument("--out", type=Path, required=True, help="directory of the finished model")
    parser.add_argument("--stage", choices=("pretrained", "instruct"), default="pretrained", help="where to stop")
    parser.add_argument("--start", type=Path, help="a pretrained directory, to run only the second stage on it")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the documents to use")
    parser.add_argument(
        "--threads", type=int, default=2, help="CPU threads; another number gives slightly other weights"
    )
    parser.add_argument("--width", type=int, default=DEFAULT_WIDTH, help="hidden size, a multiple of 32")
    parser.add_argument("--layers", type=int, default=4, help="how many")
    parser.add_argument("--device", default="cpu", help="where to train, e.g. cuda")
    build(**vars(parser.parse_args()))


def build(
    out: Path,
    *,
    stage: str = "pretrained",
    start: Path | None = None,
    scale: float = 1.0,
    threads: int = 2,
    width: int = DEFAULT_WIDTH,
    layers: int = 4,
    device: str = "cpu",
) -> None:
    """Write the model and tokenizer of the given stage to `out`. `width` and `layers` are a new model's."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if start is None:
        # Wider models want a lower peak, in proportion.
        peak = pretraining.PRETRAINING.learning_rate * DEFAULT_WIDTH / width
        settings = dataclasses.replace(pretraining.PRETRAINING, learning_rate=peak)
        model, tokenizer = _pretrain(_scaled(settings, scale), width, layers, device)
    else:
        model, tokenizer = _load(start)
        model = model.to(device)
    if stage == "instruct":
        settings = _scaled(pretraining.INSTRUCT, scale)
        loss = pretraining.train(
            model, tokenizer, list(corpus.instruct(settings.documents)), settings, _Progress("instruct")
        )
        print(f"instruct: loss {loss:.3f}")
    model.save_pretrained(out)
    tokenizer_module.save(tokenizer, out)


def _pretrain(settings: Any, width: int, layers: int, device: str) -> tuple[Any, Any]:
    print(f"generating {settings.documents} documents")
    documents = list(corpus.pretraining(settings.documents))
    learned = tokenizer.train(document.text for document in documents[:TOKENIZER_DOCUMENTS])
    end, pad = learned.eos_token_id, learned.pad_token_id
    model = pretraining.new_model(len(learned), end, pad, width=width, layers=layers).to(device)
    print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters, {len(learned)} tokens")
    loss = pretraining.train(model, learned, documents, settings, _Progress("pretraining"))
    print(f"pretraining: loss {loss:.3f}")
    return model, learned


def _load(directory: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(directory, trust_remote_code=False), tokenizer.load(directory)


def _scaled(stage: Any, scale: float) -> Any:
    return dataclasses.replace(stage, documents=max(stage.batch_size, round(stage.documents * scale)))


class _Progress:
    """Prints a line every 20 seconds and at the end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = self.printed = time.monotonic()

    def __call__(self, step: int, steps: int, loss: float) -> None:
        now = time.monotonic()
        if now - self.printed < 20 and step < steps:
            return
        self.printed = now
        left = (now - self.started) / step * (steps - step)
        print(f"{self.name}: step {step}/{steps}, loss {loss:.3f}, {left / 60:.1f} minutes left", flush=True)


if __name__ == "__main__":
    main()
