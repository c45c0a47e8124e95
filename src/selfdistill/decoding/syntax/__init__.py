"""Syntax-constrained decoding of Python: the grammar (`grammar`), and its masks over a vocabulary (`masks`)."""

from __future__ import annotations

from importlib import util

from selfdistill.errors import MissingExtraError


def require_syntax() -> None:
    """Make sure that tokens can be masked by a grammar.

    Raises:
        MissingExtraError: llguidance is not installed.
    """
    if util.find_spec("llguidance") is None:
        raise MissingExtraError("rule python-syntax", extra="syntax")
