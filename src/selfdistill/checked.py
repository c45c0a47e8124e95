"""Arguments of public functions are checked when they are called: a wrong one is named, in one line.

Annotations are the rule. `Literal` takes its values only: a misspelt level of isolation must never mean another one.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from selfdistill.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments that do not fit the function's annotations. What is inside a container is not looked at.

    Raises (the decorated function):
        UserError: names the function, the argument and what it may be.
    """
    signature = inspect.signature(function)

    @functools.cache
    def hints() -> dict[str, Any]:  # when first called: annotations may name what is defined further down
        return get_type_hints(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise UserError(str(error), where=f"{function.__name__}()") from None
        for name, value in given.items():
            if name in hints() and not _fits(value, hints()[name]):
                raise UserError(
                    f"{name} is {_shown(value)}", where=f"{function.__name__}()", fix=f"give {_wanted(hints()[name])}"
                )
        return function(*args, **kwargs)

    return call


def _fits(value: Any, hint: Any) -> bool:
    origin, choices = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in choices)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in choices)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    kind = origin or hint
    if origin is not None and isinstance(value, (str, bytes)):  # a text where a sequence of texts is wanted
        return False
    return isinstance(value, kind) if isinstance(kind, type) else True


def _wanted(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_wanted(each) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if hint is types.NoneType:
        return "None"
    return getattr(get_origin(hint) or hint, "__name__", str(hint))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"
