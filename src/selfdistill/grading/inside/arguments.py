"""CRUXEval's input prediction: an answer is a list of arguments for `f`, which builds values and does nothing else.

The result that `f` must give is known to whoever answers, so an answer must not be able to replace `f`, its code or
what it uses. Two layers: only nodes that build values are let through, and what is left is evaluated apart from the
function's source, in a namespace that holds harmless built-in names, copies of the source's plain data, and harmless
classes that it imports. `f` meets the finished values only.
"""

import ast
import builtins
import types

from . import plain

_NAMES = (
    "abs all any ascii bin bool bytearray bytes chr complex dict divmod enumerate filter float frozenset hex int"
    " isinstance len list map max min oct ord pow range repr reversed round set slice sorted str sum tuple zip"
)
_BUILTINS = {name: getattr(builtins, name) for name in _NAMES.split()}
_CLASSES_OF = ("collections", "datetime", "decimal", "fractions")
"""Modules whose classes only hold values."""
_NODES = (
    ast.Call, ast.Constant, ast.Name, ast.Load, ast.Store, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp,
    ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Subscript, ast.Slice, ast.Starred, ast.keyword, ast.Attribute,
    ast.Lambda, ast.arguments, ast.arg, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.unaryop, ast.operator, ast.boolop, ast.cmpop,
)  # fmt: skip
_FRAME_PREFIXES = ("_", "gi_", "cr_", "ag_", "f_", "tb_", "co_", "func_", "format", "mro")


def code_of(answer):
    """An answer's code: gives its positional and its keyword arguments, `(args, kwargs)`.

    Raises:
        SyntaxError: the answer is not a list of arguments, or does more than build values.
    """
    expression = ast.parse(f"f({answer}\n)".strip(), mode="eval")
    call = expression.body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "f"):
        raise SyntaxError("not a list of arguments")
    for node in (node for part in (*call.args, *call.keywords) for node in ast.walk(part)):
        if not isinstance(node, _NODES):
            raise SyntaxError(f"not allowed in arguments: {type(node).__name__}")
        if isinstance(node, ast.Name) and node.id.startswith("__"):
            raise SyntaxError(f"name not allowed in arguments: {node.id}")
        if isinstance(node, ast.Attribute) and node.attr.startswith(_FRAME_PREFIXES):
            raise SyntaxError(f"attribute not allowed in arguments: {node.attr}")
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            raise SyntaxError("assignment not allowed in arguments")  # `[0 for x.y in ...]`
    collect = ast.parse("(lambda *args, **kwargs: (args, kwargs))", mode="eval").body
    call.func = ast.copy_location(collect, call.func)
    return compile(ast.fix_missing_locations(expression), "answer", "eval", dont_inherit=True)


def names_for(source):
    """The namespace of an answer, from the namespace that the function's source has made."""
    found: dict = {"__builtins__": dict(_BUILTINS)}
    for name, value in source.items():
        if name.startswith("__"):
            continue
        if isinstance(value, types.ModuleType):
            found[name] = types.SimpleNamespace(**{n: v for n, v in vars(value).items() if _holds_values(v)})
        elif _holds_values(value):
            found[name] = value
        else:
            try:
                found[name] = plain.decode(plain.encode(value))
            except plain.NotPlainError:
                pass
    return found


def _holds_values(value):
    return isinstance(value, type) and value.__module__ in _CLASSES_OF
