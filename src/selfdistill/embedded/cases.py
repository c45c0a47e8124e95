"""Test cases for a chain: few, but rich enough to tell it from its near misses.

Expected results come from the operations' own meaning (chain.run), never from generated programs.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from selfdistill.embedded.chain import Chain, run
from selfdistill.embedded.near_misses import wrong_chain
from selfdistill.records import CallCase, CallTests

DRAWN = 14
CASES = 6
"""Each test is a process of its own: a few telling cases, out of all that are drawn."""
NEAR_MISSES = 32
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


def telling(tests: CallTests, chain: Chain) -> CallTests:
    """CASES of the calls: those that tell the chain from most of its near misses, the empty argument last.

    What is left to choose goes to results as different as there are, random arguments before edges.
    """
    empty, *others = tests.cases
    remaining = others[::-1]
    rng = Random(f"telling/{chain.key}")
    near_misses = {mutant for _ in range(NEAR_MISSES) if (mutant := wrong_chain(chain, rng)) is not None}
    results = Counter([repr(empty.expected)])
    kept: list[CallCase] = []
    while len(kept) < CASES - 1:
        tells = {id(case): {m for m in near_misses if differs(m, case)} for case in remaining}
        best = max(remaining, key=lambda case: (len(tells[id(case)]), -results[repr(case.expected)]))  # first of equals
        near_misses -= tells[id(best)]
        remaining.remove(best)
        results[repr(best.expected)] += 1
        kept.append(best)
    return CallTests(tests.entry_point, (*kept, empty))


def differs(mutant: Chain, case: CallCase) -> bool:
    """Whether a case tells a wrong chain from the right one."""
    try:
        return bool(run(mutant, case.args[0]) != case.expected)
    except ZeroDivisionError:  # a confused operation may have been given the constant 0
        return True


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
