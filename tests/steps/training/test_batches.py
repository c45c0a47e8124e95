"""Sequences of an optimizer step share micro-batches with others of their length; the steps are those of the order."""

from __future__ import annotations

import random

from accelerate.data_loader import SeedableRandomSampler

from selfdistill.steps.training.batches import SimilarLengths

LENGTHS = random.Random(0).choices(range(1, 400), k=50)
STEP = 8


def orders(sampler) -> list[list[int]]:
    """Of two epochs."""
    found = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        found.append(list(sampler))
    return found


def steps(order: list[int]) -> list[list[int]]:
    return [order[start : start + STEP] for start in range(0, len(order), STEP)]


def test_each_step_has_the_sequences_of_the_random_order_by_length():
    mine = orders(SimilarLengths(LENGTHS, STEP, seed=5))
    plain = orders(SeedableRandomSampler(range(len(LENGTHS)), data_seed=5))
    assert mine[0] != mine[1]
    for epoch, order in zip(mine, plain, strict=True):
        assert [sorted(step) for step in steps(epoch)] == [sorted(step) for step in steps(order)]
        for step in steps(epoch):
            assert [LENGTHS[index] for index in step] == sorted(LENGTHS[index] for index in step)
    assert len(SimilarLengths(LENGTHS, STEP, seed=5)) == len(mine[0]) == 50
    assert orders(SimilarLengths(LENGTHS, STEP, seed=6)) != mine


def test_micro_batches_have_less_padding():
    def padding(order: list[int], size: int = 2) -> int:
        batches = [[LENGTHS[index] for index in order[start : start + size]] for start in range(0, len(order), size)]
        return sum(len(batch) * max(batch) - sum(batch) for batch in batches)

    mine, plain = SimilarLengths(LENGTHS, STEP, seed=5), SeedableRandomSampler(range(len(LENGTHS)), data_seed=5)
    assert padding(list(mine)) < padding(list(plain)) / 2
