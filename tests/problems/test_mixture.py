"""Mixtures of sources: shares that hold, counts by source, the same prompts for the same seed."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from selfdistill.errors import UserError
from selfdistill.problems.mixture import interleaved
from selfdistill.problems.prepare import prepare_prompts
from selfdistill.problems.render import Renderer
from selfdistill.recipe.prompts import PromptSettings
from tiny_models import make_tokenizer


def source(path, letter: str, count: int, column: str = "question") -> str:
    path.write_text("".join(json.dumps({column: f"{letter}{number}"}) + "\n" for number in range(count)))
    return str(path)


def mixture(*parts: dict, **changes) -> PromptSettings:
    return PromptSettings(**{"source": "mixture", "mixture": parts, "template": "plain", **changes})


def prepared(settings: PromptSettings, seed: int = 0, **how):
    return prepare_prompts(Renderer(make_tokenizer(chat=False), settings), seed=seed, context=99, **how)


@pytest.fixture
def three(tmp_path) -> list[dict]:
    return [
        {"source": source(tmp_path / "a.jsonl", "a", 40), "weight": 3},
        {"source": source(tmp_path / "b.jsonl", "b", 40, column="text"), "columns": {"statement": "text"}},
        {"source": source(tmp_path / "c.jsonl", "c", 2), "weight": 0.5},
    ]


def letters(prompts) -> Counter[str]:
    return Counter(prompt.statement[0] for prompt in prompts)


def test_a_limit_is_shared_out_by_weight_and_drawn_by_the_seed(three):
    prompts, counts = prepared(mixture(*three, limit=9))
    assert letters(prompts) == {"a": 6, "b": 2, "c": 1}
    assert counts.sources == {part["source"]: count for part, count in zip(three, (6, 2, 1), strict=True)}
    assert counts.dropped == {"over the limit": 82 - 9}
    again, other = prepared(mixture(*three, limit=9))[0], prepared(mixture(*three, limit=9), seed=1)[0]
    assert again == prompts
    assert {prompt.prompt_id for prompt in other} != {prompt.prompt_id for prompt in prompts}


def test_a_larger_limit_keeps_what_a_smaller_one_had(three):
    few, more = (prepared(mixture(*three, limit=limit))[0] for limit in (9, 15))
    assert {prompt.prompt_id for prompt in few} < {prompt.prompt_id for prompt in more}


def test_a_mixture_ends_where_a_source_does_so_that_its_shares_hold(three):
    prompts, counts = prepared(mixture(*three))
    assert letters(prompts)["c"] == 2
    assert letters(prompts)["a"] // letters(prompts)["b"] in (2, 3)
    assert counts.dropped == {"beyond its share": 82 - len(prompts)}
    assert 18 <= len(prompts) <= 27


def test_what_is_dropped_does_not_count_towards_a_share(three):
    prompts, counts = prepared(mixture(*three[:2], limit=8), drop=lambda text: text < "a3")
    assert letters(prompts) == {"a": 6, "b": 2}
    assert counts.dropped["contamination"] > 0
    assert not any(prompt.statement < "a3" for prompt in prompts)


def test_skipped_prompts_are_those_of_a_smaller_limit(three):
    first, rest = (prepared(mixture(*three, limit=8, skip=skip))[0] for skip in (0, 8))
    assert not {prompt.prompt_id for prompt in first} & {prompt.prompt_id for prompt in rest}
    assert len(first) == len(rest) == 8


def test_the_same_statement_of_two_sources_is_the_firsts(tmp_path):
    names = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    prompts, counts = prepared(mixture(*({"source": source(name, "same", 3)} for name in names)))
    assert counts.dropped["duplicate"] == 3
    assert counts.sources == {str(names[0]): 1, str(names[1]): 0}
    assert len(prompts) == 1


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], "mixture goes with source: mixture"),
        ([{"source": "x.jsonl"}, {"source": "x.jsonl"}], "prompts.mixture: lists x.jsonl more than once"),
        ([{"source": "mixture"}], "prompts.mixture: lists mixture"),
        ([{"source": "x.jsonl", "columns": {"statment": "q"}}], "x.jsonl: unknown column statment"),
        ([{"source": "self"}], "self: is written by a model, and not there yet .*selfdistill prompts self"),
    ],
)
def test_mistakes_in_a_mixture_are_one_line(parts, expected):
    with pytest.raises(UserError, match=expected):
        prepared(mixture(*parts))


@pytest.mark.parametrize(("weights", "taken"), [((2, 1), "aabaab"), ((1, 1), "ababab"), ((1, 2), "abbabb")])
def test_streams_are_taken_from_by_weight(weights, taken):
    assert "".join(interleaved([iter("a" * 9), iter("b" * 9)], weights))[:6].count("a") == taken.count("a")
    assert len(list(interleaved([iter("aa"), iter("b" * 9)], (1, 1)))) in (4, 5)


def test_a_split_is_for_data_sets_alone(three):
    """The section's split is for those parts that have splits; a part's own that has none is a mistake."""
    prompts, _ = prepared(mixture(*three, limit=9, split="test"))
    assert len(prompts) == 9
    with pytest.raises(UserError, match=r"prompts\.split: .*a\.jsonl is read whole: it has no split test"):
        prepared(mixture({**three[0], "split": "test"}, three[1]))
