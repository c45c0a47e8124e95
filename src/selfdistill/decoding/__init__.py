"""Decoding: settings (`Decoding`), and the distributions that they make of logits (`distribution`)."""

from selfdistill.decoding.settings import Decoding, Stages, label

__all__ = ["Decoding", "Stages", "label"]
