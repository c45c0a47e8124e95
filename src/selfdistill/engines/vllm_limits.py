"""What vLLM hands over of a distribution; apart from `vllm.py`, because a recipe is judged without importing vLLM."""

TIES = 44
"""Probabilities asked for beyond top-k: tokens that tie with the k-th are retained too, and bfloat16 ties often."""
MAX_LOGPROBS = 1024
"""The most that are asked for at a position."""
LARGEST_TOP_K = MAX_LOGPROBS - TIES
"""The largest top-k whose soft targets can be had."""
