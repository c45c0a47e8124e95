"""Bugs as code on the web has them: a wrong operator, constant or name, a step forgotten or swapped, a typing slip.

They give the base its distractor tails. They are put into pretraining programs and into texts, never into references.
"""

from __future__ import annotations

import re
from random import Random

from selfdistill.embedded.chain import Chain
from selfdistill.embedded.near_misses import wrong_chain
from selfdistill.embedded.programs import ACCUMULATORS, ELEMENTS, RESULTS, write

BUGGY_SHARE = 0.3
"""Of programs."""
_CHAIN_BUG_SHARE = 0.65
_NAMES = (*ELEMENTS, *RESULTS, *ACCUMULATORS)


def write_buggy(chain: Chain, argument: str, rng: Random) -> str:
    """A body for the chain with one bug in it (which, rarely, changes no result)."""
    wrong = wrong_chain(chain, rng) if rng.random() < _CHAIN_BUG_SHARE else None
    return write(wrong, argument, rng) if wrong else spoil(write(chain, argument, rng), rng)


def spoil(body: str, rng: Random) -> str:
    """The body with a slip of the pen: a wrong name, or a character missing or doubled."""
    if rng.random() < 0.6:
        found = [match for match in re.finditer(r"\b[a-z]+\b", body) if match.group() in _NAMES]
        if found:
            match = rng.choice(found)
            return body[: match.start()] + rng.choice(_NAMES) + body[match.end() :]
    places = [place for place, character in enumerate(body) if character in "()[]:=%<>+"]
    if not places:
        return body.replace("return ", "", 1)
    place = rng.choice(places)
    return body[:place] + rng.choice(("", body[place] * 2)) + body[place + 1 :]
