"""Logits of one or more models at every position of given completions, a bounded number of them at a time.

A completion of 8,000 tokens over a vocabulary of 150,000 has 1.2 billion logits; they are never all held. Short
sequences share a batch: padding on the right needs no mask in a causal model, be it of attention or of states, and its
logits are dropped. A long one goes through in slices, with a cache where the model continues from one correctly;
otherwise each slice is read with all that is before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfdistill.engines.padding import padded
from selfdistill.engines.probe import check_causal, reads_in_slices
from selfdistill.engines.steps import Prefixes, Slices
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
        UserError: the models' vocabularies differ, or one of them is not causal.
    """
    vocabulary, *others = map(_vocabulary, models)
    if any(other != vocabulary for other in others):
        raise UserError(
            f"base and student have vocabularies of {vocabulary} and {others[0]} tokens",
            fix="give two models with the same tokenizer",
        )
    width = max(1, chunk_logits // vocabulary)
    sliceable: list[bool] = []
    for batch in _batches(contexts, width):
        first = contexts[batch[0]]  # the longest of all in the first batch: one text decides for all
        sliceable = sliceable or _sliceable(models, (*first.prompt_ids, *first.token_ids), width)
        yield from _run_batch(models, sliceable, [(row, contexts[row]) for row in batch], width)


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
def _sliceable(models: Sequence[Any], token_ids: Sequence[int], width: int) -> list[bool]:
    """Whether each model is read in slices with a cache; where nothing is longer than a slice, nobody asks."""
    for model in models:
        check_causal(model, token_ids)
    return [len(token_ids) > width and reads_in_slices(model, token_ids) for model in models]


@torch.inference_mode()
def _run_batch(
    models: Sequence[Any], sliceable: Sequence[bool], batch: list[tuple[int, Contexts]], width: int
) -> Iterator[Chunk]:
    sequences = [(*each.prompt_ids, *each.token_ids) for _, each in batch]
    ids = padded(sequences)
    length = ids.shape[1]
    rows = torch.tensor([row for row, _ in batch])
    prompts = torch.tensor([len(each.prompt_ids) for _, each in batch])
    ends = torch.tensor([len(sequence) for sequence in sequences])
    step = max(1, width // len(batch))
    readers = [
        Slices(model) if slices and step < length else Prefixes(model)
        for model, slices in zip(models, sliceable, strict=True)
    ]
    for start in range(0, length - 1, step):
        stop = min(start + step, length)
        logits = [reader.read(ids.to(model.device), start, stop) for reader, model in zip(readers, models, strict=True)]
        predicted = torch.arange(start + 1, stop + 1).expand(len(batch), -1)
        wanted = (predicted >= prompts.unsqueeze(1)) & (predicted < ends.unsqueeze(1))
        if not wanted.any():
            continue
        lines, columns = wanted.nonzero(as_tuple=True)
        places = predicted[wanted]
        chosen = (lines.to(logits[0].device), columns.to(logits[0].device))
        found = tuple(each[chosen] for each in logits)
        yield Chunk(rows[lines], places - prompts[lines], ids[lines, places], found)
