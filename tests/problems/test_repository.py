"""A code base's functions as prompts: what is asked, what is shown of the code around it, and that no body gets out."""

from __future__ import annotations

import ast
import re
from textwrap import dedent

import pytest

from selfdistill.errors import UserError
from selfdistill.problems.prepare import prepare_prompts
from selfdistill.problems.render import Renderer
from selfdistill.problems.repository import repository_statements
from selfdistill.recipe.prompts import PromptSettings
from tiny_models import make_tokenizer

SHAPES = '''
import math
from functools import reduce
from pkg import text as words
from .numbers import clamp, Base
LIMIT = 7
TABLE = {"a": "%s"}


def area(radius: float) -> float:
    """The area of a circle.

    Exact to fifteen digits.
    """
    secret_one = clamp(radius, LIMIT)
    return math.pi * secret_one**2 + len(TABLE)


class Ring(Base):
    """Two circles."""

    inner: float
    outer: float

    @property
    def size(self):
        """What is between them."""
        secret_two = area(self.outer) - area(self.inner)
        return self.scaled(secret_two)

    async def named(self, *, upper: bool = False) -> str:
        return words.shout(self.helper(), upper)

    def helper(self):
        secret_three = 1
        return secret_three

    def __repr__(self):
        """Shown."""
        return "secret_four"


def later():
    """Not written yet."""
    raise NotImplementedError


def abstract(): ...
''' % ("x" * 200)
NUMBERS = '''
def clamp(value: float, limit: float = 1) -> float:
    """Cut off at a limit. And more."""
    return min(value, limit)

class Base:
    def scaled(self, by: float) -> float:
        """By a factor."""
        return by * 2
'''
TEXT = """
def shout(text, upper):
    return text.upper() if upper else text
"""


@pytest.fixture
def repository(tmp_path):
    files = {
        "pkg/__init__.py": "",
        "pkg/shapes.py": SHAPES,
        "pkg/numbers.py": NUMBERS,
        "pkg/text.py": TEXT,
        "pkg/broken.py": "def f(:\n",
        "tests/test_shapes.py": 'def check():\n    """Of a test."""\n    return 1\n',
        ".venv/lib/other.py": 'def other():\n    """Not ours."""\n    return 1\n',
        "build/copy.py": 'def copy():\n    """A copy."""\n    return 1\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def rows(repository) -> dict:
    return {row.prompt_id: row for row in repository_statements(f"repository:{repository}")}


def test_functions_that_something_is_said_about_are_asked_for_and_the_rest_is_counted(repository):
    found = rows(repository)
    asked = [name for name, row in found.items() if not row.left_out]
    assert asked == [
        "pkg/numbers.py:clamp",
        "pkg/numbers.py:Base.scaled",
        "pkg/shapes.py:area",
        "pkg/shapes.py:Ring.size",
        "pkg/shapes.py:Ring.named",
    ]
    assert {name: row.left_out for name, row in found.items() if row.left_out} == {
        "pkg/broken.py": "file that is not Python",
        "pkg/shapes.py:Ring.helper": "nothing said about it",
        "pkg/shapes.py:Ring.__repr__": "special method",
        "pkg/shapes.py:later": "stub",
        "pkg/shapes.py:abstract": "stub",
        "pkg/text.py:shout": "nothing said about it",
        "tests/test_shapes.py:check": "test",
    }


def test_a_function_is_shown_with_its_docstring_what_it_imports_and_the_constants_that_it_reads(repository):
    row = rows(repository)["pkg/shapes.py:area"]
    assert row.statement == dedent(
        """\
        Write `area` of the module `pkg/shapes.py`.

        The module has:
        ```python
        import math
        from .numbers import clamp
        LIMIT = 7
        ```

        It calls, from the same code base:
        - `clamp(value: float, limit: float=1) -> float`: Cut off at a limit. And more."""
    )
    tree = ast.parse(row.starter_code)
    assert ast.get_docstring(tree.body[0]).endswith("Exact to fifteen digits.")
    assert row.starter_code.startswith("def area(radius: float) -> float:\n")


def test_a_method_is_asked_for_in_its_class_and_its_calls_are_found_through_bases_and_imports(repository):
    found = rows(repository)
    size, named = found["pkg/shapes.py:Ring.size"], found["pkg/shapes.py:Ring.named"]
    assert size.starter_code == (
        "class Ring(Base):\n    inner: float\n    outer: float\n\n    @property\n    def size(self):\n"
        '        """What is between them."""\n        ...'
    )
    assert "- `area(radius: float) -> float`: The area of a circle." in size.statement
    assert "- `Base.scaled(self, by: float) -> float`: By a factor." in size.statement
    assert "- `shout(text, upper)`" in named.statement
    assert "- `Ring.helper(self)`" in named.statement
    assert "async def named(self, *, upper: bool=False) -> str:" in named.starter_code


def test_no_body_gets_into_a_prompt(repository):
    shown = "".join(row.statement + row.starter_code for row in rows(repository).values())
    assert not re.search(r"secret_\w+|by \* 2|min\(value", shown)


def test_the_same_code_base_gives_the_same_prompts_rendered_as_functions_to_complete(repository):
    settings = PromptSettings(source=f"repository:{repository}")
    renderer = Renderer(make_tokenizer(chat=False), settings)
    prompts, counts = prepare_prompts(renderer, seed=0, context=4096)
    assert (prompts, counts) == prepare_prompts(renderer, seed=0, context=4096)
    assert "by completing the given code" in prompts[0].text
    assert "def clamp(value: float, limit: float=1) -> float:" in prompts[0].text
    assert (counts.loaded, counts.kept) == (12, 5)
    assert counts.dropped == {
        "file that is not Python": 1,
        "nothing said about it": 2,
        "special method": 1,
        "stub": 2,
        "test": 1,
    }


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_directory_without_python_is_one_line(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=f"repository:.*{name}.*: (no such directory|holds no Python)"):
        rows(tmp_path / name)
