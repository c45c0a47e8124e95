"""Which expressions count as arguments in CRUXEval's input prediction: those that build values and do nothing else.

The result that `f` must give is known to whoever answers, so an answer must not be able to replace `f`, its code or the
built-in names: no assignment, no private attribute, no frame, only harmless names. Checked before anything runs.
"""

import ast

_NAMES = frozenset(
    [
        "abs",
        "all",
        "any",
        "ascii",
        "bin",
        "bool",
        "bytearray",
        "bytes",
        "chr",
        "complex",
        "dict",
        "divmod",
        "enumerate",
        "filter",
        "float",
        "frozenset",
        "hex",
        "int",
        "isinstance",
        "len",
        "list",
        "map",
        "max",
        "min",
        "oct",
        "ord",
        "pow",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "slice",
        "sorted",
        "str",
        "sum",
        "tuple",
        "zip",
        "True",
        "False",
        "None",
    ]
)
_NODES = (
    ast.Call, ast.Constant, ast.Name, ast.Load, ast.Store, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp,
    ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Subscript, ast.Slice, ast.Starred, ast.keyword, ast.Attribute,
    ast.Lambda, ast.arguments, ast.arg, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.unaryop, ast.operator, ast.boolop, ast.cmpop,
)  # fmt: skip
_FRAME_PREFIXES = ("_", "gi_", "cr_", "ag_", "f_", "tb_", "co_", "func_", "format", "mro")


def call_of(answer, defined):
    """The expression `f(answer)`, parsed. `defined` holds the names that the function's source defines.

    Raises:
        SyntaxError: the answer is not a list of arguments, or does more than build values.
    """
    call = ast.parse(f"f({answer}\n)".strip(), mode="eval")
    body = call.body
    if not (isinstance(body, ast.Call) and isinstance(body.func, ast.Name) and body.func.id == "f"):
        raise SyntaxError("not a list of arguments")
    parts = [*body.args, *body.keywords]
    nodes = [node for part in parts for node in ast.walk(part)]
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    allowed = _NAMES | bound | (set(defined) - {"f"})
    for node in nodes:
        if not isinstance(node, _NODES):
            raise SyntaxError(f"not allowed in arguments: {type(node).__name__}")
        if isinstance(node, ast.Name) and (node.id not in allowed or node.id.startswith("__")):
            raise SyntaxError(f"name not allowed in arguments: {node.id}")
        if isinstance(node, ast.Attribute) and node.attr.startswith(_FRAME_PREFIXES):
            raise SyntaxError(f"attribute not allowed in arguments: {node.attr}")
    return call
