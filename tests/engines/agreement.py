"""What an engine's completions must agree with: the model itself, run without cache or batch through our decoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from selfdistill.decoding.distribution import decode, dense
from selfdistill.engines.base import Completion, Engine, Request
from selfdistill.engines.stops import StopStrings, cut_at_stop
from selfdistill.recipe.decoding import Stages
from tests.decoded import decoded


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
    completions = engine.generate(decoded(requests, stages), max_new_tokens=1)
    counts = Counter(completion.token_ids[0] for completion in completions)
    q = decoded_positions(model, requests[0], completions[0], stages)[0].double().numpy()
    support = np.flatnonzero(q)
    assert counts.keys() <= set(support.tolist()), "a token was drawn that the decoding cuts"
    expected = q[support] / q[support].sum() * draws
    return float(chisquare([counts[token] for token in support.tolist()], expected).pvalue)


def check_stops(engine: Any, tokenizer: Any, requests: Sequence[Request], stages: Stages) -> None:
    """Stop strings end completions at the token that completes one, and change nothing before it."""
    free = engine.generate(decoded(requests, stages), max_new_tokens=40, targets=True)
    texts = [tokenizer.decode(completion.token_ids, skip_special_tokens=True) for completion in free]
    letters = sorted({text[12] for text in texts if len(text) > 12 and text[12] != "\ufffd"})[:2]
    stop = (*letters, "never to be seen")
    assert letters
    stops = StopStrings(tokenizer, stop)
    asked = [replace(request, stop=stop) for request in requests]
    stopped = engine.generate(decoded(asked, stages), max_new_tokens=40, targets=True)
    ended = 0
    for request, before, after in zip(asked, free, stopped, strict=True):
        wanted = cut_at_stop(before, request, stops)
        found = cut_at_stop(after, request, stops)
        assert (found.token_ids, found.finish_reason) == (wanted.token_ids, wanted.finish_reason)
        assert found.logprobs == pytest.approx(wanted.logprobs, abs=1e-4)
        assert found.targets.token_ids.tolist() == wanted.targets.token_ids.tolist()
        assert len(after.token_ids) == len(found.token_ids)  # the engine itself has stopped there
        ended += found.finish_reason == "stop_string"
    assert ended
