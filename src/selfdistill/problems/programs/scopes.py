"""Names that belong to a function, a lambda or a comprehension, so that they are not taken for the module's."""

from __future__ import annotations

import ast
from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda)


def bound_by(node: ast.AST) -> Iterator[str]:
    """The names that one node binds by itself, its children left out."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def local_names(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
    """Parameters, and what the body binds without declaring it `global` or `nonlocal`."""
    arguments = node.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    names = {argument.arg for argument in listed if argument is not None}
    elsewhere: set[str] = set()
    for each in _own_nodes(node.body if isinstance(node.body, list) else [node.body]):
        names.update(bound_by(each))
        if isinstance(each, (ast.Global, ast.Nonlocal)):
            elsewhere.update(each.names)
    return frozenset(names - elsewhere)


def comprehension_names(node: ast.AST) -> frozenset[str]:
    """The loop variables of a comprehension."""
    targets = (generator.target for generator in getattr(node, "generators", ()))
    return frozenset(name for target in targets for each in ast.walk(target) for name in bound_by(each))


def _own_nodes(body: list[ast.stmt] | list[ast.expr]) -> Iterator[ast.AST]:
    """The nodes of a body that belong to its own scope."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, COMPREHENSIONS):  # only a walrus inside binds a name out here
            waiting += [each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
        elif not isinstance(node, _SCOPES):
            waiting += ast.iter_child_nodes(node)
