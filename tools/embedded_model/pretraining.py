"""The plain training loop that makes the embedded base, both stages. The package's own trainer is another (training/).

Next-token cross-entropy on whole documents, the end-of-text token included. Deterministic on one machine and thread
count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import nn

from selfdistill.embedded.corpus import Document

IGNORED = -100
_BATCHES_SORTED_TOGETHER = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How one stage of the base is trained."""

    documents: int
    epochs: int
    learning_rate: float
    """Peak, after a linear warm-up over the first 4 % of the steps; then a cosine to `final_share` of it."""
    final_share: float
    batch_size: int
    """Documents a step."""
    completion_only: bool
    """Whether the loss leaves out the prompt's tokens."""


PRETRAINING = Stage(
    documents=90_000, epochs=1, learning_rate=3e-3, final_share=0.05, batch_size=48, completion_only=False
)
INSTRUCT = Stage(documents=2_000, epochs=6, learning_rate=1e-3, final_share=0.1, batch_size=32, completion_only=True)


def new_model(vocabulary_size: int, end_id: int, pad_id: int, *, width: int = 128, layers: int = 4) -> Any:
    """A fresh `LlamaForCausalLM`: plain RoPE, tied embeddings, head size 32; 0.9M parameters by default."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end_id,
        pad_token_id=pad_id,
    )
    return LlamaForCausalLM(config)


def train(model: Any, tokenizer: Any, documents: Sequence[Document], stage: Stage, report: Any) -> float:
    """Train in place; gives the mean loss over the last tenth of the steps, in nats a token.

    `report(step, steps, loss)` is called after every step.
    """
    items = _tokenise(tokenizer, documents)
    steps = stage.epochs * math.ceil(len(items) / stage.batch_size)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=stage.learning_rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _learning_rate_share(step, steps, stage.final_share)
    )
    losses: list[float] = []
    model.train()
    with _denormals_flushed():
        for epoch in range(stage.epochs):
            for batch in _batches(items, stage.batch_size, Random(f"order/{epoch}")):
                ids, labels = (
                    each.to(model.device) for each in _collate(batch, stage.completion_only, tokenizer.pad_token_id)
                )
                logits = model(input_ids=ids[:, :-1], use_cache=False).logits  # (batch, length - 1, vocabulary)
                loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
                losses.append(loss.item())
                report(len(losses), steps, losses[-1])
    model.eval()
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Tiny gradients as denormals make a step many times slower; the setting is the whole process's: put it back."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _tokenise(tokenizer: Any, documents: Sequence[Document]) -> list[tuple[list[int], int]]:
    """(ids with the end-of-text token, number of prompt ids) of each document."""
    prompts = tokenizer([document.prompt for document in documents])["input_ids"]
    completions = tokenizer([document.completion for document in documents])["input_ids"]
    return [(p + c + [tokenizer.eos_token_id], len(p)) for p, c in zip(prompts, completions, strict=True)]


def _batches(items: list[Any], size: int, rng: Random) -> Iterator[list[Any]]:
    """Shuffled batches of similar lengths, to pad little."""
    shuffled = rng.sample(items, len(items))
    window = size * _BATCHES_SORTED_TOGETHER
    for start in range(0, len(shuffled), window):
        ordered = sorted(shuffled[start : start + window], key=lambda item: len(item[0]))
        batches = [ordered[at : at + size] for at in range(0, len(ordered), size)]
        rng.shuffle(batches)
        yield from batches


def _collate(batch: list[Any], completion_only: bool, pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and labels, both (batch, length). Causal attention needs no mask for padding on the right."""
    length = max(len(ids) for ids, _ in batch)
    ids = torch.full((len(batch), length), pad_id)
    labels = torch.full((len(batch), length), IGNORED)
    for row, (tokens, prompt_length) in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        start = prompt_length if completion_only else 0
        labels[row, start : len(tokens)] = torch.tensor(tokens[start:])
    return ids, labels


def _learning_rate_share(step: int, steps: int, final_share: float) -> float:
    warm_up = max(1, steps // 25)
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * progress))
