"""The English and the header of a problem: the text that a model reads.

A prompt is one comment line and a `def` line, and ends with the colon. The completion starts with the newline; the
tokenizer never joins the two (tokenizer.py), so a prompt's tokens are the same alone and in front of its completion.
"""

from __future__ import annotations

from random import Random

from selfdistill.embedded.chain import Chain, Source

FUNCTIONS = ("solve", "f", "process", "compute", "run", "transform", "answer", "func", "go", "apply")
ARGUMENTS: dict[Source, tuple[str, ...]] = {
    "ints": ("nums", "xs", "values", "numbers", "data", "a", "items"),
    "strs": ("words", "strings", "items", "names", "data", "xs"),
    "text": ("s", "text", "string", "line"),
    "range": ("n", "m", "limit"),
    "digits": ("n", "number", "num"),
}
_OPENINGS: dict[Source, str] = {
    "ints": "",
    "strs": "",
    "text": "",
    "range": "from the integers 1 to {argument}, ",
    "digits": "from the digits of {argument}, ",
}
_JOINTS = (", then ", "; ", ". Then ")


def describe(chain: Chain, argument: str, rng: Random) -> str:
    """The chain in one English sentence or more, e.g. `Keep the even numbers, then return the sum.`"""
    phrases = [rng.choice(step.operation.phrases).replace("{k}", str(step.constant)) for step in chain.steps]
    text = _OPENINGS[chain.source].format(argument=argument) + rng.choice(_JOINTS).join(phrases)
    return text[0].upper() + text[1:] + "."


def prompt(chain: Chain, rng: Random) -> tuple[str, str, str]:
    """(prompt text, function name, argument name)."""
    function = rng.choice(FUNCTIONS)
    argument = rng.choice(ARGUMENTS[chain.source])
    return f"# {describe(chain, argument, rng)}\ndef {function}({argument}):", function, argument
