"""Published scores with their source, and what separates ours from them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from selfdistill.errors import UserError
from selfdistill.measure.statistics import Estimate


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One model's published scores under one protocol."""

    name: str
    source: str
    scores: dict[str, float]
    """pass@1 in [0, 1] by benchmark."""
    problems: dict[str, int]
    """How many problems the score is about."""
    hidden_size: int
    layers: int


def published_model(protocol: str, model: str, config: Any, name: str | None = None) -> PublishedModel | None:
    """The row of a model under a protocol, or None.

    Args:
        protocol: its name.
        model: the model's path or hub id, whose last part is compared with the rows' names.
        config: the model's configuration.
        name: says which row it is, where the path does not.

    Raises:
        UserError: no row has the name that is given, or it is about a model of another shape.
    """
    rows = [row for row in _rows() if row[0] == protocol]
    wanted = name or Path(model).name
    found = next((each for _protocol, each in rows if _plain(each.name) == _plain(wanted)), None)
    if found is None:
        if name is not None:
            known = ", ".join(each.name for _protocol, each in rows) or "none"
            raise UserError(f"no score of {name} under {protocol}", where="--published", fix=f"known: {known}")
        return None
    text = config.get_text_config(decoder=True)
    shape = (getattr(text, "hidden_size", None), getattr(text, "num_hidden_layers", None))
    if shape != (found.hidden_size, found.layers):
        raise UserError(
            f"the published scores are of {found.layers} layers of width {found.hidden_size}; "
            f"this model has {shape[1]} of width {shape[0]}",
            where=model,
            fix="name the right row with --published",
        )
    return found


def difference(ours: Estimate, theirs: float, problems: int) -> Estimate:
    """Ours minus theirs, with an interval as if the two had been measured on different problems.

    Theirs are not published problem by problem, so that the difference cannot be paired: the interval is wider than a
    paired one. Newcombe's hybrid (1998, Statistics in Medicine 17:873, method 10) of our interval and Wilson's round
    theirs.
    """
    from scipy.stats import binomtest  # slow to import

    low, high = binomtest(round(theirs * problems), problems).proportion_ci(method="wilson")
    value = ours.value - theirs
    below = math.hypot(ours.value - ours.low, high - theirs)
    above = math.hypot(ours.high - ours.value, theirs - low)
    return Estimate(value, value - below, value + above, ours.problems)


def published_names(protocol: str) -> tuple[str, ...]:
    """Models with a published score under a protocol."""
    return tuple(each.name for name, each in _rows() if name == protocol)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _rows() -> list[tuple[str, PublishedModel]]:
    text = (resources.files("selfdistill.measure.published") / "scores.yaml").read_text(encoding="utf-8")
    rows = []
    for table in yaml.safe_load(text):
        for name, values in table["models"].items():
            scores = {key: values[key] / 100 for key in table["problems"] if key in values}
            shape = {key: values[key] for key in ("hidden_size", "layers")}
            rows.append((table["protocol"], PublishedModel(name, table["source"], scores, table["problems"], **shape)))
    return rows
