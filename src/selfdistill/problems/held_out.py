"""`repository:DIR` as a benchmark: a code base's functions whose docstrings have examples, judged by these examples.

They are kept out of the prompts of the same code base. The model reads what of its module the function needs, its
signature, and its docstring with the first example alone (`doctests.py`). A function is used if its own body passes all
examples in the sandbox, and an empty one does not; what is left out is counted by its reason.

    selfdistill prompts repository:src --out prompts.jsonl --held-out benchmark.jsonl
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from textwrap import indent

from selfdistill.errors import UserError
from selfdistill.grading.limits import Submission
from selfdistill.grading.pool import grade
from selfdistill.problems.doctests import examples_of, without_answers
from selfdistill.problems.programs.needed import needed_program
from selfdistill.problems.programs.used_names import used_names
from selfdistill.problems.repository import Function, Module, functions_of, modules_of, root_of, unfair
from selfdistill.records import DoctestExample, DoctestTests, Outcome, Problem

LONGEST_PREAMBLE = 8_000
"""Characters of the module that are shown before a function."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The functions of a code base that have examples."""

    problems: tuple[Problem, ...]
    left_out: Mapping[str, int]
    """By reason."""


def held_out(source: str) -> HeldOut:
    """The benchmark of a code base. Runs its functions, in the sandbox.

    Args:
        source: `repository:DIR`; DIR may also be one file.

    Raises:
        UserError: there is no such directory, no Python in it, no function can be used, or programs cannot be isolated.
    """
    root = root_of(source)
    files = [root] if root.is_file() else sorted(root.rglob("*.py"))
    return _held_out(source, tuple((str(path), path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=4)
def _held_out(source: str, stamps: tuple[tuple[str, int], ...]) -> HeldOut:
    left_out: Counter[str] = Counter()
    problems: dict[str, Problem] = {}
    modules, _broken = modules_of(root_of(source))
    for module in modules:
        for found in _problems(module):
            if isinstance(found, str):
                left_out[found] += 1
            elif found.task_id in problems:
                left_out["defined twice"] += 1
            else:
                problems[found.task_id] = found
    good = _checked(problems, left_out)
    if not good:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "none has examples"
        raise UserError(f"has no function that its own examples can judge: {reasons}", where=source)
    return HeldOut(good, dict(left_out))


def _problems(module: Module) -> Iterator[Problem | str]:
    """A problem, or why there is none, for each function with examples."""
    source, defined = ast.unparse(module.tree), _defined(module.tree)
    for function, owner in functions_of(module.tree):
        examples = _without_own_imports(examples_of(ast.get_docstring(function)), defined)
        if not examples or unfair(module, function):
            continue
        if owner is not None or isinstance(function, ast.AsyncFunctionDef) or function.decorator_list:
            yield "a method, or not a plain function"
            continue
        tests = DoctestTests(function.name, examples)
        preamble = _preamble(source, function, used_names(tests))
        if len(preamble) > LONGEST_PREAMBLE:
            yield "needs more of its module than a prompt holds"
            continue
        given = f"{preamble}\n\n\n" if preamble else ""
        yield Problem(
            task_id=f"{module.name}:{function.name}",
            statement=given + _asked(function),
            tests=tests,
            program_prefix=given + _asked(function),
            reference=given + ast.unparse(function),
            metadata={"preamble": preamble},
        )


def _defined(tree: ast.Module) -> frozenset[str]:
    """Functions and classes of the module."""
    return frozenset(node.name for node in tree.body if isinstance(node, Function | ast.ClassDef))


def _without_own_imports(examples: Iterable[DoctestExample], defined: Collection[str]) -> tuple[DoctestExample, ...]:
    """The examples without imports of the module's own names: they would test what is installed, not the answer."""
    kept = []
    for example in examples:
        try:
            node = ast.parse(example.source).body[0]
        except (SyntaxError, IndexError):  # an example of just that
            kept.append(example)
            continue
        if isinstance(node, ast.ImportFrom):
            node.names = [alias for alias in node.names if alias.name not in defined or alias.asname]
            if not node.names:
                continue
            example = replace(example, source=f"{ast.unparse(node)}\n")
        kept.append(example)
    return tuple(kept)


def _preamble(source: str, function: Function, used: Collection[str]) -> str:
    """What the function and its examples need of its module, but for itself; of docstrings only the beginning."""
    tree = ast.parse(needed_program(source, {function.name, *used}))
    tree.body = [node for node in tree.body if not (isinstance(node, Function) and node.name == function.name)]
    tree.body = tree.body[ast.get_docstring(tree) is not None :]
    for node in ast.walk(tree):
        # What follows the first paragraph may be examples of the function that is asked for.
        if isinstance(node, Function | ast.ClassDef) and (said := ast.get_docstring(node)):
            node.body[0] = ast.Expr(ast.Constant(said.partition("\n\n")[0]))
    read = {node.id for part in (tree, function) for node in ast.walk(part) if isinstance(node, ast.Name)} | {*used}
    tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom) or _keep(node, read)]
    return ast.unparse(tree)


def _keep(node: ast.Import | ast.ImportFrom, read: set[str]) -> bool:
    """Whether an import binds a name that is used; those that do not are taken from it."""
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return True
    node.names = [alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] in {*read, "*"}]
    return bool(node.names)


def _asked(function: Function) -> str:
    """Signature and docstring, to be continued."""
    asked = copy(function)
    said = without_answers(ast.get_docstring(function) or "")
    shown = indent(said, "    ").lstrip() + ("\n    " if "\n" in said else "")
    asked.body = [ast.Expr(ast.Constant(shown))]
    return ast.unparse(asked) + "\n"


def _checked(problems: Mapping[str, Problem], left_out: Counter[str]) -> tuple[Problem, ...]:
    """Those whose own body passes, and an empty one does not."""
    submissions = []
    for problem in problems.values():
        submissions.append(Submission(f"own {problem.task_id}", problem.reference, problem.tests))
        empty = f"{problem.program_prefix}    raise NotImplementedError\n"
        submissions.append(Submission(f"empty {problem.task_id}", empty, problem.tests))
    passed = {verdict.key: verdict.outcome is Outcome.PASSED for verdict in grade(submissions)}
    good = []
    for task_id, problem in problems.items():
        if not passed[f"own {task_id}"]:
            left_out["its own body does not pass here"] += 1
        elif passed[f"empty {task_id}"]:
            left_out["its examples pass without it"] += 1
        else:
            good.append(problem)
    return tuple(good)
