"""The embedded problem set: problems with tests, prompts without solutions, existing programs, held-out text.

Everything is drawn anew on each call from fixed seeds, in a second or less, and is the same on every machine
(`fingerprint`; the values are in tests/embedded/). No chain is in two splits; see docs/embedded.md.

    python -c "from selfdistill import embedded; print(embedded.problems('validation')[0])"
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass, replace
from functools import cache
from itertools import islice
from random import Random
from typing import Any, Literal

from selfdistill.embedded import bugs, cases, chains, documents, programs, statements
from selfdistill.embedded.chain import Chain
from selfdistill.embedded.chains import SIDE_LENGTHS, TASK_LENGTHS, Family
from selfdistill.embedded.documents import JsonProblem
from selfdistill.embedded.splits import Split
from selfdistill.records import Problem

EvaluationSplit = Literal["validation", "test"]

PROBLEM_COUNTS: dict[EvaluationSplit, int] = {"validation": 400, "test": 700}
SIDE_PROBLEM_COUNT = 150
"""Problems of each family beside lists, in either split."""
PROMPT_COUNT = 16_000
_DIFFICULTIES = {1: "easy", 2: "easy", 3: "medium", 4: "hard"}


@dataclass(frozen=True, slots=True)
class Text:
    """A prompt and an existing program for it: context for soft targets without generation, never a target."""

    prompt_id: str
    prompt: str
    program: str
    """What stands after the prompt, 30 % of it buggy."""


@cache
def problems(split: EvaluationSplit, family: Family = "lists") -> tuple[Problem, ...]:
    """The problems of a split: 400 (validation) or 700 (test) about lists, 150 of `scalars` or `strings`.

    A problem's `program_prefix` is its statement: prefix + completion is the program.
    """
    is_main = family == "lists"
    lengths = TASK_LENGTHS if is_main else SIDE_LENGTHS
    count = PROBLEM_COUNTS[split] if is_main else SIDE_PROBLEM_COUNT
    drawn = chains.draw_distinct(Random(f"{split}/{family}"), family, split, lengths)
    made = (problem for chain in drawn if (problem := _problem(chain, split)))
    return tuple(
        replace(problem, task_id=f"{split}/{family}/{index:04d}") for index, problem in enumerate(islice(made, count))
    )


def prompts(limit: int = PROMPT_COUNT) -> Iterator[tuple[str, str]]:
    """(prompt id, prompt text) of up to PROMPT_COUNT prompts about lists; no solutions."""
    for prompt_id, chain in islice(_prompt_chains(), limit):
        yield prompt_id, statements.prompt(chain, Random(prompt_id))[0]


def prompt_problems() -> Iterator[Problem]:
    """The prompts of `prompts` with tests, for methods that use a verifier. SSD never sees the tests."""
    for prompt_id, chain in _prompt_chains():
        rng = Random(prompt_id)
        prompt, function, _ = statements.prompt(chain, rng)
        yield Problem(prompt_id, prompt, cases.tests(chain, function, rng), program_prefix=prompt)


def texts(
    limit: int = PROMPT_COUNT,
    family: Literal["lists", "scalars", "strings"] = "lists",
    buggy_share: float | None = None,
) -> Iterator[Text]:
    """Existing programs: for the prompts of `prompts` (near), or programs of another family (far).

    Three of ten are buggy as in pretraining, or another share of them.
    """
    share = bugs.BUGGY_SHARE if buggy_share is None else buggy_share
    pool = _prompt_chains() if family == "lists" else _side_chains(family)
    for prompt_id, chain in islice(pool, limit):
        prompt, _, argument = statements.prompt(chain, Random(prompt_id))
        rng = Random(f"text/{prompt_id}")
        write = bugs.write_buggy if rng.random() < share else programs.write
        yield Text(prompt_id, prompt, write(chain, argument, rng))


def json_problems(split: EvaluationSplit) -> tuple[JsonProblem, ...]:
    """SIDE_PROBLEM_COUNT structured-text problems: a JSON document to a schema; check with `documents.fits`."""
    return tuple(
        JsonProblem(
            task_id=f"{split}/json/{index:04d}",
            statement=documents.statement(properties),
            schema=documents.schema(properties),
            difficulty={2: "easy", 3: "medium"}.get(len(properties), "hard"),
            reference=documents.write(properties, Random(f"reference/{split}/{index}")),
        )
        for index, properties in enumerate(islice(_distinct_documents(split), SIDE_PROBLEM_COUNT))
    )


def json_prompts(limit: int) -> Iterator[tuple[str, str]]:
    """(prompt id, prompt text) for running SSD on the structured-text family."""
    for index, properties in enumerate(islice(_distinct_documents("prompts"), limit)):
        yield f"prompts/json/{index:05d}", documents.statement(properties)


def fingerprint(items: Iterable[Any]) -> str:
    """SHA-256 of the items as JSON lines; records count as their fields."""
    digest = hashlib.sha256()
    for item in items:
        plain = asdict(item) if is_dataclass(item) and not isinstance(item, type) else item
        digest.update(json.dumps(plain, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _problem(chain: Chain, split: EvaluationSplit) -> Problem | None:
    """The problem of a chain, still without its number; None where a constant would pass too many cases."""
    rng = Random(f"{split}/{chain.key}")
    prompt, function, argument = statements.prompt(chain, rng)
    tests = cases.tests(chain, function, rng)
    if not cases.are_varied(tests):
        return None
    return Problem(
        task_id="",
        statement=prompt,
        tests=cases.telling(tests, chain),
        program_prefix=prompt,
        difficulty=_DIFFICULTIES[len(chain.steps)],
        reference=prompt + programs.write(chain, argument, rng) + "\n",
        metadata={"chain": chain.key},
    )


def _prompt_chains() -> Iterator[tuple[str, Chain]]:
    """Drawn as far as somebody asks, and kept: drawing all of them takes seconds, and every run of a study asks."""
    known, more = _drawn_prompts()
    for index in range(PROMPT_COUNT):
        if index == len(known):
            known.append(next(more))
        yield f"prompts/lists/{index:05d}", known[index]


@cache
def _drawn_prompts() -> tuple[list[Chain], Iterator[Chain]]:
    """Those that were drawn so far in this process, and what draws the next."""
    return [], chains.draw_distinct(Random("prompts/lists"), "lists", "prompts", TASK_LENGTHS)


def _side_chains(family: Family) -> Iterator[tuple[str, Chain]]:
    """Endless, with repeats: these families have fewer chains."""
    rng = Random(f"prompts/{family}")
    index = 0
    while True:
        length = rng.choices(tuple(SIDE_LENGTHS), tuple(SIDE_LENGTHS.values()))[0]
        yield f"prompts/{family}/{index:05d}", chains.draw(rng, family, length, "prompts")
        index += 1


def _distinct_documents(split: Split) -> Iterator[tuple[documents.Property, ...]]:
    rng = Random(f"{split}/json")
    seen: set[str] = set()
    while True:
        properties = documents.draw(rng, split)
        text = documents.statement(properties)
        if text not in seen:
            seen.add(text)
            yield properties
