"""Test cases for a chain: few, but rich enough to tell it from its near misses.

Expected results come from the operations' own meaning (chains.run), never from generated programs.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from selfdistill.embedded.chains import Chain, run
from selfdistill.records import CallCase, CallTests

DRAWN = 14
CASES = 6
"""Each test is a process of its own: a few telling cases, out of all that are drawn."""
_WORDS = (
    *("tree", "stone", "art", "eastern", "rose", "in", "no", "iron", "nest", "orange", "it", "sensor", "Toe", "ear"),
    *("noon", "site", "rat", "intention", "ant", "train", "so", "rain", "one", "toaster", "onion", "is", "a", "Sea"),
    "tattoo",
)
_LARGEST_DIGITS = 10**9


def tests(chain: Chain, entry_point: str, rng: Random) -> CallTests:
    """DRAWN calls with their expected results; the empty (or smallest) argument comes first."""
    arguments = [*_edges(chain, rng)]
    while len(arguments) < DRAWN:
        arguments.append(_random_argument(chain, rng))
    return CallTests(entry_point, tuple(CallCase((argument,), run(chain, argument)) for argument in arguments))


def telling(tests: CallTests) -> CallTests:
    """CASES of the calls: of results as different as there are, random arguments before edges, the empty one last."""
    empty, *others = tests.cases
    remaining = others[::-1]
    results = Counter([repr(empty.expected)])
    kept = []
    while len(kept) < CASES - 1:
        rarest = min(remaining, key=lambda case: results[repr(case.expected)])  # the first of equals
        remaining.remove(rarest)
        results[repr(rarest.expected)] += 1
        kept.append(rarest)
    return CallTests(tests.entry_point, (*kept, empty))


def are_varied(tests: CallTests) -> bool:
    """Whether no answer is right for more than half of the cases, so that no constant comes near to passing."""
    return max(Counter(repr(case.expected) for case in tests.cases).values()) <= len(tests.cases) // 2


def _edges(chain: Chain, rng: Random) -> list[Any]:
    """Empty, single, all equal, and the values at and beside each integer constant."""
    constants = [step.constant for step in chain.steps if isinstance(step.constant, int)]
    match chain.source:
        case "ints":
            around = [constant + offset for constant in constants for offset in (-1, 0, 1)]
            rng.shuffle(around)
            return [[], [rng.randrange(-9, 20)], [rng.randrange(1, 9)] * 3, list(range(-11, 0)), [*around, *around[:3]]]
        case "strs":
            word = rng.choice(_WORDS)
            return [[], [rng.choice(_WORDS)], [word] * 3, ["", "a", ""], rng.sample(_WORDS, len(_WORDS))]
        case "text":
            return ["", "a", " ".join(_WORDS[:5])]
        case "range":
            return [0, 1, 2, *range(9, 13)]
        case "digits":
            return [0, 7, 10, 1234567890 % _LARGEST_DIGITS]


def _random_argument(chain: Chain, rng: Random) -> Any:
    match chain.source:
        case "ints":
            numbers = [rng.randrange(-12, 25) for _ in range(rng.randrange(5, 13))]
            return [*numbers, *rng.sample(numbers, 2)]
        case "strs":
            words = [rng.choice(_WORDS) for _ in range(rng.randrange(4, 10))]
            return [*words, rng.choice(words)]
        case "text":
            return " ".join(rng.choice(_WORDS) for _ in range(rng.randrange(1, 5)))
        case "range":
            return rng.randrange(3, 30)
        case "digits":
            return rng.randrange(10, _LARGEST_DIGITS)
