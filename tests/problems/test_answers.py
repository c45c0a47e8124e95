"""From chat answers and raw completions to programs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfdistill.problems.programs.extract import Programs, assemble_program, extract_code, programs_of
from selfdistill.problems.programs.thoughts import opened_thought
from selfdistill.problems.questions import problem_prompt
from selfdistill.records import AssertTests, CallTests, PredictionTests, Problem, StdinTests


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no code", None),
        ("", None),
        ("```python\nx = 1\n```", "x = 1\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("a\n```python\nx = 1\n```\nb\n```python\nx = 2\n```\nc", "x = 2\n"),
        ("```python\nx = 1\n```\nthen\n```python\nx = 2", "x = 1\n"),
        ("```python\nx = 1", "x = 1"),
        ("<think>\n```python\nx = 1\n```\n</think>\nIt is:\n```python\nx = 2\n```", "x = 2\n"),
        ("<think>\n```python\nx = 1\n```\n", None),
        ("```python\nx = 1\n```\n</think>\nnothing", None),
        ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''\n"),
        ("~~~\nx = 1\n~~~", "x = 1\n"),
        ("  ```python\nx = 1\n  ```", "x = 1\n"),
        ("```python\n```", None),
        ("inline ```x``` only", None),
        ("```python\r\nx = 1\r\n```", "x = 1\r\n"),
    ],
)
def test_extract_code(text: str, code: str | None) -> None:
    assert extract_code(text) == code


@given(
    st.text(st.characters(exclude_characters="`~<"), max_size=200),
    st.text(st.characters(exclude_characters="`~<["), max_size=50),  # nor any mark of a thought
)
def test_what_is_fenced_comes_out(code: str, chatter: str) -> None:
    code = code.replace("\r", "")
    found = extract_code(f"{chatter}\n```python\n{code}\n```\n{chatter}")
    assert found == (code + "\n" if code.strip() else None)


@given(st.text(st.sampled_from("`~ \nx<think>/"), max_size=60))
def test_extract_code_never_raises(text: str) -> None:
    extract_code(text)


CRUX_O = Problem("o", "", PredictionTests("output", "def f(x): return x", "3", "3"))
CRUX_I = Problem("i", "", PredictionTests("input", "def f(x): return x", "3", "3"))


@pytest.mark.parametrize(
    ("problem", "text", "chat", "expression"),
    [
        (CRUX_O, "[ANSWER] [1, 2] [/ANSWER]", True, "[1, 2]"),
        (CRUX_O, "so [ANSWER] f(3) == 3 [/ANSWER]", True, "3"),
        (CRUX_O, "[ANSWER] assert f(3) == 3 [/ANSWER]", True, "3"),
        (CRUX_O, "```python\n3\n```", True, "3"),
        (CRUX_O, "it is 3", True, None),
        (CRUX_O, "3\n", False, "3"),
        (CRUX_O, "'a == b'", False, "'a == b'"),
        (CRUX_I, "[ANSWER] f(3) [/ANSWER]", True, "3"),
        (CRUX_I, "[ANSWER] assert f([3], (4)) == 3 [/ANSWER]", True, "[3], (4)"),
        (CRUX_I, "3", False, "3"),
    ],
)
def test_prediction_answers(problem: Problem, text: str, chat: bool, expression: str | None) -> None:
    assert assemble_program(problem, text, chat=chat) == expression


FUNCTION = "def f(x):\n    return x\n"


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is: ```python\n{FUNCTION}```",
        f"```python\n{FUNCTION}``` This works because",
        f"```python\n{FUNCTION}\n```\nIt prints:\n```\n3\n```\n",
        f"```bash\npip install x\n```\n```python\n{FUNCTION}",
        "1. Write it:\n\n   ```python\n   def f(x):\n       return x\n   ```\n",
        "1. Write it: ```python\n   def f(x):\n       return x\n   ```\n",
        "- ```python\n  def f(x):\n      return x\n  ```",
        "* item\n\n\t```python\n\tdef f(x):\n\t    return x\n\t```",
        "> ```python\n> def f(x):\n>     return x\n> ```\n",
        "```python\ndef f(x):\n    return x```",
        f'```py title="a.py"\n{FUNCTION}```',
        f"``` python\n{FUNCTION}```",
        f"```python\nx = 1\n```python\n{FUNCTION}```\n",
        f"~~~python\n{FUNCTION}~~~",
        f"```python\n{FUNCTION}# strips </think>\n```",
        f"<think>use ```python\nx\n``` or </think>\n```python\n{FUNCTION}s = '</think>'\n```",
        f"so it is x.</think>\n\n```python\n{FUNCTION}```",
        f"<think>a</think><think>b</think>```python\n{FUNCTION}```",
        f"Sure.\n<think>no</think>\n```python\n{FUNCTION}```",
        f"<Thinking>no</Thinking>\n```python\n{FUNCTION}```",
        f"```python\n{FUNCTION}s = '<|channel|>analysis<|message|>'\n```",
        f"- a\n  ```python\n{FUNCTION}  ```",
        f"[THINK]no[/THINK]```python\n{FUNCTION}```",
        "<|channel|>analysis<|message|>```python\nx\n```<|end|><|start|>assistant<|channel|>final<|message|>"
        f"```python\n{FUNCTION}```",
    ],
)
def test_every_form_of_block_gives_the_function(text: str) -> None:
    problem = Problem("p", "", AssertTests("assert f(3) == 3", "f"))
    namespace: dict[str, Any] = {}
    exec(programs_of(problem, text, chat=True).needed or "", namespace)
    assert namespace["f"](3) == 3


@pytest.mark.parametrize(
    "text",
    [
        f"{FUNCTION}```",
        "```python\n\n```",
        f"<think>\n```python\n{FUNCTION}```\nbut",
        f"  <think>```python\n{FUNCTION}```",
        f"[THINK]```python\n{FUNCTION}```",
        f"<think>a</think>\n<think>draft ```python\n{FUNCTION}```",
        f"Sure.\n<think>draft\n```python\n{FUNCTION}```",
        f"<reasoning>```python\n{FUNCTION}```",
        f"<|channel|>analysis<|message|>```python\n{FUNCTION}```",
        f"```python\n{FUNCTION}\n</think>\nno code after all",
    ],
)
def test_what_cannot_be_an_answer_has_no_program(text: str) -> None:
    problem = Problem("p", "", AssertTests("assert f(3) == 3", "f"))
    assert programs_of(problem, text, chat=True) == Programs(None, None)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "x </think>\n" * 30_000,
        "```\n```\nx </think>\n" * 20_000,
        "a\n<think></think>\n" * 20_000,
        "```\n<think>\n```\n" * 20_000,
        "```python\nx = [" + "1, " * 100_000,
        "```python\nx" + "`` " * 100_000,
        "<|channel|>" + "a" * 300_000,
        "<|channel|> " * 30_000,
        " \n" * 100_000 + "<think",
        "> " * 150_000,
        "[ANSWER]" * 40_000,
    ],
    ids=["ends", "ends in code", "thoughts", "tags in code", "long line", "ticks", "channel", "channels", "blank",
         "quoted", "answers"],
)  # fmt: skip
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    """It is read in the grader's own process; where the time is quadratic in its length, each takes minutes."""
    call = Problem("p", "", AssertTests("assert f(3) == 3", "f"))
    prediction = Problem("p", "", PredictionTests("output", "def f(x): return x", "3", "3"))
    for problem in (call, prediction):
        programs_of(problem, text, chat=True)


def test_a_docstring_with_fences_stays_whole() -> None:
    code = 'def f(x):\n    """Say\n\n    ```\n    f(3)\n    ```\n    """\n    return x\n'
    assert extract_code(f"```python\n{code}```\n") == code


def test_a_template_may_open_the_thought() -> None:
    assert opened_thought("<|im_start|>assistant\n<think>\n") == "<think>\n"
    assert opened_thought("<|im_start|>assistant\n<think>\n\n</think>\n\n") == ""
    assert opened_thought("assistant\n") == ""


def test_an_empty_continuation_is_no_answer() -> None:
    problem = Problem("p", "", AssertTests("assert f(3) is None", "f"), program_prefix='def f(x):\n    """Doc."""\n')
    assert programs_of(problem, "  \n", chat=False) == Programs(None, None)
    cut = programs_of(problem, "    pass\n\ndef g(:\n", chat=False)
    assert cut.needed == 'def f(x):\n    """Doc."""\n    pass\n'
    broken = programs_of(problem, "    ((\n", chat=False)
    assert broken.needed == broken.whole  # not the prompt alone, which would pass these tests


def test_preamble_stands_before_a_chat_answer() -> None:
    problem = Problem(
        "h", "", AssertTests(""), program_prefix="import math\ndef f(x):\n", metadata={"preamble": "import math"}
    )
    assert assemble_program(problem, "    return x", chat=False) == "import math\ndef f(x):\n    return x"
    assert assemble_program(problem, "```\ndef f(x): ...\n```", chat=True) == "import math\ndef f(x): ...\n"
    future = "```\nfrom __future__ import annotations\n```"
    assert assemble_program(problem, future, chat=True) == "from __future__ import annotations\n"
    assert assemble_program(problem, "no code", chat=True) is None


def test_prompts_say_what_the_tests_need() -> None:
    stdin = problem_prompt(Problem("s", "Add two numbers.", StdinTests(())))
    assert "standard input" in stdin
    assert "Add two numbers." in stdin
    call = problem_prompt(
        Problem("c", "Add.", CallTests("add", ()), starter_code="class Solution:\n    def add(self): ...")
    )
    assert "class Solution" in call
    complete = problem_prompt(Problem("h", "", AssertTests("", "f"), program_prefix="def f(x):\n"))
    assert "def f(x):" in complete
    assert "f(3)" in problem_prompt(CRUX_O)
    assert "```python" in problem_prompt(Problem("m", "Write f.", AssertTests("")))
