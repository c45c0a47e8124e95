"""The program's side of an assertion script: answers calls that come as plain data. Untrusted like the program.

A frame is a 4-byte length and plain data. A request is `(operation, target, args, kwargs)`; an object that is not
plain data stays here and is known to the script by a number, `(HANDLE, number)`. An answer is one of `("value", data,
arguments)`, `("handle", number, arguments)` and `("raise", type name, plain args)`; `arguments` holds the arguments
after the call where it changed them, else None.
"""

import marshal
import os
import struct

from . import plain

HANDLE = "\0handle"
LENGTH = struct.Struct("<I")


def frame(data):
    """`data` with its length in front."""
    return LENGTH.pack(len(data)) + data


def read_frame(read, limit):
    """The next frame's data; None at the end of the stream, or where its length is over `limit`."""
    head = _read_exactly(read, LENGTH.size)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    return None if length > limit else _read_exactly(read, length)


def _read_exactly(read, size):
    parts = []
    while size:
        part = read(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def serve(namespace, channel):
    """Answer until the script has gone. Never returns."""
    read, write, leave = os.read, os.write, os._exit
    handles: list = []
    reply = frame(b"ready")
    while True:
        view = memoryview(reply)
        while view:
            view = view[write(channel, view) :]
        data = read_frame(lambda size: read(channel, size), 1 << 30)
        if data is None:
            leave(0)
        reply = frame(_answer(namespace, handles, data))


def _answer(namespace, handles, data):
    operation, target, args, kwargs, has_handles = marshal.loads(data)
    sent = plain.encode((args, kwargs)) if not has_handles else b""
    if has_handles:
        args, kwargs = _resolve(args, handles), _resolve(kwargs, handles)
    try:
        result = _OPERATIONS[operation](_target(namespace, handles, target), *args, **kwargs)
        changed = _changed(args, kwargs, sent)
        try:
            return plain.encode(("value", result, changed))
        except plain.NotPlainError:
            handles.append(result)
            return plain.encode(("handle", len(handles) - 1, changed))
    except BaseException as error:
        return _raised(error)


def _changed(args, kwargs, sent):
    if not sent:
        return None
    try:
        return None if plain.encode((args, kwargs)) == sent else (args, kwargs)
    except plain.NotPlainError:
        return None


def _raised(error):
    names = [kind.__name__ for kind in type(error).__mro__]
    try:
        return plain.encode(("raise", names, tuple(error.args)))
    except Exception:
        return plain.encode(("raise", names, ()))


def _target(namespace, handles, target):
    if isinstance(target, int):
        return handles[target]
    if target not in namespace:
        raise NameError(f"name {target!r} is not defined")
    return namespace[target]


def _resolve(value, handles):
    kind = type(value)
    if kind is tuple and len(value) == 2 and value[0] == HANDLE:
        return handles[value[1]]
    if kind in (list, tuple):
        return kind([_resolve(item, handles) for item in value])
    if kind is dict:
        return {key: _resolve(item, handles) for key, item in value.items()}
    return value


_OPERATIONS: dict = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "get": lambda target: target,
    "attribute": getattr,
    "item": lambda target, key: target[key],
    "items": list,
    "length": len,
    "text": str,
    "repr": repr,
    "truth": bool,
}
