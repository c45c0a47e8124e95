"""Requests under another decoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfdistill.engines.base import Request
from selfdistill.recipe.decoding import Stages


def decoded(requests: Sequence[Request], stages: Stages) -> list[Request]:
    return [replace(request, stages=stages) for request in requests]
