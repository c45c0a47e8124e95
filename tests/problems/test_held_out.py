"""A code base's functions with doctests as a benchmark: what is shown, what is checked, what is left out and why."""

from __future__ import annotations

import statistics
from dataclasses import replace
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from selfdistill.cli.app import app
from selfdistill.errors import UserError
from selfdistill.grading.limits import Limits, Submission
from selfdistill.grading.pool import grade
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.doctests import examples_of, without_answers
from selfdistill.problems.held_out import held_out
from selfdistill.problems.programs.extract import programs_of
from selfdistill.problems.questions import problem_prompt
from selfdistill.problems.repository import repository_statements
from selfdistill.records import DoctestExample, DoctestTests, Outcome

CODE = '''
"""A module.

>>> double(77)
154
"""
from __future__ import annotations
import math, os
from math import sqrt as root
from .other import nothing
FACTOR = 2


class Pair:
    """Two. Not more."""
    def __init__(self, a, b):
        self.a, self.b = a, b
    def __repr__(self):
        return f"Pair({self.a}, {self.b})"
    def swapped(self):
        """Turned.

        >>> Pair(1, 2).swapped()
        Pair(2, 1)
        """
        return Pair(self.b, self.a)


def helper(x):
    """Helps.

    >>> double(88)
    176
    """
    return FACTOR * x


def double(x: Unknown) -> int:
    """Twice x.

    >>> from pkg.shapes import double
    >>> double(3)
    6
    >>> double(21)  # doctest: +ELLIPSIS
    4...
    >>> double("ab")
    'abab'
    >>> double(None)
    Traceback (most recent call last):
      ...
    TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'
    >>> Pair(1, 2)
    Pair(1, 2)
    >>> undefined  # doctest: +SKIP
    8888

    Nothing else.
    """
    return helper(x)


def distance(x, y):
    """From the origin.

    >>> distance(3, 4)
    5.0
    """
    return root(x * x + y * y)


def elsewhere():
    """Needs another module.

    >>> elsewhere()
    1
    """
    return nothing()


def wrong():
    """Is wrong.

    >>> wrong()
    1
    """
    return 2


def untested():
    """Tested by what the examples define.

    >>> import math
    >>> math.floor(2.5)
    2
    """
    return 3


async def later():
    """Is awaited.

    >>> later()
    1
    """
    return 1


def plain(x):
    """Has no examples, but calls one that has."""
    return double(x)
'''


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("base") / "pkg"
    root.mkdir()
    (root / "shapes.py").write_text(CODE)
    return root


def outcomes(problem, *programs):
    given = {str(at): Submission(str(at), program, problem.tests) for at, program in enumerate(programs)}
    verdicts = {verdict.key: verdict for verdict in grade(given.values(), limits=Limits(seconds_per_test=2.0))}
    return [verdicts[key].outcome for key in given]


def test_functions_with_examples_become_problems_and_the_others_are_counted(base):
    found = held_out(f"repository:{base}")
    assert [problem.task_id for problem in found.problems] == [
        "shapes.py:helper",
        "shapes.py:double",
        "shapes.py:distance",
    ]
    assert found.left_out == {
        "a method, or not a plain function": 2,
        "its own body does not pass here": 2,
        "its examples pass without it": 1,
    }
    assert load_benchmark(f"repository:{base}") == found.problems


def test_the_model_reads_what_is_needed_and_no_answer_but_the_first(base):
    helper, double, distance = held_out(f"repository:{base}").problems
    assert double.statement == double.program_prefix
    assert double.statement.startswith("from __future__ import annotations\nFACTOR = 2\n")
    assert "import math" not in double.statement
    assert "nothing" not in double.statement
    assert "A module." not in double.statement
    assert '"""Helps."""' in double.statement
    assert ">>> double(3)\n    6\n" in double.statement
    assert "Nothing else." in double.statement
    for hidden in ("21", "abab", "Traceback", "Pair(1, 2)", "8888", "154", "176"):
        assert hidden not in double.statement
    assert "return helper(x)" not in double.statement
    assert distance.statement == "from __future__ import annotations\nfrom math import sqrt as root\n\n\n" + dedent(
        '''\
        def distance(x, y):
            """From the origin."""
        '''
    )
    assert "def double" in helper.metadata["preamble"]
    assert double.statement.rstrip() in problem_prompt(double)


def test_a_problem_is_passed_by_its_own_body_and_by_no_other(base):
    _, double, distance = held_out(f"repository:{base}").problems
    given = double.program_prefix
    assert outcomes(
        double,
        double.reference,
        f"{given}    return x + x if x is not None else helper(x)\n",
        f"{given}    return 6\n",
        f"{given}    return helper(x) if x != 'ab' else 'ab'\n",
        f"{given}    return helper(0 if x is None else x)\n",
        f"{given}    return helper(x) or undefined(x\n",
        f"{given}    print(x)\n    return helper(x)\n",
        f"{given}    while True: pass\n",
        f"{given}    raise SystemExit(0)\n",
        f"{given}    import os\n    os._exit(0)\n",
        f"{given}    import sys\n    sys.stdout = None\n    return helper(x)\n",
        given.replace("return FACTOR * x", "return 5"),
    ) == [
        Outcome.PASSED,
        Outcome.PASSED,
        Outcome.WRONG_ANSWER,
        Outcome.WRONG_ANSWER,
        Outcome.WRONG_ANSWER,
        Outcome.SYNTAX_ERROR,
        Outcome.WRONG_ANSWER,
        Outcome.TIMEOUT,
        Outcome.EXCEPTION,
        Outcome.EXCEPTION,
        Outcome.EXCEPTION,
        Outcome.WRONG_ANSWER,
    ]
    assert outcomes(distance, "def distance(x, y): return 5", "def distance(x, y): return 5.0") == [
        Outcome.WRONG_ANSWER,
        Outcome.PASSED,
    ]


def test_a_chat_answer_may_repeat_what_it_was_given_or_leave_it_out(base):
    double = held_out(f"repository:{base}").problems[1]
    repeated = f"```python\n{double.reference}\n```"
    alone = "```python\ndef double(x):\n    return helper(x)\n```"
    with_future = "```python\nfrom __future__ import annotations\n\ndef double(x: Own):\n    return helper(x)\n```"
    for text in (repeated, alone, with_future):
        programs = programs_of(double, text, chat=True)
        assert outcomes(double, programs.needed, programs.whole) == [Outcome.PASSED] * 2, text
    cheating = programs_of(double, "```python\nfrom pkg.shapes import double\n```", chat=True)
    assert outcomes(double, cheating.needed) == [Outcome.EXCEPTION]


def test_replies_that_a_program_forges_are_answers_and_no_pass():
    tests = DoctestTests("f", (DoctestExample("f()\n", "1\n"), DoctestExample("f()\n", "2\n")))
    forged = dedent(
        """
        import os, marshal
        for fd in range(3, 64):
            try:
                os.write(fd, (5).to_bytes(4, "little") + b"R" + bytes(4))
            except OSError:
                pass
        def f(): return 1
        """
    )
    problem = held_out_problem(tests)
    assert outcomes(problem, forged, "def f(): return 1") == [Outcome.WRONG_ANSWER, Outcome.WRONG_ANSWER]


def held_out_problem(tests):
    problem = load_benchmark(f"repository:{statistics.__file__}")[0]
    return replace(problem, tests=tests)


def test_prompts_of_the_same_code_base_ask_for_none_of_them(base):
    rows = list(repository_statements(f"repository:{base}"))
    asked = [row.prompt_id for row in rows if not row.left_out]
    assert asked == ["shapes.py:plain"]
    why = {row.prompt_id: row.left_out for row in rows if row.left_out}
    assert why["shapes.py:double"] == why["shapes.py:wrong"] == "held out, as it has doctests"
    assert why["shapes.py:Pair.swapped"] == "held out, as it has doctests"


def test_a_file_of_them_is_the_same_benchmark(base, tmp_path):
    out, bench = tmp_path / "prompts.jsonl", tmp_path / "held-out.jsonl"
    done = CliRunner().invoke(app, ["prompts", f"repository:{base}", "--out", str(out), "--held-out", str(bench)])
    assert done.exit_code == 0, done.output
    assert "held out: 3 functions with doctests in" in done.output
    assert ", 1 its examples pass without it" in done.output
    assert load_benchmark(str(bench)) == held_out(f"repository:{base}").problems
    assert len(out.read_text().splitlines()) == 1
    without = CliRunner().invoke(app, ["prompts", str(out), "--out", str(out), "--held-out", str(bench)])
    assert isinstance(without.exception, UserError)
    assert "--held-out: is for one source repository:DIR" in str(without.exception)


def test_a_code_base_without_a_usable_example_is_one_line(tmp_path):
    (tmp_path / "x.py").write_text('def f():\n    """Gives one.\n\n    >>> f()\n    1\n    """\n    return 2\n')
    with pytest.raises(UserError, match=r"its own examples can judge: 1 its own body does not pass here"):
        held_out(f"repository:{tmp_path}")
    (tmp_path / "x.py").write_text("def f():\n    return 2\n")
    with pytest.raises(UserError, match="none has examples"):
        held_out(f"repository:{tmp_path}")


def test_the_standard_librarys_statistics_is_a_benchmark_that_right_bodies_alone_pass():
    problems = {problem.task_id: problem for problem in load_benchmark(f"repository:{statistics.__file__}")}
    names = ("median", "median_low", "median_high", "mode", "multimode", "covariance")  # in every version of Python
    assert problems.keys() >= {f"statistics.py:{name}" for name in names}
    for name in names[:3]:
        problem = problems[f"statistics.py:{name}"]
        first = f"{problem.program_prefix}    return data[0]\n"
        assert outcomes(problem, problem.reference, first)[0] is Outcome.PASSED
        assert outcomes(problem, first)[0] is not Outcome.PASSED


def test_examples_are_read_as_doctest_reads_them():
    said = "A.\n\n>>> x = 1\n>>> f(x)  # doctest: +NORMALIZE_WHITESPACE\n1\n<BLANKLINE>\n>>> f(2)\n2\n\nB."
    assert examples_of(said) == (
        DoctestExample("x = 1\n", ""),
        DoctestExample("f(x)  # doctest: +NORMALIZE_WHITESPACE\n", "1\n<BLANKLINE>\n", None, ("NORMALIZE_WHITESPACE",)),
        DoctestExample("f(2)\n", "2\n"),
    )
    assert without_answers(said) == (
        "A.\n\n>>> x = 1\n>>> f(x)  # doctest: +NORMALIZE_WHITESPACE\n1\n<BLANKLINE>\n\nB."
    )
    assert without_answers("A.\n\n>>> f(2)\n2\n\nB.") == "A.\n\nB."
    assert examples_of(">>> x = 1\n") == ()
    assert examples_of(None) == ()
    assert examples_of(">>>f(1)\n1\n") == ()
