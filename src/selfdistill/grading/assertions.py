"""Read an assertion script as a list of calls and, for each assertion, an expression over what they gave.

`assert f(literals) == literal` is most of HumanEval and MBPP; `assert not f(...)`, `abs(f(...) - c) < eps`,
`set(f(...)) == set(...)` and `math.isclose(f(...), c)` are most of the rest. A script of such assertions needs no
process of its own: the calls run in the program's sandbox, and the host evaluates the expressions on plain data.

Only what is listed here is read; anything else gives None. The operators and functions are those whose cost is bounded
by the size of their operands, because the values come from the program. Runs nothing of the program's.
"""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from selfdistill.grading.inside import plain
from selfdistill.records import AssertTests

_LARGEST = 1_000_000
"""Elements of a constant, those of its elements included, and base of a power, that a script's arithmetic may make."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function of the program."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assertion:
    """One `assert`: its calls in the order of evaluation, and what must be true of their results."""

    calls: tuple[Call, ...]
    constants: tuple[Any, ...]
    code: CodeType
    """An expression over `_0`, `_1`, ...: the calls' results; and `_c0`, `_c1`, ...: the constants."""
    equality: bool
    """It says no more than that its one call gives its one constant."""
    line: int
    """In the script."""

    def holds(self, results: Sequence[Any]) -> bool:
        """Whether it holds for these results, one a call, of exact built-in types.

        Raises:
            Exception: what the expression raises on them, e.g. a TypeError.
        """
        names = {f"_{i}": result for i, result in enumerate(results)}
        names |= {f"_c{i}": value for i, value in enumerate(self.constants)}
        return bool(eval(self.code, _GLOBALS, names))


def assertions_of(tests: AssertTests) -> tuple[Assertion, ...] | None:
    """The assertions that a script consists of, or None if it is more than that."""
    return _assertions(tests.script, tests.entry_point, tests.setup)


def _set(values: Any = ()) -> set[Any]:
    items = list(values)
    plain.refuse_collisions(items)
    return set(items)


_FUNCTIONS = {
    "abs": abs,
    "bool": bool,
    "len": len,
    "list": list,
    "round": round,
    "set": _set,
    "sorted": sorted,
    "tuple": tuple,
}
_GLOBALS: dict[str, Any] = {**_FUNCTIONS, "_isclose": math.isclose, "__builtins__": {}}
_OPERATORS = (ast.Add, ast.Sub, ast.Div)  # of program's values; `*` and `%` could make a huge one of a small one
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@lru_cache(maxsize=4096)
def _assertions(script: str, entry_point: str | None, setup: str) -> tuple[Assertion, ...] | None:
    try:
        body = ast.parse(script).body
        if entry_point is not None:
            body = _body_of_check(body)
        found = tuple(_assertion(node, entry_point) for node in _statements(body))
    except (ValueError, SyntaxError, RecursionError, TypeError, ArithmeticError):
        return None
    if any(f"import {name}" in setup for name in _FUNCTIONS):
        return None  # the program's own function of that name
    for call in (call for each in found for call in each.calls):
        if hasattr(builtins, call.name) and f"import {call.name}" not in setup:
            return None
    return found or None


def _body_of_check(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of `check(candidate)`, where the script defines that and, besides it, only constants."""
    checks = [node for node in body if isinstance(node, ast.FunctionDef)]
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.Assign)):
            raise ValueError("more than a check")
        if isinstance(node, ast.Assign):
            ast.literal_eval(node.value)
    if len(checks) != 1 or checks[0].name != "check" or [arg.arg for arg in checks[0].args.args] != ["candidate"]:
        raise ValueError("no plain check(candidate)")
    return checks[0].body


def _statements(body: list[ast.stmt]) -> Iterator[ast.Assert]:
    """The assertions. `assert True`, a docstring and the bare name of a built-in do nothing and may be left out."""
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Name) and hasattr(builtins, node.value.id):
            continue
        if not isinstance(node, ast.Assert):
            raise ValueError("not an assertion")
        if isinstance(node.test, ast.Constant) and node.test.value is True:
            continue
        yield node


def _assertion(node: ast.Assert, entry_point: str | None) -> Assertion:
    reader = _Reader(entry_point)
    expression = reader.expression(node.test)
    if not reader.calls:
        raise ValueError("calls nothing")
    code = compile(ast.fix_missing_locations(ast.Expression(expression)), "assertion", "eval")
    equality = ast.unparse(expression) == "_0 == _c0"
    return Assertion(tuple(reader.calls), tuple(reader.constants), code, equality, node.lineno)


class _Reader:
    """Rewrites one assertion's expression, with its calls and constants taken out."""

    def __init__(self, entry_point: str | None) -> None:
        self.calls: list[Call] = []
        self.constants: list[Any] = []
        self._names = None if entry_point is None else {"candidate": entry_point, entry_point: entry_point}

    def call(self, node: ast.expr) -> Call | None:
        """The call of a function of the program that a node is, or None."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            return None
        name = node.func.id
        if name in _FUNCTIONS or (self._names is not None and name not in self._names):
            return None
        keywords = {keyword.arg: constant(keyword.value) for keyword in node.keywords if keyword.arg is not None}
        if len(keywords) != len(node.keywords):
            raise ValueError("keywords from a dict")
        args = tuple(constant(argument) for argument in node.args)
        return Call(name if self._names is None else self._names[name], args, keywords)

    def expression(self, node: ast.expr) -> ast.expr:
        """The node over names for the calls' results and the constants.

        Raises:
            ValueError: it holds something that is not read here.
        """
        call = self.call(node)
        if call is not None:
            self.calls.append(call)
            return ast.Name(f"_{len(self.calls) - 1}", ast.Load())
        try:
            self.constants.append(constant(node))
            return ast.Name(f"_c{len(self.constants) - 1}", ast.Load())
        except ValueError:
            pass
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
            return ast.UnaryOp(node.op, self.expression(node.operand))
        if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
            return ast.BinOp(self.expression(node.left), node.op, self.expression(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._comparison(node)
        if isinstance(node, ast.Call):
            keywords = [ast.keyword(word.arg, self.expression(word.value)) for word in node.keywords]
            return ast.Call(_function(node.func), [self.expression(each) for each in node.args], keywords)
        raise ValueError(f"{type(node).__name__} is not read")

    def _comparison(self, node: ast.Compare) -> ast.expr:
        right = node.comparators[0]
        singleton = isinstance(right, ast.Constant) and right.value in (None, True, False)
        if not isinstance(node.ops[0], _COMPARISONS):
            if not (isinstance(node.ops[0], (ast.Is, ast.IsNot)) and singleton):
                raise ValueError("not a comparison of values")
            return ast.Compare(self.expression(node.left), node.ops, [right])
        return ast.Compare(self.expression(node.left), node.ops, [self.expression(right)])


def _function(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Name) and node.id in _FUNCTIONS:
        return node
    if ast.unparse(node) == "math.isclose":
        return ast.Name("_isclose", ast.Load())
    raise ValueError("not a function that is read")


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
}


def constant(node: ast.expr) -> Any:
    """The value of an expression of literals and arithmetic, e.g. `[3 * 19, "ab" + "c"]`.

    Raises:
        ValueError: it is more than that, or its value would be large.
    """
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        items = [constant(item) for item in node.elts]
        return {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)](items)
    if isinstance(node, ast.Dict) and all(node.keys):
        return {constant(key): constant(item) for key, item in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -constant(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = constant(node.left), constant(node.right)
        _refuse_large(node.op, left, right)
        return _ARITHMETIC[type(node.op)](left, right)
    raise ValueError("not a constant")


def _refuse_large(operator: ast.operator, left: Any, right: Any) -> None:
    if isinstance(operator, ast.Mod) and isinstance(left, (str, bytes)):
        raise ValueError("formats text")
    if isinstance(operator, ast.Pow) and not (abs(left) <= _LARGEST and abs(right) <= 1000):
        raise ValueError("a large power")
    if isinstance(operator, ast.Mult):
        sizes = [_size(each) for each in (left, right) if hasattr(each, "__len__")]
        counts = [each for each in (left, right) if not hasattr(each, "__len__")]
        if sizes and counts and sizes[0] * counts[0] > _LARGEST:
            raise ValueError("a large repetition")


def _size(value: Any) -> int:
    """Elements of a value, and of its elements: `[[0] * 10**5] * 10**5` takes little memory until it is written."""
    if isinstance(value, (list, tuple, set)):
        return 1 + sum(map(_size, value))
    if isinstance(value, dict):
        return 1 + sum(map(_size, value)) + sum(map(_size, value.values()))
    return len(value) if isinstance(value, (str, bytes)) else 1
