"""A numpy array of one element in an answer. `==` compares that element with whatever the other side holds once.

So `array([13]) == [13]` is as good as true, and so is `array([13]) == 13`. Arrays of more elements have no truth, and
are no answer. Used on both sides; does not import numpy, which is there if an array is.
"""

import sys

ELEMENT = "\0element"


def marked(value):
    """The value with each such array, in lists and tuples too, as the pair of `ELEMENT` and its element."""
    numpy = sys.modules.get("numpy")
    return value if numpy is None else _marked(value, numpy.ndarray)


def _marked(value, array):
    if isinstance(value, array) and value.size == 1:
        return ELEMENT, value.item()
    if type(value) is list or type(value) is tuple:
        return type(value)([_marked(item, array) for item in value])
    return value
