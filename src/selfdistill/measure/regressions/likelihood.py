"""How well a model predicts text that it was never trained on: nats per token, of which perplexity is exp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from selfdistill.engines.stream import Contexts, stream_logits
from selfdistill.measure.regressions.records import Score

if TYPE_CHECKING:
    from selfdistill.engines.base import Progress

LONGEST = 2_048
"""Tokens of a document; what follows is left out."""
_LOGITS = 2**24  # held at once: 64 MiB of float32


def score_documents(
    model: Any,
    tokenizer: Any,
    documents: Sequence[tuple[str, str]],
    *,
    context: int,
    ends: bool,
    progress: Progress | None = None,
) -> list[Score]:
    """Each document's mean negative log-likelihood a token, from its second token on.

    Args:
        model: a causal language model in evaluation mode.
        tokenizer: the model's.
        documents: (name, text).
        context: tokens that the model can hold.
        ends: put the end-of-text token after each document: it is part of what is predicted.
        progress: called with (documents, tokens) since the last call.

    Returns:
        One score a document, in order; None for a document of one token.
    """
    end = [tokenizer.eos_token_id] if ends else []
    ids = [tuple([*tokenizer(text)["input_ids"], *end][: min(context, LONGEST)]) for _, text in documents]
    totals = torch.zeros(len(ids), dtype=torch.float64)
    with torch.inference_mode():
        for chunk in stream_logits([model], [Contexts(each[:1], each[1:]) for each in ids], _LOGITS):
            logits = chunk.logits[0].float()
            losses = torch.nn.functional.cross_entropy(logits, chunk.drawn.to(logits.device), reduction="none")
            totals.index_add_(0, chunk.rows, losses.double().cpu())
            if progress:
                progress(0, len(losses))
    if progress:
        progress(len(ids), 0)
    return [
        Score(name, float(total) / (len(each) - 1) if len(each) > 1 else None)
        for (name, _), each, total in zip(documents, ids, totals, strict=True)
    ]
