"""What one statement of a program binds, reads, calls and changes: when it runs, and when its functions are called.

By name, as far as names tell. What an object does to another that it was given earlier is not followed. Runs nothing.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from selfdistill.problems.programs.scopes import COMPREHENSIONS, FUNCTIONS, bound_by, comprehension_names, local_names

_CHANGE_NOTHING = frozenset(vars(builtins)) - {"next", "setattr", "delattr"}
"""Built-in functions, which leave their arguments as they are."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement at a module's top level. Names are the module's; local variables of functions are left out."""

    defines: str | None
    """The function's or class's name, if it is a definition of one."""
    is_definition: bool
    """A function, a class or an assignment to names: of use only to who reads them."""
    is_import: bool
    is_check: bool
    """`assert`, or `if __name__ == "__main__"`."""
    binds: frozenset[str]
    """Names that it binds in the module; `*` for a star import."""
    reads: frozenset[str]
    """Names read anywhere in it, function bodies included."""
    called: frozenset[str]
    """Names, also dotted ones, that are called when it runs; decorators and base classes are called too."""
    called_when_called: frozenset[str]
    """The same of the bodies of its functions."""
    changes: frozenset[str]
    """Names whose objects may change when it runs: `x[0] = 1`, `x.y = 1`, `x.append(1)`, `del x`."""
    changes_when_called: frozenset[str]
    """The same of the bodies of its functions, and the global names that these assign."""
    passes: frozenset[str]
    """Names that it passes to what it calls: `fill(x)` may change x, but hardly a function."""
    passes_when_called: frozenset[str]
    """The same of the bodies of its functions."""


def read_statement(node: ast.stmt) -> Statement:
    """Read a statement at a module's top level. Raises RecursionError for one that is nested too deep."""
    reader = _Reader()
    reader.visit(node)
    is_function_or_class = isinstance(node, (*FUNCTIONS, ast.ClassDef))
    assigns = isinstance(node, (ast.Assign, ast.AnnAssign)) and bool(reader.binds)
    return Statement(
        defines=node.name if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else None,
        is_definition=is_function_or_class or assigns,
        is_import=isinstance(node, (ast.Import, ast.ImportFrom)),
        is_check=isinstance(node, ast.Assert) or _is_main_guard(node),
        binds=frozenset(reader.binds),
        reads=frozenset(reader.reads),
        called=frozenset(reader.called[False]),
        called_when_called=frozenset(reader.called[True]),
        changes=frozenset(reader.changes[False]),
        changes_when_called=frozenset(reader.changes[True]),
        passes=frozenset(reader.passes[False]),
        passes_when_called=frozenset(reader.passes[True]),
    )


def _is_main_guard(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If) or node.orelse or not isinstance(node.test, ast.Compare):
        return False
    sides = [node.test.left, *node.test.comparators]
    is_equality = all(isinstance(operator, ast.Eq) for operator in node.test.ops)
    return is_equality and any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)


class _Reader(ast.NodeVisitor):
    """Collects from one statement. What the body of a function does is done later, when that is called."""

    def __init__(self) -> None:
        self.binds: set[str] = set()
        self.reads: set[str] = set()
        self.called: dict[bool, set[str]] = {False: set(), True: set()}
        self.changes: dict[bool, set[str]] = {False: set(), True: set()}
        self.passes: dict[bool, set[str]] = {False: set(), True: set()}
        self._later = False
        self._scopes: list[frozenset[str]] = []
        """Local names of the functions and comprehensions around the node at hand."""
        self._in_class = 0

    def visit(self, node: ast.AST) -> None:
        """One node, and all below it."""
        if not self._later and not self._in_class:
            self.binds.update(name for name in bound_by(node) if not self._is_local(name))
        super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """A name that is read or deleted."""
        if isinstance(node.ctx, ast.Load) and not self._is_local(node.id):
            self.reads.add(node.id)
        elif isinstance(node.ctx, ast.Del):
            self._change(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Decorators and defaults run now, the body later."""
        self._call(node.decorator_list)
        for part in (*node.decorator_list, node.args, node.returns):
            if part is not None:
                self.visit(part)
        self._visit_body(node.body, local_names(node))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """As a function; but one in a statement at the top level is as good as called by it."""
        self.visit(node.args)
        if self._later:
            self._visit_body([node.body], local_names(node))
        else:
            with self._scope(local_names(node)):
                self.visit(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """The body runs now, but the names that it binds are the class's. A base may register its subclasses."""
        self._call([*node.decorator_list, *node.bases])
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._in_class += 1
        for statement in node.body:
            self.visit(statement)
        self._in_class -= 1

    def visit_Call(self, node: ast.Call) -> None:
        """What is called, and with which names as arguments."""
        self._call([node.func])
        if _dotted(node.func) not in _CHANGE_NOTHING:
            arguments = (*node.args, *(keyword.value for keyword in node.keywords))
            names = {each.id for each in arguments if isinstance(each, ast.Name)}
            self.passes[self._later].update(name for name in names if not self._is_local(name))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """`x.y = 1` changes x."""
        if not isinstance(node.ctx, ast.Load):
            self._change(node)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """`x[0] = 1` changes x."""
        if not isinstance(node.ctx, ast.Load):
            self._change(node)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """`x += [1]` changes x too, and needs what it was."""
        self._change(node.target)
        if isinstance(node.target, ast.Name) and not self._is_local(node.target.id):
            self.reads.add(node.target.id)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        """Names that a function may assign in the module."""
        self.changes[self._later].update(node.names)

    def generic_visit(self, node: ast.AST) -> None:
        """The children, in a comprehension's scope if it is one."""
        if isinstance(node, COMPREHENSIONS):
            with self._scope(comprehension_names(node)):
                super().generic_visit(node)
        else:
            super().generic_visit(node)

    def _is_local(self, name: str) -> bool:
        return any(name in scope for scope in self._scopes)

    def _call(self, functions: Sequence[ast.expr]) -> None:
        """Note that these are called; `x.append` changes x."""
        for function in functions:
            name = _dotted(function.func if isinstance(function, ast.Call) else function)
            root, dot, _method = name.partition(".")
            if name and not self._is_local(root):
                self.called[self._later].add(name)
                if dot:
                    self.changes[self._later].add(root)

    def _change(self, node: ast.expr) -> None:
        """Note that the object behind the first name of `x.y[0]` may change."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        if isinstance(node, ast.Name) and not self._is_local(node.id):
            self.changes[self._later].add(node.id)

    def _visit_body(self, body: Sequence[ast.stmt | ast.expr], names: frozenset[str]) -> None:
        before, self._later = self._later, True
        with self._scope(names):
            for part in body:
                self.visit(part)
        self._later = before

    @contextmanager
    def _scope(self, names: frozenset[str]) -> Iterator[None]:
        self._scopes.append(names)
        yield
        self._scopes.pop()


def _dotted(node: ast.expr) -> str:
    """`a.b.c` of names and attributes; empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
