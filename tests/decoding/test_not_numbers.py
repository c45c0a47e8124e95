"""Logits that are no numbers stop a run with one line, under every rule of decoding and in every row."""

from __future__ import annotations

import math

import pytest
import torch

from selfdistill.decoding.distribution import decode
from selfdistill.errors import UserError
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.decoding_rules import EntropyTemperature, ForkLock, MinP, TopNSigma

STAGES = [
    Decoding(temperature=0),
    Decoding(temperature=0.7),
    Decoding(temperature=0.7, top_k=2),
    Decoding(temperature=0.7, top_p=0.5),
    MinP(rule="min-p", min_p=0.1, temperature=1),
    TopNSigma(rule="top-n-sigma", n=1, temperature=1),
    EntropyTemperature(rule="entropy-temperature", temperature=1, theta=0.1),
    ForkLock(rule="fork-lock", lock_temperature=0.5, fork_temperature=1, fork_tokens=2),
]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: type(stage).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_bad_logit_in_one_row_is_refused(stage, dtype, value):
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0], [0.5, 0.1, 0.2, 0.3]], dtype=dtype)
    decode(logits, (stage,))
    decode(logits.masked_fill(logits < 0.2, -math.inf), (stage,))  # -inf is a token that is never drawn
    logits[1, 2] = value
    with pytest.raises(UserError, match="the model's logits are nan or infinite"):
        decode(logits, (stage,))
