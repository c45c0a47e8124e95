"""How different texts are, and near copies, against numbers counted by hand."""

from __future__ import annotations

import math

import pytest

from selfdistill.measure.diversity import diversity, first_of_near


def test_numbers_of_a_small_set():
    found = diversity(["Add two big numbers now.", "add two big numbers, then stop", "Sort it."])
    assert found.texts == 3
    assert found.words == 5
    assert found.openings == pytest.approx(2 / 3)
    assert found.distinct_pairs == pytest.approx(7 / 10)  # add two, two big, big numbers: each twice
    assert found.vocabulary == 9
    # Runs of three: {add two big, two big numbers, big numbers now} and the same two, then two others.
    assert found.nearest == pytest.approx((2 / 5 + 2 / 5 + 0) / 3)


def test_few_texts_have_no_neighbour():
    assert math.isnan(diversity(["one"]).nearest)
    assert diversity([]).texts == 0


def test_of_near_copies_the_first_stays_and_a_dropped_one_drops_no_other():
    chain = ["a b c d e f g h", "a b c d e f g x", "a b c d e f y x", "p q r s t u v w"]
    assert first_of_near(chain, 0.7) == [True, False, True, True]
    assert first_of_near([chain[0], chain[0]], 1.0) == [True, False]
