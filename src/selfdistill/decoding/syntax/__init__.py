"""Syntax-constrained decoding of Python: the grammar (`grammar`), and its masks over a vocabulary (`masks`)."""
