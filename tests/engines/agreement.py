"""What an engine's completions must agree with: the model itself, run without cache or batch through our decoding."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from scipy.stats import chisquare

from selfdistill.decoding import Stages
from selfdistill.decoding.distribution import decode, dense
from selfdistill.engines.base import Completion, Engine, Request


def decoded_positions(model: Any, request: Request, completion: Completion, stages: Stages) -> torch.Tensor:
    """q at every position of a completion, (T, V)."""
    ids = [*request.token_ids, *completion.token_ids]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0]
    return dense(decode(logits[len(request.token_ids) - 1 : -1], stages), logits.shape[-1])


def check_distributions(model: Any, request: Request, completion: Completion, stages: Stages) -> float:
    """Targets and log-probabilities against q; the largest difference."""
    q = decoded_positions(model, request, completion, stages)
    targets = completion.targets
    assert targets is not None
    assert len(targets.support_sizes) == len(completion.token_ids)
    given = torch.zeros_like(q)
    ends = targets.support_sizes.cumsum()
    for step, (end, size) in enumerate(zip(ends, targets.support_sizes, strict=True)):
        span = slice(end - size, end)
        given[step, torch.from_numpy(targets.token_ids[span].astype(np.int64))] = torch.from_numpy(
            targets.probabilities[span]
        )
        assert (np.diff(targets.probabilities[span]) <= 0).all(), "most probable first"
    drawn = q[torch.arange(len(q)), torch.tensor(completion.token_ids)]
    torch.testing.assert_close(torch.tensor(completion.logprobs), drawn.log(), atol=1e-4, rtol=0, check_dtype=False)
    return float((given - q).abs().max())


def check_draws(engine: Engine, model: Any, prompt: tuple[int, ...], stages: Stages, draws: int) -> float:
    """p-value of a chi-square test: the first token of many completions against q."""
    requests = [Request(prompt, (1, "draws", index)) for index in range(draws)]
    completions = engine.generate(requests, stages, max_new_tokens=1)
    counts = Counter(completion.token_ids[0] for completion in completions)
    q = decoded_positions(model, requests[0], completions[0], stages)[0].double().numpy()
    support = np.flatnonzero(q)
    assert counts.keys() <= set(support.tolist()), "a token was drawn that the decoding cuts"
    expected = q[support] / q[support].sum() * draws
    return float(chisquare([counts[token] for token in support.tolist()], expected).pvalue)
