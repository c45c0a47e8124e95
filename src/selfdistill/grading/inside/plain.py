"""Plain data on the wire: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset. Nothing else.

`encode` runs beside the untrusted program. `decode` runs on the trusted side and trusts nothing: it is a small
reader of marshal's version 2 that knows only the types above, with limits on depth and on lengths. (`marshal.loads`
itself must not see foreign bytes.) An instance of a subclass travels as what it holds as its base type, so an
`__eq__`, `__repr__` or `__iter__` of its own has no say.

Does not pickle. Used on both sides; imports nothing of the package.
"""

import marshal
import struct
import sys
from numbers import Number
from typing import Any

VERSION = 2
MAX_DEPTH = 900
"""Containers within each other: soon after, Python's own `==` of two such values ends in a RecursionError."""
MAX_CONTAINERS = 1 << 21
"""Lists, tuples, dicts and sets in one value: an empty one is 2 bytes on the wire, and 64 to 216 in memory."""


class NotPlainError(ValueError):
    """The value, or the bytes, are not plain data."""


def encode(value: Any, _dumps: Any = marshal.dumps) -> bytes:
    """Plain data as bytes.

    Raises:
        NotPlainError: the value holds an object of another type, is nested too deeply, or holds itself.
    """
    return _dumps(deeply(_exact, value, 0), VERSION)


def deeply(function, *args, _limit=sys.getrecursionlimit, _set_limit=sys.setrecursionlimit):
    """Call a function that goes down as deep as plain data may, from wherever the caller is."""
    limit = _limit()
    _set_limit(limit + 4 * MAX_DEPTH)
    try:
        return function(*args)
    finally:
        _set_limit(limit)


_SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes})


def _exact(value, depth):
    kind = type(value)
    if kind in _SCALARS:
        return value
    if depth > MAX_DEPTH:
        raise NotPlainError("nested too deeply")
    if kind is list or kind is tuple:
        if _SCALARS.issuperset(map(type, value)):
            return value
        return kind([_exact(item, depth + 1) for item in value])
    for base, convert in _CONVERSIONS:
        if isinstance(value, base):
            return convert(value, depth + 1)
    item = getattr(kind, "item", None)
    if item is not None and kind.__module__ == "numpy":  # a numpy scalar equals the number that it holds
        if getattr(value, "size", 1) != 1:
            raise NotPlainError("an array")
        held = item(value)
        if type(held) is not kind:  # as a long double's is
            return _exact(held, depth)
    if isinstance(value, Number):
        return _number(value)
    raise NotPlainError(f"a value of type {kind.__name__}")


def _number(value):
    """The float or int that equals a number of another type, such as a Fraction or a Decimal."""
    try:
        held: float = float(value)
    except OverflowError:
        held = int(value)
    if held != value and value == value:  # NaN is not
        held = int(value)
    if held != value:
        raise NotPlainError(f"a value of type {type(value).__name__} that no int or float equals")
    return held


_CONVERSIONS: tuple = (
    (int, lambda value, depth: int.__add__(value, 0)),
    (float, lambda value, depth: float.__add__(value, 0.0)),
    (str, lambda value, depth: str.__str__(value)[:]),
    (bytes, lambda value, depth: bytes.__getitem__(value, slice(None))),
    (bytearray, lambda value, depth: bytes(memoryview(value))),
    (complex, lambda value, depth: complex.__add__(value, 0)),
    (list, lambda value, depth: [_exact(item, depth) for item in list.__iter__(value)]),
    (tuple, lambda value, depth: tuple([_exact(item, depth) for item in tuple.__iter__(value)])),
    (dict, lambda value, depth: {_exact(key, depth): _exact(item, depth) for key, item in dict.items(value)}),
    (set, lambda value, depth: {_exact(item, depth) for item in set.__iter__(value)}),
    (frozenset, lambda value, depth: frozenset([_exact(item, depth) for item in frozenset.__iter__(value)])),
    (type({}.keys()), lambda value, depth: {_exact(item, depth) for item in value}),
    (type({}.items()), lambda value, depth: {_exact(item, depth) for item in value}),
)


def decode(data: bytes) -> Any:
    """Bytes of `encode` as exact built-in types.

    Raises:
        NotPlainError: the bytes are anything else. No bytes can do more than raise this or a MemoryError.
    """
    try:
        value, end = _read(data)
    except NotPlainError:
        raise
    except (struct.error, LookupError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NotPlainError(f"malformed: {type(error).__name__}") from None
    if end != len(data):
        raise NotPlainError("malformed: bytes left over")
    return value


_CONSTANTS = {ord("N"): None, ord("T"): True, ord("F"): False}
_int32 = struct.Struct("<i").unpack_from
_float64 = struct.Struct("<d").unpack_from
_DICT, _END = ord("{"), ord("0")


def _read(data):
    """The value at the beginning, and where it ends. Keeps the open containers itself: no recursion."""
    at, seen = 0, 0
    opened: list = []  # of (kind, items): the containers that are being read, each within the one before it
    left: list = []  # how many items each of them still misses; of a dict, whose end is marked, -1
    while True:
        kind = data[at]
        if kind == 0x69:  # i
            value, at = _int32(data, at + 1)[0], at + 5
        elif kind in _CONTAINERS:
            size, at = (-1, at + 1) if kind == _DICT else (_int32(data, at + 1)[0], at + 5)
            seen += 1
            if len(opened) > MAX_DEPTH + 8 or seen > MAX_CONTAINERS:
                raise NotPlainError("nested too deeply" if len(opened) > MAX_DEPTH + 8 else "too many containers")
            if size > len(data) or size < -(kind == _DICT):
                raise NotPlainError("malformed: length")
            opened.append((kind, []))
            left.append(size)
            if size:
                continue
            value = _close(opened, left)
        elif kind == _END and left and left[-1] == -1:
            value, at = _close(opened, left), at + 1
        else:
            value, at = _read_scalar(data, at, kind)
        while opened:
            opened[-1][1].append(value)
            if left[-1] > 0:
                left[-1] -= 1
            if left[-1]:
                break
            value = _close(opened, left)
        else:
            return value, at


def _close(opened, left):
    """The innermost open container, finished."""
    left.pop()
    kind, items = opened.pop()
    if kind == _DICT:
        keys, values = items[::2], items[1::2]
        if len(keys) != len(values):
            raise NotPlainError("malformed: a key without a value")
        refuse_collisions(keys)
        return dict(zip(keys, values, strict=True))
    if kind in (0x3C, 0x3E):
        refuse_collisions(items)
    return _CONTAINERS[kind](items)


_CONTAINERS = {0x5B: list, 0x28: tuple, 0x3C: set, 0x3E: frozenset, _DICT: dict}  # [ ( < > {


def _read_scalar(data, at, kind):
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at + 1
    if kind == 0x67:  # g
        return _float64(data, at + 1)[0], at + 9
    if kind == 0x79:  # y
        return complex(_float64(data, at + 1)[0], _float64(data, at + 9)[0]), at + 17
    size = _int32(data, at + 1)[0]
    at += 5
    if kind == 0x6C:  # l
        return _read_long(data, at, size)
    if kind not in (0x75, 0x73, 0x74):  # u, s, t
        raise NotPlainError("not plain data")
    raw = data[at : at + size] if size >= 0 else b""
    if len(raw) != size:
        raise NotPlainError("malformed: cut off")
    return (bytes(raw) if kind == 0x73 else str(raw, "utf-8", "surrogatepass")), at + size


def _read_long(data, at, size):
    """Base-2**15 digits, least significant first; the sign is the count's."""
    count = abs(size)
    if at + 2 * count > len(data):
        raise NotPlainError("malformed: cut off")
    digits = struct.unpack_from(f"<{count}H", data, at)
    if any(digit >= 1 << 15 for digit in digits):
        raise NotPlainError("malformed: digit")
    number = int("".join([f"{digit:015b}" for digit in reversed(digits)]) or "0", 2)
    return (-number if size < 0 else number), at + 2 * count


def refuse_collisions(keys: Any) -> None:
    """Many unequal keys of one hash would make building the set or dict quadratic; only an attack has them.

    Raises:
        NotPlainError: these are such keys.
    """
    if len(keys) > 500 and len({hash(key) for key in keys}) < len(keys) // 8:
        raise NotPlainError("colliding keys")
