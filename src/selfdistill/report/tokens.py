"""Tokens as text that a reader can see: white space quoted, hostile characters made harmless."""

from __future__ import annotations

from selfdistill.report.programs import visible

_MARKS = str.maketrans({"\n": "⏎\n", "\t": "⇥\t"})


def token_name(text: str) -> str:
    """A token as a name in a list: quoted white space, pictures for what cannot be seen."""
    shown = visible(text).replace("\n", "⏎").replace("\t", "⇥")
    return shown.replace(" ", "␣") if shown != shown.strip() or not shown.strip() else shown


def token_code(text: str) -> str:
    """A token as it stands in a program; an end of line stays one, with a mark to point at."""
    return visible(text).translate(_MARKS)
