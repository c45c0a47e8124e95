"""From a server's JSON to a `Completion`: exact token ids, log-probabilities, soft targets, or a reason why not.

Text is never tokenised again: a server that does not return token ids is of no use here, and says so once, clearly.
Fields as vLLM returns them for `return_token_ids` and `return_tokens_as_token_ids`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfdistill.engines.asking import BrokenAnswerError
from selfdistill.engines.base import Completion, SparseTargets

FILTERED = -9000.0
"""vLLM's server writes -9999 for a token that truncation removed: JSON has no -inf."""
_PREFIX = "token_id:"


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice of a completions answer."""

    token_ids: tuple[int, ...]
    finish_reason: str
    stop_string: bool
    """Whether the server ended it at one of the request's stop strings."""
    logprobs: tuple[float, ...]
    """Of the drawn tokens; empty where the server gave none."""
    alternatives: tuple[dict[int, float], ...]
    """Log-probability by token id at each position; filtered tokens are not in it."""


def read_answer(body: Any) -> Answer:
    """The one choice in a completions answer.

    Raises:
        BrokenAnswerError: it has another shape.
    """
    try:
        (choice,) = body["choices"]
        reason = choice["finish_reason"]
        listed = choice.get("logprobs") or {}
        tokens = listed.get("tokens") or []
        ids = choice.get("token_ids")
        if ids is None and tokens and all(str(token).startswith(_PREFIX) for token in tokens):
            ids = [_token_id(token) for token in tokens]
        logprobs = tuple(float(value) for value in listed.get("token_logprobs") or ())
        alternatives = tuple(_alternatives(position) for position in listed.get("top_logprobs") or ())
        at_string = isinstance(choice.get("stop_reason"), str)
        answer = Answer(tuple(int(token) for token in ids or ()), str(reason), at_string, logprobs, alternatives)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BrokenAnswerError(f"not a completions answer ({type(error).__name__}: {error})") from error
    if answer.finish_reason not in ("stop", "length"):
        raise BrokenAnswerError(f"finish_reason is {answer.finish_reason}")
    if answer.token_ids and logprobs and len(logprobs) != len(answer.token_ids):
        raise BrokenAnswerError(f"{len(logprobs)} log-probabilities for {len(answer.token_ids)} tokens")
    return answer


def to_completion(answer: Answer, *, greedy: bool, processed: bool, targets: bool) -> Completion:
    """An answer as the engine's completion.

    Args:
        answer: with exact token ids.
        greedy: q_s is a point; servers tell the untempered log-probability instead.
        processed: the server's log-probabilities are those of the decoded distribution.
        targets: whether q_s was asked for; needs `processed` unless greedy.

    Raises:
        BrokenAnswerError: the answer lacks a token, or log-probabilities that it should have.
    """
    count = len(answer.token_ids)
    if not count:
        raise BrokenAnswerError("no token")
    if greedy:
        point = SparseTargets(
            np.ones(count, np.int32), np.array(answer.token_ids, np.int32), np.ones(count, np.float32)
        )
        logprobs: tuple[float, ...] = (0.0,) * count
        soft = point if targets else None
    else:
        if processed and len(answer.logprobs) != count:
            raise BrokenAnswerError("no log-probabilities")
        logprobs = tuple(round(value, 6) for value in answer.logprobs) if processed else ()
        soft = sparse_targets(answer.alternatives, count) if targets else None
    return Completion(answer.token_ids, "stop" if answer.finish_reason == "stop" else "length", logprobs, soft)


def sparse_targets(alternatives: tuple[dict[int, float], ...], count: int) -> SparseTargets:
    """q_s from the listed log-probabilities, most probable token first, renormalised (ties beyond top-k are cut)."""
    if len(alternatives) != count or not all(alternatives):
        raise BrokenAnswerError(f"log-probabilities at {len(alternatives)} of {count} positions")
    ids: list[int] = []
    probabilities: list[float] = []
    for position in alternatives:
        ranked = sorted(position.items(), key=lambda entry: (-entry[1], entry[0]))
        values = [math.exp(logprob) for _, logprob in ranked]
        total = sum(values)
        ids += [token for token, _ in ranked]
        probabilities += [value / total for value in values]
    sizes = np.array([len(position) for position in alternatives], np.int32)
    return SparseTargets(sizes, np.array(ids, np.int32), np.array(probabilities, np.float32))


def _alternatives(position: dict[str, float]) -> dict[int, float]:
    """One position's tokens; empty where the server names them by text, which can be ambiguous."""
    if not all(token.startswith(_PREFIX) for token in position):
        return {}
    return {_token_id(token): float(value) for token, value in position.items() if value > FILTERED}


def _token_id(token: Any) -> int:
    return int(str(token).removeprefix(_PREFIX))
