"""Logits of one or more models at every position of given completions, a bounded number of them at a time.

A completion of 8,000 tokens over a vocabulary of 150,000 has 1.2 billion logits; they are never all held. Short
sequences share a batch (padding on the right needs no mask under causal attention, and its logits are dropped); a long
one goes through in slices with a key-value cache, whose memory is the model's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfdistill.engines.cache import make_cache
from selfdistill.errors import UserError


@dataclass(frozen=True, slots=True)
class Contexts:
    """One completion with the prompt that it continues."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """N completion positions with the logits that predict their tokens."""

    rows: Tensor
    """(N,) index of the completion."""
    offsets: Tensor
    """(N,) place in the completion."""
    drawn: Tensor
    """(N,) token that stands there."""
    logits: tuple[Tensor, ...]
    """(N, V) of each model."""

    def at(self, wanted: Tensor) -> Chunk:
        """These positions only; `wanted` is an index or a mask over N."""
        logits = tuple(each[wanted] for each in self.logits)
        return Chunk(self.rows[wanted], self.offsets[wanted], self.drawn[wanted], logits)


def stream_logits(models: Sequence[Any], contexts: Sequence[Contexts], chunk_logits: int) -> Iterator[Chunk]:
    """Run the models over the completions. A completion's chunks come in the order of its positions.

    Args:
        models: causal language models with one vocabulary, on one device.
        contexts: completions; empty ones and ones without a prompt token give no position 0.
        chunk_logits: at most about this many logits of each model are held at once.

    Raises:
        UserError: the models' vocabularies differ.
    """
    vocabulary, *others = map(_vocabulary, models)
    if any(other != vocabulary for other in others):
        raise UserError(
            f"base and student have vocabularies of {vocabulary} and {others[0]} tokens",
            fix="give two models with the same tokenizer",
        )
    width = max(1, chunk_logits // vocabulary)
    for batch in _batches(contexts, width):
        yield from _run_batch(models, [(row, contexts[row]) for row in batch], width)


def _vocabulary(model: Any) -> int:
    return int(model.get_output_embeddings().weight.shape[0])


def _batches(contexts: Sequence[Contexts], width: int) -> Iterator[list[int]]:
    """Indices by falling length, as many together as `width` positions hold, and at least one."""
    lengths = [len(each.prompt_ids) + len(each.token_ids) for each in contexts]
    order = sorted((row for row in range(len(contexts)) if contexts[row].token_ids), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        count = max(1, width // lengths[order[start]])
        yield order[start : start + count]
        start += count


@torch.inference_mode()
def _run_batch(models: Sequence[Any], batch: list[tuple[int, Contexts]], width: int) -> Iterator[Chunk]:
    sequences = [(*each.prompt_ids, *each.token_ids) for _, each in batch]
    length = max(map(len, sequences))
    ids = torch.zeros((len(batch), length), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
    rows = torch.tensor([row for row, _ in batch])
    prompts = torch.tensor([len(each.prompt_ids) for _, each in batch])
    ends = torch.tensor([len(sequence) for sequence in sequences])
    step = max(1, width // len(batch))
    caches = [make_cache(model.config) if step < length else None for model in models]
    for start in range(0, length - 1, step):
        piece = ids[:, start : start + step]
        logits = [_forward(model, piece, cache) for model, cache in zip(models, caches, strict=True)]
        predicted = torch.arange(start + 1, start + 1 + piece.shape[1]).expand(len(batch), -1)
        wanted = (predicted >= prompts.unsqueeze(1)) & (predicted < ends.unsqueeze(1))
        if not wanted.any():
            continue
        lines, columns = wanted.nonzero(as_tuple=True)
        places = predicted[wanted]
        chosen = (lines.to(logits[0].device), columns.to(logits[0].device))
        found = tuple(each[chosen] for each in logits)
        yield Chunk(rows[lines], places - prompts[lines], ids[lines, places], found)


def _forward(model: Any, token_ids: Tensor, cache: Any) -> Tensor:
    """(rows, positions, V) logits of the next tokens."""
    output = model(input_ids=token_ids.to(model.device), past_key_values=cache, use_cache=cache is not None)
    return output.logits
