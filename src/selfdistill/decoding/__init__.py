"""Decoding: settings (`Decoding`, `rivals`), and the distributions that they make of logits (`distribution`)."""

from selfdistill.decoding.rivals import EntropyTemperature, ForkLock, MinP, PythonSyntax, TopNSigma
from selfdistill.decoding.settings import Decoding, Stage, Stages, label, split_syntax

__all__ = [
    "Decoding",
    "EntropyTemperature",
    "ForkLock",
    "MinP",
    "PythonSyntax",
    "Stage",
    "Stages",
    "TopNSigma",
    "label",
    "split_syntax",
]
