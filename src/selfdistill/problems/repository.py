"""`repository:DIR`: the functions of a code base of one's own as prompts: signature, docstring, what they call.

Bodies never get into a prompt, and no code is run: Python files are only parsed (`ast`). A method is asked for in its
class, each function with the imports that it uses and the signatures of what it calls in the same code base
(`callees.py`). What is no fair question is left out and counted by its reason: a stub, a test, a function about which
nothing is said, one with doctests, which are for the evaluation (`held_out.py`).

    selfdistill prompts repository:src --out prompts.jsonl
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from selfdistill.errors import UserError
from selfdistill.problems.callees import Called, Definitions, definitions, scope_of, uses
from selfdistill.problems.doctests import examples_of
from selfdistill.problems.statement import Statement

PREFIX = "repository:"
OUTSIDE = {"node_modules", "site-packages", "dist-packages", "venv", "env", "build", "dist", "__pycache__"}
"""Folders of other people's code, or of copies; hidden ones are left out as well."""
TESTS = {"test", "tests", "testing", "conftest.py"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One file, parsed."""

    name: str
    """Its path below the root, with `/`."""
    tree: ast.Module


def is_repository(source: str) -> bool:
    """Whether a source names a code base."""
    return source.startswith(PREFIX)


def repository_statements(source: str) -> Iterator[Statement]:
    """A statement a function, in the order of file names and lines; those left out say why in `left_out`.

    Args:
        source: `repository:DIR`; DIR may also be one file.

    Raises:
        UserError: there is no such directory, or no Python in it.
    """
    root = root_of(source)
    modules, broken = modules_of(root)
    known = definitions((module.name, module.tree) for module in modules)
    for name in broken:
        yield Statement("", prompt_id=name, left_out="file that is not Python")
    for module in modules:
        scope = scope_of(module.name, module.tree)
        for function, owner in functions_of(module.tree):
            name = f"{owner.name}.{function.name}" if owner else function.name
            prompt_id = f"{module.name}:{name}"
            why = unfair(module, function) or _held_out(function)
            if why:
                yield Statement("", prompt_id=prompt_id, left_out=why)
                continue
            called = uses(function, owner, scope, known)
            if not _tells(function, called):
                yield Statement("", prompt_id=prompt_id, left_out="nothing said about it")
                continue
            yield Statement(
                _wording(module.name, name, called, known), starter_code=_header(function, owner), prompt_id=prompt_id
            )


def root_of(source: str) -> Path:
    """The DIR of `repository:DIR`."""
    return Path(source.removeprefix(PREFIX) or ".").expanduser()


def modules_of(root: Path) -> tuple[list[Module], list[str]]:
    """The code base's files that parse, and the names of those that do not."""
    if not root.exists():
        raise UserError("no such directory", where=f"{PREFIX}{root}", fix="give repository:DIR")
    paths = [root] if root.is_file() else sorted(path for path in root.rglob("*.py") if _own(path.relative_to(root)))
    base = root.parent if root.is_file() else root
    found, broken = [], []
    for path in paths:
        name = path.relative_to(base).as_posix()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of invalid escapes and the like: the file's own affair
                found.append(Module(name, ast.parse(path.read_bytes())))
        except (SyntaxError, ValueError, RecursionError, OSError):
            broken.append(name)
    if not found:
        raise UserError("holds no Python file that can be parsed", where=f"{PREFIX}{root}", fix="give repository:DIR")
    return found, broken


def _own(path: Path) -> bool:
    return not any(part in OUTSIDE or part.startswith(".") for part in path.parts)


def functions_of(tree: ast.Module) -> Iterator[tuple[Function, ast.ClassDef | None]]:
    """Functions of the module and methods of its classes, with the class; not those inside of other functions."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node, None
        elif isinstance(node, ast.ClassDef):
            yield from ((child, node) for child in node.body if isinstance(child, Function))


def unfair(module: Module, function: Function) -> str | None:
    """Why a function is not asked for."""
    if function.name.startswith("test_") or TESTS & set(module.name.split("/")) or "/test_" in f"/{module.name}":
        return "test"
    if function.name.startswith("__") and function.name.endswith("__"):
        return "special method"
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body or all(isinstance(node, ast.Pass | ast.Raise) or _is_ellipsis(node) for node in body):
        return "stub"
    return None


def _held_out(function: Function) -> str | None:
    """Functions with examples are for the evaluation (`held_out.py`), whether or not it is this code base's."""
    return "held out, as it has doctests" if examples_of(ast.get_docstring(function)) else None


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...


def _tells(function: Function, called: Called) -> bool:
    """A docstring says what is wanted; so does the name with what is called in the code base."""
    return bool(ast.get_docstring(function)) or bool(called.own)


def _header(function: Function, owner: ast.ClassDef | None) -> str:
    """The signature with its docstring, as the answer must have it; a method in its class, with the class's fields."""
    asked = copy(function)
    docstring = function.body[:1] if ast.get_docstring(function) is not None else []
    asked.body = [*docstring, ast.Expr(ast.Constant(...))]
    if owner is None:
        return ast.unparse(asked)
    within = copy(owner)
    within.body = [*(node for node in owner.body if isinstance(node, ast.AnnAssign)), asked]
    return ast.unparse(within)


def _wording(module: str, name: str, called: Called, known: Definitions) -> str:
    """The question: where the function stands, and what it may use."""
    parts = [f"Write `{name}` of the module `{module}`."]
    context = [*called.imports, *called.constants]
    if context:
        parts.append("The module has:\n```python\n" + "\n".join(context) + "\n```")
    if called.own:
        listed = "\n".join(f"- {known.described(each)}" for each in called.own)
        parts.append(f"It calls, from the same code base:\n{listed}")
    return "\n\n".join(parts)
