"""Cross-entropy to soft targets: CE(q_s, p_theta) at every sampled position, q_s sparse.

The expected gradient equals that of the hard loss over draws from q_s, with less variance (Rao-Blackwell); ours, not
the paper's. With one-hot q_s it is the hard loss. The sum over entries never touches the vocabulary axis but for one
log-sum-exp.
"""

from __future__ import annotations

import torch
from torch import Tensor


def soft_cross_entropy(logits: Tensor, token_ids: Tensor, probabilities: Tensor) -> Tensor:
    """-sum_v q(v) log p_theta(v), summed over positions.

    Args:
        logits: (N, V) of the model at N positions; computed in float32.
        token_ids: (N, K) int64, the retained support of q_s.
        probabilities: (N, K), summing to 1 in each row; 0 pads.

    Returns:
        A scalar, in nats.
    """
    logits = logits.float()
    retained = logits.gather(-1, token_ids)
    mass = probabilities.sum(-1)
    return (mass * torch.logsumexp(logits, dim=-1) - (probabilities * retained).sum(-1)).sum()
