"""What a parameter's type, as annotations or statements write it, means: a small tree of kinds of values.

`List[Tuple[int, str]]`, `list of lists of floats`, `dict of str to list of int`, `int or None`, `float, optional`: all
of these occur. What is not understood is of the kind `any`.

    >>> kind_of("list of lists of floats")
    Kind(name='list', parts=(Kind(name='list', parts=(Kind(name='float', parts=()),)),))
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value, and for containers the kinds of what they hold."""

    name: str
    """int, float, str, bool, none, list, tuple, set, dict, either, any."""
    parts: tuple[Kind, ...] = ()
    """Of a list, set or plain tuple: its elements'; of a dict: key's and value's; of `either`: the choices. A tuple of
    several parts has a part a position."""


ANY = Kind("any")
_WORDS = {
    "int": ("int", "integer", "long", "natural number"),
    "float": ("float", "number", "numeric", "double", "decimal", "real"),
    "str": ("str", "string", "text", "character", "char", "word"),
    "bool": ("bool", "boolean"),
    "none": ("none", "null", "nonetype"),
    "list": ("list", "array", "sequence", "iterable", "collection", "matrix"),
    "tuple": ("tuple", "pair"),
    "set": ("set", "frozenset"),
    "dict": ("dict", "dictionary", "mapping", "dictionarie"),
    "any": ("any", "object"),
}
_NAMES = {word: name for name, words in _WORDS.items() for word in words}
_CONTAINERS = ("list", "tuple", "set", "dict")
_MOST_LETTERS = 300


def kind_of(text: str) -> Kind:
    """The kind that a type's text names."""
    text = re.sub(r"[`*]|,?\s*\boptional\b(?!\[)", "", text[:_MOST_LETTERS].lower()).strip().rstrip(",;. ")
    if not text:
        return ANY
    try:
        return _annotation(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _phrase(text)


def _annotation(node: ast.expr) -> Kind:
    """A type as Python writes it. Raises ValueError where it is none that is known."""
    if isinstance(node, ast.Constant) and node.value is None:
        return Kind("none")
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return kind_of(node.value)
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _single(node.id if isinstance(node, ast.Name) else node.attr)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.Div)):
        return _either(_annotation(node.left), _annotation(node.right))
    if isinstance(node, (ast.Subscript, ast.Call)):
        outer = node.value if isinstance(node, ast.Subscript) else node.func
        name = outer.attr if isinstance(outer, ast.Attribute) else getattr(outer, "id", "")
        inner = [node.slice] if isinstance(node, ast.Subscript) else node.args
        if len(inner) == 1 and isinstance(inner[0], ast.Tuple):
            inner = inner[0].elts
        parts = [_annotation(each) for each in inner if not isinstance(each, ast.Constant) or each.value is not ...]
        if name in ("optional", "union"):
            return _either(*parts, *([Kind("none")] if name == "optional" else []))
        return Kind(_single(name).name, tuple(parts))
    if isinstance(node, (ast.List, ast.Tuple)):
        parts = [_annotation(each) for each in node.elts]
        return Kind("list", (_either(*parts),)) if isinstance(node, ast.List) else Kind("tuple", tuple(parts))
    raise ValueError("not a type")


def _phrase(text: str) -> Kind:
    """A type in words."""
    outer, of, inner = text.partition(" of ")
    if of and _single(outer.split()[-1]).name in _CONTAINERS:
        name = _single(outer.split()[-1]).name
        if name == "dict":
            parts = re.split(r"\s+to\s+|:\s*|\s*->\s*", inner, maxsplit=1)
            return Kind("dict", tuple(map(kind_of, parts))) if len(parts) == 2 else Kind("dict")
        return Kind(name, (kind_of(inner),))
    choices = re.split(r"\s+or\s+|\s+and\s+|\s*/\s*|\s*\|\s*|,\s*", text)
    if len(choices) > 1:
        return _either(*[kind_of(choice) for choice in choices if choice.strip()])
    known = [_single(word) for word in re.findall(r"[a-z]+", text)]
    return next((kind for kind in known if kind != ANY), ANY)


def _single(word: str) -> Kind:
    word = word.lower()
    return Kind(_NAMES.get(word) or _NAMES.get(word.removesuffix("s"), "any"))


def _either(*kinds: Kind) -> Kind:
    known = tuple(dict.fromkeys(kind for kind in kinds if kind != ANY))
    return known[0] if len(known) == 1 else Kind("either", known) if known else ANY
