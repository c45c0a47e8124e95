"""What a function uses of the code around it: imports, the module's constants, functions of the same code base.

By names alone, without running or importing anything: `self.area()` is the method `area` of the class or one of its
bases in the code base, `shapes.area()` and `area()` follow the module's imports. What cannot be told is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

LONGEST_CONSTANT = 100
"""Characters of a constant's line that is shown; longer ones are tables."""
MOST = 12
"""Callees that are listed, in the order of their names."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Called:
    """What one function uses."""

    imports: tuple[str, ...]
    """The import statements that bind names it uses, one name each."""
    constants: tuple[str, ...]
    """Short assignments of the module whose names it uses."""
    own: tuple[str, ...]
    """Keys in `Definitions`."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """The functions and classes of a code base by key, `module path:name` or `module path:Class.name`."""

    signatures: Mapping[str, str]
    summaries: Mapping[str, str]
    """The first line of each docstring, "" where there is none."""
    bases: Mapping[str, tuple[str, ...]]
    """Of each class, by key: the names of its bases, as they are written."""
    by_name: Mapping[str, tuple[str, ...]]
    """Keys by what stands after the colon."""

    def described(self, key: str) -> str:
        """One line: the signature in backticks, and what the docstring says first."""
        summary = self.summaries[key]
        return f"`{self.signatures[key]}`" + (f": {summary}" if summary else "")

    def key(self, dotted: str) -> str | None:
        """The definition that an absolute dotted name means; a module may be named from any folder above it."""
        module, _, name = dotted.rpartition(".")
        candidates = self.by_name.get(name, ())
        # The code base's root may itself be the package, whose name no path has.
        for named in (module, module.partition(".")[2]):
            path = f"/{named.replace('.', '/')}"
            ends = (f"{path}.py:{name}", f"{path}/__init__.py:{name}")
            fits = [key for key in candidates if named and f"/{key}".endswith(ends)]
            if fits:
                return fits[0] if len(fits) == 1 else None
        return None


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names in a module mean."""

    module: str
    """Its path."""
    imports: Mapping[str, tuple[str, str]]
    """Bound name -> (the statement that binds it alone, the absolute dotted name that it means)."""
    constants: Mapping[str, str]
    """Name -> its assignment."""


def definitions(modules: Iterable[tuple[str, ast.Module]]) -> Definitions:
    """Every function, method and class of these modules (name, tree)."""
    signatures: dict[str, str] = {}
    summaries: dict[str, str] = {}
    bases: dict[str, tuple[str, ...]] = {}

    def add(key: str, node: _Function | ast.ClassDef, shown: str) -> None:
        signatures[key] = shown
        summaries[key] = (ast.get_docstring(node) or "").partition("\n")[0].strip()

    for module, tree in modules:
        for node in tree.body:
            if isinstance(node, _Function):
                add(f"{module}:{node.name}", node, signature(node))
            elif isinstance(node, ast.ClassDef):
                methods = [child for child in node.body if isinstance(child, _Function)]
                add(f"{module}:{node.name}", node, _constructor(node, methods))
                bases[f"{module}:{node.name}"] = tuple(ast.unparse(base) for base in node.bases)
                for method in methods:
                    add(f"{module}:{node.name}.{method.name}", method, signature(method, owner=node.name))
    by_name: dict[str, tuple[str, ...]] = {}
    for key in signatures:
        name = key.partition(":")[2]
        by_name[name] = (*by_name.get(name, ()), key)
    return Definitions(signatures, summaries, bases, by_name)


def scope_of(module: str, tree: ast.Module) -> Scope:
    """A module's imports, wherever they stand, and its constants."""
    return Scope(module, _imports(tree, module), dict(_constants(tree)))


def signature(function: _Function, owner: str = "") -> str:
    """`name(arguments) -> result` in one line, with the class before a method's name."""
    result = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    name = f"{owner}.{function.name}" if owner else function.name
    return (
        f"{'async ' if isinstance(function, ast.AsyncFunctionDef) else ''}{name}({ast.unparse(function.args)}){result}"
    )


def uses(function: _Function, owner: ast.ClassDef | None, scope: Scope, known: Definitions) -> Called:
    """What a function uses.

    Args:
        function: its body is read, and nothing of it kept but the names.
        owner: its class, of a method.
        scope: its module's.
        known: of the whole code base.
    """
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    calls = [dotted for node in ast.walk(function) if isinstance(node, ast.Call) and (dotted := _dotted(node.func))]
    own = {key for dotted in calls if (key := _callee(dotted, owner, scope, known))}
    own.discard(f"{scope.module}:{owner.name}.{function.name}" if owner else f"{scope.module}:{function.name}")
    return Called(
        imports=tuple(line for name, (line, _) in scope.imports.items() if name in names),
        constants=tuple(line for name, line in scope.constants.items() if name in names),
        own=tuple(sorted(own)[:MOST]),
    )


def _callee(dotted: str, owner: ast.ClassDef | None, scope: Scope, known: Definitions) -> str | None:
    """The key of what is called, where it is the code base's."""
    first, _, rest = dotted.partition(".")
    if owner is not None and first in ("self", "cls") and rest and "." not in rest:
        return _method(f"{scope.module}:{owner.name}", rest, scope, known, frozenset())
    return _named(dotted, scope, known)


def _named(dotted: str, scope: Scope, known: Definitions) -> str | None:
    """A name of the module's own, or an imported one."""
    if f"{scope.module}:{dotted}" in known.signatures:
        return f"{scope.module}:{dotted}"
    first, _, rest = dotted.partition(".")
    if first not in scope.imports:
        return None
    return known.key(".".join(filter(None, (scope.imports[first][1], rest))))


def _method(class_key: str, name: str, scope: Scope, known: Definitions, seen: frozenset[str]) -> str | None:
    """A method of a class, or of the nearest of its bases; those of other modules are found a level up."""
    if f"{class_key}.{name}" in known.signatures:
        return f"{class_key}.{name}"
    if not class_key.startswith(f"{scope.module}:"):
        return None
    for base in known.bases.get(class_key, ()):
        key = _named(base, scope, known)
        if key and key not in seen and (found := _method(key, name, scope, known, seen | {class_key})):
            return found
    return None


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return None


def _imports(tree: ast.Module, module: str) -> dict[str, tuple[str, str]]:
    """See `Scope.imports`."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                means = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or means] = (f"import {_as(alias)}", means)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            for alias in node.names:
                line = f"from {dots}{node.module or ''} import {_as(alias)}"
                means = ".".join(filter(None, (_package(module, node.level), node.module, alias.name)))
                found[alias.asname or alias.name] = (line, means)
    return found


def _as(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _package(module: str, level: int) -> str:
    """The package that `level` leading dots mean in a module."""
    return ".".join(module.split("/")[:-level]) if level else ""


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        line = ast.unparse(node)
        if len(line) <= LONGEST_CONSTANT and "\n" not in line:
            yield from ((target.id, line) for target in targets if isinstance(target, ast.Name))


def _constructor(node: ast.ClassDef, methods: Iterable[_Function]) -> str:
    """A class as it is called: by `__init__`'s arguments, or by the fields of a dataclass."""
    init = next((method for method in methods if method.name == "__init__"), None)
    if init is not None:
        arguments = ast.unparse(init.args).partition(",")[2].strip()
        return f"{node.name}({arguments})"
    fields = [ast.unparse(child) for child in node.body if isinstance(child, ast.AnnAssign)]
    return f"{node.name}({', '.join(fields)})"
