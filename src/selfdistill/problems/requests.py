"""Is a text that a model wrote in a user's place a request for a program? If not, why not, in a few words.

Rules of thumb on the text alone, each counted under its name. They see what is plainly no request; whether a request
makes sense, or can be answered, nobody checks, just as with prompts that people wrote.
"""

from __future__ import annotations

import re
from collections import Counter

ANSWER_BEGINS = (
    "```python",
    "\ndef ",
    "\nclass ",
    "\nimport ",
    "\nCertainly",
    "\nSure",
    "\nHere is",
    "\nHere's",
    "\nTo solve",
    "\nSolution",
)
"""Where the model goes on from the request to its solution, which small models do in every other turn. A turn ends
there, as at a stop string."""
FEWEST_WORDS = 6
REPEATED = 0.5
"""Of the runs of four words in a text of at least `LONG` words, the share that must be different ones."""
LONG = 24

_ANSWER = re.compile(
    r"^\W*(sure|certainly|of course|absolutely|here is|here's|here are|i'm sorry|i am sorry|sorry|as an ai|hello|hi|"
    r"thank you|thanks|great|how (?:can|may) i (?:help|assist)|i can help|i'd be happy|to solve|to implement|"
    r"to create|the solution)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"(?<!\w)(javascript|typescript|java|c\+\+|c#|ruby|rust|golang|php|kotlin|swift|scala|perl|haskell|matlab|julia|"
    r"html|css|bash|powershell)(?!\w)",
    re.IGNORECASE,
)
_ROLES = re.compile(r"<\|?[a-z_]+\|?>|\[/?INST\]|^(user|assistant|system)\s*:?\s*$", re.IGNORECASE | re.MULTILINE)
_ASKS = re.compile(
    r"\?|\b(write|implement|create|develop|design|define|build|find|compute|calculate|determine|return|given|complete|"
    r"generate|make|convert|check|sort|solve|count|how|need|want|help|fix|should|must|takes?)\b",
    re.IGNORECASE,
)
_REPAIR = re.compile(r"\b(fix|bug|error|wrong|debug|refactor|improve|optimi[sz]e|explain|rewrite)\w*\b", re.IGNORECASE)
_DOCSTRING = re.compile(r"(\"{3}|'{3}).*?(?:\1|\Z)", re.DOTALL)
_NO_TEXT = re.compile(r"^\s*#|^[-=*_` ]*$")
_ANNOUNCES = re.compile(r":[*_ ]*$")
_SENTENCE = re.compile(r"(?<=[.?!]) +")
_DEF = re.compile(r"[ \t]*(?:async )?def \w+\(")
_NO_CODE = re.compile(r"\s*(?:#.*|pass|\.\.\.|`+)?\s*$")


def fault(text: str, *, ended: bool = True) -> str | None:
    """Why a text is no request, or None.

    Args:
        text: what stands in a user's place.
        ended: whether it ended by itself.
    """
    words = text.split()
    if not ended:
        return "did not end"
    if len(words) < FEWEST_WORDS:
        return "too short" if words else "empty"
    if _ROLES.search(text):
        return "parts of a chat template"
    if _repeats(words):
        return "repeats itself"
    if _ANSWER.match(text):
        return "an answer, not a request"
    if _solved(text):
        return "holds the solution"
    if _OTHER.search(text) and not re.search(r"\bpython\b", text, re.IGNORECASE):
        return "another language"
    if not _ASKS.search(text):
        return "asks for nothing"
    return None


def trimmed(text: str, *, cut: bool) -> str:
    """A request without white space around it and, where it was cut at the beginning of an answer, without the sentence
    or heading that only announces that ("Here is an example:"). A request that ends so keeps its words."""
    lines = text.strip().splitlines()
    while cut and len(lines) > 1 and _NO_TEXT.search(lines[-1]):
        lines.pop()
    if cut and lines and _ANNOUNCES.search(lines[-1]):
        *before, last = _SENTENCE.split(lines.pop().rstrip(":*_ "))
        if before:
            lines.append(" ".join(before))
        elif not lines:
            lines.append(f"{last}.")
        return trimmed("\n".join(lines), cut=cut)
    return "\n".join(lines)


def _repeats(words: list[str]) -> bool:
    if len(words) < LONG:
        return False
    runs = Counter(zip(*(words[start:] for start in range(4)), strict=False))
    return len(runs) < REPEATED * runs.total()


def _solved(text: str) -> bool:
    """Whether a function with a body stands in a text that does not ask to have it mended."""
    return not _REPAIR.search(text) and _has_body(_DOCSTRING.sub("", text).splitlines())


def _has_body(lines: list[str]) -> bool:
    """Whether a line of code stands deeper than a `def` above it."""
    depth: int | None = None
    for line in lines:
        if _NO_CODE.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        if depth is not None and indent > depth:
            return True
        depth = indent if _DEF.match(line) else None
    return False
