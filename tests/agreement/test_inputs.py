"""Inputs come from statements as they are written; what these say of outputs is never read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from selfdistill.agreement.asked import asked_of
from selfdistill.agreement.examples import calls_in, example_calls, sample_inputs
from selfdistill.agreement.inputs import inputs_of
from selfdistill.agreement.kinds import ANY, Kind, kind_of
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.recipe.agreement import AgreementSettings

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HUMANEVAL = '''def helper(x):
    return x


def below(values: list[int], most: int) -> bool:
    """Whether all are below.
    >>> below([1, 2], 3)
    True
    >>> below([-1], most=3 * 5)
    >>> below([len], 3)
    """
'''
CODEIO = """Cut the text.

Input:
  `mode` (str): Either "left" or "right".
  `rate` (float): A probability.
  `rows` (list of lists of int): Each an integer between 3 and 7.

Output:
  `return` (dict): What is left.
"""


def examples(text, name="f", parameters=("x",)):
    return example_calls(text, name, parameters)


def settings(*inputs, **changes):
    return AgreementSettings(inputs=inputs, **changes)


def test_the_last_function_that_a_prompt_begins_is_asked_for():
    asked = asked_of(HUMANEVAL)
    assert (asked.entry_point, asked.prelude) == ("below", False)
    assert [(each.name, each.type) for each in asked.parameters] == [("values", "list[int]"), ("most", "int")]


def test_calls_with_arguments_that_are_none_or_too_large_are_no_examples():
    text = "f([[0] * 10**5] * 10**5) and f('a' * 'b') and f(1 / 0) and f({[]: 1}) and f([1] * 2)"
    assert calls_in(text, {"f"}) == [([1, 1],)]


def test_calls_with_literal_arguments_are_examples():
    assert examples(HUMANEVAL, "below", ("values", "most")) == [([1, 2], 3), ([-1], 15)]


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ('For s = "ab", c = "b" the result should be ("a", False)', "sc", [("ab", "b")]),
        ("Input: grid = [[1, 2], [3]], k = 3\nOutput: [1]", ("grid", "k"), [([[1, 2], [3]], 3)]),
        ("Input: \n  grid : [[0]]\n  k : 1\nOutput: 6", ("grid", "k"), [([[0]], 1)]),
        ("Example 1:\n  Input: [4,2,3]\n  Output: [2, 1]", ("nodes",), [([4, 2, 3],)]),
        ('other("a)b\\"") == 3', ("x",), [('a)b"',)]),
        ("f(1, 2) and f((3), [4]) and f(5)", "xy", [(1, 2), (3, [4])]),
        ("see other(3), print(4), f(name)", ("x",), []),
        ("f(3) is 3, f(3) again", ("x",), [(3,)]),
    ],
)
def test_forms_of_examples(text, parameters, expected):
    assert examples(text, parameters=parameters) == expected


def test_assertions_name_the_function():
    asked = asked_of("Add them.\n\nassert set(add((1, 2), 3)) == {4, 5}\nassert sum(add((1,), 1)) == 2\n")
    assert asked.entry_point == "add"
    assert examples(asked.text, "add", ()) == [((1, 2), 3), ((1,), 1)]


def test_a_method_of_starter_code_has_no_self():
    asked = asked_of("Twice.", "class Solution:\n    def twice(self, nums: List[int], k=2) -> int:\n")
    assert (asked.entry_point, [each.name for each in asked.parameters]) == ("twice", ["nums"])
    assert asked.prelude


def test_sample_runs_are_inputs_of_whole_programs():
    text = "Input\nThe first line has the number of the words that follow.\n\nOutput\nThem.\n\n"
    text += "### Sample Input 1:\n```\n3\na b c\n```\n### Sample Output 1:\n3\n"
    assert asked_of(text).entry_point is None
    assert sample_inputs(text) == ["3\na b c\n"]
    found = inputs_of(asked_of(text), settings("examples", "mutations"), 0, "p").values
    assert found[0] == "3\na b c\n"
    assert len(found) > 3
    assert all(each.startswith("3\n") for each in found), "the first line may count what follows"


def test_mutations_stay_near_the_examples():
    found = inputs_of(asked_of(HUMANEVAL), settings("examples", "mutations"), 0, "p")
    assert found.sources == {"examples": 2, "mutations": 18}
    assert len(set(map(repr, found.values))) == 20
    assert all(values and isinstance(most, int) and most > 0 for values, most in found.values)
    assert found == inputs_of(asked_of(HUMANEVAL), settings("examples", "mutations"), 0, "p")
    assert found != inputs_of(asked_of(HUMANEVAL), settings("examples", "mutations"), 1, "p")


def test_typed_descriptions_give_inputs_in_their_ranges():
    asked = asked_of(CODEIO, "def main_solution(mode, rate, rows):\n")
    found = inputs_of(asked, AgreementSettings(), 0, "p")
    assert found.sources == {"types": 20}
    for mode, rate, rows in found.values:
        assert mode in ("left", "right")
        assert 0 <= rate <= 1
        assert {len(row) for row in rows} == {len(rows)}
        assert all(3 <= number <= 7 for row in rows for number in row)


def test_nothing_is_guessed_where_examples_show_what_a_parameter_is():
    shown = asked_of("Sort.\n>>> f([1])\ndef f(xs):\n")
    assert inputs_of(shown, settings("examples", "types"), 0, "p").values == (([1],),)
    unknown = inputs_of(asked_of("# Take the first 3.\ndef f(xs):\n"), AgreementSettings(), 0, "p").values
    assert {type(xs) for (xs,) in unknown} == {int, str, list}


def test_nothing_to_go_by_gives_no_inputs():
    assert inputs_of(asked_of("Write a program."), AgreementSettings(), 0, "p").values == ()


def test_what_the_model_writes_is_read_like_examples():
    asked = asked_of("Add one.", "def f(x):\n")
    found = inputs_of(asked, settings("model", most_inputs=2), 0, "p", written="Sure:\nf(1)\nf(y)\nf(2) # 3\nf(3)")
    assert found.values == ((1,), (2,))
    assert found.sources == {"model": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("List[Tuple[int, str]]", Kind("list", (Kind("tuple", (Kind("int"), Kind("str"))),))),
        ("list of lists of floats", Kind("list", (Kind("list", (Kind("float"),)),))),
        ("dict of str to list of int", Kind("dict", (Kind("str"), Kind("list", (Kind("int"),))))),
        ("Optional[int]", Kind("either", (Kind("int"), Kind("none")))),
        ("int or None, optional", Kind("either", (Kind("int"), Kind("none")))),
        ("list of int/float", Kind("list", (Kind("either", (Kind("int"), Kind("float"))),))),
        ("a positive integer", Kind("int")),
        ("`string`", Kind("str")),
        ("frobnicator", ANY),
        ("", ANY),
    ],
)
def test_types_in_annotations_and_in_words(text, expected):
    assert kind_of(text) == expected


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here")
def test_real_statements_give_inputs():
    problems = load_benchmark(str(DATA / "HumanEval.jsonl.gz"))
    asked = [asked_of(problem.statement) for problem in problems]
    assert [each.entry_point for each in asked] == [problem.tests.entry_point for problem in problems]
    found = [example_calls(each.text, each.entry_point, [p.name for p in each.parameters]) for each in asked]
    assert sum(map(bool, found)) == 157
    with gzip.open(DATA / "codeio" / "prompts.jsonl.gz") as file:
        rows = [json.loads(line) for line in file][:200]
    drawn = [inputs_of(asked_of(row["question"], row["starter_code"]), AgreementSettings(), 0, "p") for row in rows]
    assert sum(len(each.values) >= 10 for each in drawn) >= 190
