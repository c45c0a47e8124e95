"""Existing texts in place of samples: the base reads them, and its q_s at every position is the target.

The published method trains on the base's own samples; soft targets need only *contexts*, which can come from anywhere.
The tokens of a text are context and never targets. Nothing is generated: one forward pass a text. Ours, not the paper's
(docs/texts.md says what it gives).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from selfdistill.decoding.distribution import decode
from selfdistill.engines.base import Completion, Progress, Request, SparseTargets
from selfdistill.engines.sparse import Support, by_row, support
from selfdistill.engines.stream import Contexts, stream_logits
from selfdistill.models.configs import context_length

CHUNK_LOGITS = 2**25  # 128 MB in float32


@dataclass(frozen=True)
class TextReader:
    """An engine whose completions are texts that exist already. See `Engine`."""

    model: Any
    tokenizer: Any
    texts: Mapping[str, str]
    """By prompt id, which is the last but one part of a request's stream."""
    end_of_turn: int
    """Ends every text that is not cut off, so that the student learns where the base would stop."""
    context: int

    def generate(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """The requests' texts with q_s at every position; nothing is drawn."""
        contexts = [self._context(request, max_new_tokens) for request in requests]
        read = self._targets(requests, contexts, progress) if targets else [None] * len(contexts)
        return [
            Completion(each.token_ids, "stop" if each.token_ids[-1] == self.end_of_turn else "length", (), target)
            for each, target in zip(contexts, read, strict=True)
        ]

    def close(self) -> None:
        """The model goes with its last reference."""

    def _context(self, request: Request, max_new_tokens: int) -> Contexts:
        text = self.texts[str(request.stream[-2])]
        ids = (*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.end_of_turn)
        return Contexts(request.token_ids, ids[: min(max_new_tokens, self.context - len(request.token_ids))])

    @torch.inference_mode()
    def _targets(
        self, requests: Sequence[Request], contexts: Sequence[Contexts], progress: Progress | None
    ) -> Sequence[SparseTargets]:
        (stages,) = {request.stages for request in requests}
        rows: list[np.ndarray] = []
        supports: list[Support] = []
        left = np.array([len(each.token_ids) for each in contexts])
        for chunk in stream_logits((self.model,), contexts, CHUNK_LOGITS):
            rows.append(chunk.rows.numpy())
            supports.append(support(decode(chunk.logits[0], stages)))
            if progress:
                before = np.count_nonzero(left)
                left -= np.bincount(rows[-1], minlength=len(left))
                progress(int(before - np.count_nonzero(left)), len(rows[-1]))
        return by_row(np.concatenate(rows), supports, len(contexts))


def load_text_reader(model: Any, tokenizer: Any, texts: Mapping[str, str], end_of_turn: Sequence[int]) -> TextReader:
    """A reader over a loaded base.

    Args:
        model: the base.
        tokenizer: its tokenizer.
        texts: by prompt id.
        end_of_turn: every id that ends the base's turn; the tokenizer's own is taken where it is one.
    """
    own = tokenizer.eos_token_id
    end = own if own in end_of_turn or not end_of_turn else end_of_turn[0]
    return TextReader(model, tokenizer, texts, int(end), context_length(model.config))
