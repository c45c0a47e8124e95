"""The Python grammar against CPython: what it allows compiles, and what people write it allows."""

from __future__ import annotations

import ast
import importlib
import inspect
import keyword
import textwrap
import warnings
from functools import cache

import numpy as np
import pytest
import torch
from llguidance import LLMatcher

from selfdistill import embedded
from selfdistill.decoding.syntax import masks
from selfdistill.decoding.syntax.masks import SyntaxMasks
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.decoding_rules import PythonSyntax
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from tests.decoded import decoded
from tiny_models import make_tokenizer

DEPTH = 8
LEFT_OUT = (
    ast.ClassDef, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await, ast.Match, ast.Global, ast.Nonlocal,
    ast.NamedExpr, ast.JoinedStr, ast.TryStar,
)  # fmt: skip
"""What docs and grammar say is left out (some f-strings are in)."""


@cache
def tokenizer():
    return load_tokenizer("embedded")


def matcher(new_line: bool = False) -> LLMatcher:
    return masks._matcher(tokenizer(), (0,), len(tokenizer()), DEPTH, new_line).deep_copy()


def accepted(text: str, new_line: bool = False) -> bool:
    """Whether the grammar takes the whole text and lets it end."""
    row = matcher(new_line)
    token_ids = tokenizer()(text).input_ids
    return row.try_consume_tokens(token_ids) == len(token_ids) and row.is_accepting()


def test_reference_programs_are_accepted():
    for problem in [*embedded.problems("validation"), *embedded.problems("test")][::4]:
        body = problem.reference.removeprefix(problem.program_prefix)
        assert accepted(body), body
        assert accepted(body.rstrip("\n")), body


@pytest.mark.parametrize("family", ["lists", "scalars", "strings"])
def test_existing_programs_are_accepted_where_they_compile(family):
    for text in embedded.texts(100, family):
        try:
            compile(text.prompt + text.program, "text", "exec")
        except SyntaxError:
            assert not accepted(text.program), text.program
        else:
            assert accepted(text.program), text.program


@pytest.mark.parametrize("module", ["bisect", "heapq", "textwrap", "statistics", "random", "fractions", "shlex", "csv"])
def test_functions_of_the_standard_library_are_accepted(module):
    """As `ast.unparse` prints them, but for what is documented as left out."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    seen = 0
    for function in functions:
        body = "\n" + textwrap.indent("\n".join(map(ast.unparse, function.body)), "    ")
        if len(body) > 2000 or any(isinstance(node, LEFT_OUT) for s in function.body for node in ast.walk(s)):
            continue
        seen += 1
        assert accepted(body), body
    assert seen >= 3


@pytest.mark.parametrize(
    "body",
    [
        "\n    return 1",
        "\n    # why\n\n    x = 1  # because\n\n    return x\n",
        "\n    return f(\n        a,  # one\n        b,\n    )\n",
        "\n    return [\n        x\n        for x in a\n        if x\n    ]",
        '\n    """Say it.\n\n    Twice.\n    """\n    return f"{a} {b.c!r:>10} {{}}"',
        "\n    if a: return b\n    elif c:\n        pass\n    else:\n        x = y = 3\n    return x",
        "\n    for i, (j, *k) in enumerate(a): continue",
        "\n    a[1:, ::2] = b.c = d(*e, f=1, **g)",
        "\n    try:\n        x()\n    except (A, B) as e:\n        raise C from e\n    finally:\n        del x[0], y",
        "\n    with open(a) as b, c: pass",
        "\n    def g(x: int, y=2, *z, **w) -> str:\n        yield x\n    return lambda q, r=1: q if r else g",
        "\n    return a not in b and c is not None or not -d ** 2 <= 0x1F | 1_000",
        "\n    yield x\n    yield from f\n    x = yield f\n    return x is n and y is not n and z in n and w not in i",
        "\n    return i if i else [e for i in n if o if a] or r'' + b + u",
        "\n    import a.b as c; from d import e as f, g; return {**c, 'x': 1.5e3, b'y': ()}",
    ],
)
def test_python_of_many_kinds(body):
    compile("def f():" + body, "body", "exec")
    assert accepted(body)


@pytest.mark.parametrize(
    "body",
    [
        " return 1",
        "\n  return 1",
        "\n     return 1",
        "\n\treturn 1",
        "\n    return 1\n  x",
        "\n    if a:\n    b",
        "\n    if a:\n            b",
        "\n    break",
        "\n    for x in a:\n        def g():\n            continue",
        "\n    x y",
        "\n    1 = x",
        "\n    f() = 1",
        "\n    return (1",
        "\n    return [1)",
        "\n    'abc",
        "\n    '\\x1'",
        "\n    x +",
        "\n    def = 1",
        "\n    a == not b",
        "\n    f(a=1, b)",
        "\n    f(x for x in y, 1)",
        "\n    *a",
        "\n    01",
        "\n    else:\n        pass",
        "\n    try:\n        x",
        "\n    return\ny = 1",
        "\n    *a, *b = c",
        "\n    x = 1if y else z",
    ],
)
def test_what_is_not_python_is_refused(body):
    assert not accepted(body)


def test_the_body_may_follow_a_line_that_has_ended():
    assert accepted("    x = 1\n    return x", new_line=True)
    assert not accepted("    x = 1\n    return x", new_line=False)
    assert not accepted("x = 1", new_line=True)


def test_no_keyword_is_a_name():
    for word in keyword.kwlist:
        assert not accepted(f"\n    x = y.{word}"), word


def test_random_walks_compile():
    """Tokens drawn blindly among those allowed: CPython must compile whatever may end."""
    draws = np.random.default_rng(0)
    checked = 0
    while checked < 100:
        body = random_body(draws)
        if body is None:
            continue
        checked += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # e.g. "is" with a literal
            compile("def f():" + body, "walk", "exec")


def random_body(draws: np.random.Generator, limit: int = 60) -> str | None:
    """A body that ends within the limit, or None. Short tokens, and code rather than strings, are preferred."""
    rows, state = np.array([0]), SyntaxMasks(PythonSyntax(rule="python-syntax"), [[5]], tokenizer(), (0,), 640)
    token_ids: list[int] = []
    for _ in range(limit):
        logits = state.apply(torch.zeros(1, 640), rows)[0]
        allowed = np.flatnonzero(torch.isfinite(logits).numpy())
        assert len(allowed)
        if 0 in allowed and (len(token_ids) > limit / 2 or draws.random() < 0.05):
            return tokenizer().decode(token_ids)
        token = int(draws.choice(allowed[allowed != 0]))
        token_ids.append(token)
        state.advance(rows, torch.tensor([token]))
    return None


def test_masks_agree_with_single_steps():
    """A token is allowed exactly where the matcher takes it."""
    prefix = tokenizer()("\n    for x in a:\n        if x").input_ids
    state = SyntaxMasks(PythonSyntax(rule="python-syntax"), [[5], [5]], tokenizer(), (0,), 640)
    for token in prefix:
        state.advance(np.array([0, 1]), torch.tensor([token, token]))
    logits = state.apply(torch.zeros(2, 640), np.array([1, 0]))
    row = matcher()
    assert row.consume_tokens(prefix)
    for token in range(1, 640):
        assert bool(torch.isfinite(logits[0, token])) == (row.validate_tokens([token]) == 1), token
    assert (logits[0] == logits[1]).all()
    assert not torch.isfinite(logits[0, 0])  # "if x" cannot end here


def test_completions_of_a_real_engine_compile_and_rows_keep_their_own_state():
    """The embedded model, hot: everything that ended by itself is Python, whatever the batch."""
    settings = ModelSettings(path="embedded", dtype="float32", device="cpu")
    problems = embedded.problems("validation")[:24]
    requests = [Request(tuple(tokenizer()(p.statement).input_ids), (0, "t", p.task_id)) for p in problems]
    hot = Decoding(temperature=2.0)
    stages = (PythonSyntax(rule="python-syntax"), hot)
    together = load_engine(settings, EngineSettings(batch_size=24)).generate(
        decoded(requests, stages), max_new_tokens=60
    )
    apart = load_engine(settings, EngineSettings(batch_size=7)).generate(decoded(requests, stages), max_new_tokens=60)
    free = load_engine(settings, EngineSettings(batch_size=24)).generate(decoded(requests, (hot,)), max_new_tokens=60)

    def broken(completions) -> int:
        ended = [(p, c) for p, c in zip(problems, completions, strict=True) if c.finish_reason == "stop"]
        return sum(not compiles(p.program_prefix + tokenizer().decode(c.token_ids[:-1])) for p, c in ended)

    assert [c.token_ids for c in together] == [c.token_ids for c in apart]
    assert broken(together) == 0
    assert any(c.finish_reason == "stop" for c in together)
    assert broken(free) > 0


def compiles(program: str) -> bool:
    try:
        compile(program, "program", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def test_logits_may_be_wider_than_the_tokenizer():
    state = SyntaxMasks(PythonSyntax(rule="python-syntax"), [[5]], make_tokenizer(chat=False), (0,), 300)
    logits = state.apply(torch.zeros(1, 300), np.array([0]))
    assert logits.shape == (1, 300)
    assert not torch.isfinite(logits[0, 261:]).any()
