"""Plain data on the wire: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset. Nothing else.

`encode` runs beside the untrusted program. `decode` runs on the trusted side and trusts nothing: it is a small
reader of marshal's version 2 that knows only the types above, with limits on depth and on lengths. (`marshal.loads`
itself must not see foreign bytes.) An instance of a subclass travels as what it holds as its base type, so an
`__eq__`, `__repr__` or `__iter__` of its own has no say.

Does not pickle. Used on both sides; imports nothing of the package.
"""

import marshal
import struct
from typing import Any

VERSION = 2
MAX_DEPTH = 200


class NotPlainError(ValueError):
    """The value, or the bytes, are not plain data."""


def encode(value: Any, _dumps: Any = marshal.dumps) -> bytes:
    """Plain data as bytes.

    Raises:
        NotPlainError: the value holds an object of another type, is nested too deeply, or holds itself.
    """
    return _dumps(_exact(value, 0), VERSION)


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
        return _exact(item(value), depth + 1)
    raise NotPlainError(f"a value of type {kind.__name__}")


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
)


def decode(data: bytes) -> Any:
    """Bytes of `encode` as exact built-in types.

    Raises:
        NotPlainError: the bytes are anything else. No bytes can do more than raise this or a MemoryError.
    """
    try:
        value, end = _read(data, 0, 0)
    except (struct.error, IndexError, UnicodeDecodeError, TypeError, OverflowError) as error:
        raise NotPlainError(f"malformed: {type(error).__name__}") from None
    if end != len(data):
        raise NotPlainError("malformed: bytes left over")
    return value


_CONSTANTS = {ord("N"): None, ord("T"): True, ord("F"): False}
_int32 = struct.Struct("<i").unpack_from
_float64 = struct.Struct("<d").unpack_from


def _read(data, at, depth):
    kind = data[at]
    if kind == 0x69:  # i
        return _int32(data, at + 1)[0], at + 5
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at + 1
    if kind == 0x67:  # g
        return _float64(data, at + 1)[0], at + 9
    if kind == 0x79:  # y
        return complex(_float64(data, at + 1)[0], _float64(data, at + 9)[0]), at + 17
    if kind == 0x7B and depth <= MAX_DEPTH + 8:  # {
        return _read_dict(data, at + 1, depth + 1)
    size = _int32(data, at + 1)[0]
    at += 5
    if kind == 0x6C:  # l
        return _read_long(data, at, size)
    if size < 0:
        raise NotPlainError("malformed: negative length")
    if kind in (0x75, 0x73, 0x74):  # u, s, t
        raw = data[at : at + size]
        if len(raw) != size:
            raise NotPlainError("malformed: cut off")
        return (bytes(raw) if kind == 0x73 else str(raw, "utf-8", "surrogatepass")), at + size
    if depth > MAX_DEPTH + 8:
        raise NotPlainError("nested too deeply")
    make = _CONTAINERS.get(kind)
    if make is None or size > len(data):
        raise NotPlainError("not plain data")
    items = []
    for _ in range(size):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    if kind in (0x3C, 0x3E):
        refuse_collisions(items)
    return make(items), at


_CONTAINERS = {0x5B: list, 0x28: tuple, 0x3C: set, 0x3E: frozenset}  # [ ( < >


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


def _read_dict(data, at, depth):
    keys, values = [], []
    while data[at] != 0x30:  # 0
        key, at = _read(data, at, depth)
        value, at = _read(data, at, depth)
        keys.append(key)
        values.append(value)
    refuse_collisions(keys)
    return dict(zip(keys, values, strict=True)), at + 1


def refuse_collisions(keys: Any) -> None:
    """Many unequal keys of one hash would make building the set or dict quadratic; only an attack has them.

    Raises:
        NotPlainError: these are such keys.
    """
    if len(keys) > 500 and len({hash(key) for key in keys}) < len(keys) // 8:
        raise NotPlainError("colliding keys")
