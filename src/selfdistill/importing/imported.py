"""A recipe made from another program's settings, and what a run of it does otherwise."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from selfdistill.recipe.load import builtin_recipes, load_recipe, parse_recipe
from selfdistill.recipe.schema import Recipe

WIDTH = 118


@dataclass(frozen=True, slots=True)
class Imported:
    """What `import-ssd` gives."""

    program: str
    """Whose settings these were."""
    tree: Mapping[str, Any]
    """The recipe, as it is written."""
    differs: tuple[str, ...]
    """What a run does otherwise than that program did, the weightiest first."""

    def recipe(self) -> Recipe:
        """The recipe, validated.

        Raises:
            UserError: a value is none that a recipe can have; names the key.
        """
        return parse_recipe(self.tree, f"the recipe made of {self.program}'s settings")

    def text(self) -> str:
        """The recipe's file, with the differences as its comments."""
        lines = [f"# Made from settings of {self.program} by `selfdistill import-ssd`. A run of this differs in this:"]
        for each in self.differs:
            lines += textwrap.wrap(each, WIDTH, initial_indent="# - ", subsequent_indent="#   ")
        return "\n".join(lines) + "\n" + yaml.safe_dump(dict(self.tree), sort_keys=False, allow_unicode=True)


@dataclass(slots=True)
class Draft:
    """A recipe that is being put together."""

    tree: dict[str, Any] = field(default_factory=dict)
    differs: list[str] = field(default_factory=list)

    def set(self, key: str, value: Any) -> None:
        """Set a dotted key; None leaves the recipe's default."""
        if value is None:
            return
        *parents, last = key.split(".")
        section = self.tree
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value

    def note(self, difference: str) -> None:
        """Remember a difference."""
        self.differs.append(difference)


def evaluation_for(draft: Draft, model: str, benchmark: str | None, max_new_tokens: int) -> None:
    """Neither program's settings say how to evaluate: a built-in recipe of the same model does, else the defaults."""
    known = next((r for name in builtin_recipes() if (r := load_recipe(name)).model.path == model), None)
    if known is not None:
        draft.set("evaluation.benchmark", benchmark or known.evaluation.benchmark)
        for side in ("base", "student"):
            draft.set(f"evaluation.{side}", getattr(known.evaluation, side).model_dump(mode="json"))
        draft.note(f"The evaluation is not in those settings; it is that of the built-in recipe {known.name}.")
    else:
        draft.set("evaluation.benchmark", benchmark or "livecodebench-v6")
        for side in ("base", "student"):
            draft.set(f"evaluation.{side}", {"temperature": 1.0, "top_k": 0, "top_p": 1.0})
        draft.note(
            "The evaluation is not in those settings. Set evaluation.base to the decoding that the model's makers "
            "recommend, or the base is judged below its worth, and evaluation.student to the T_eval of the student."
        )
    draft.set("evaluation.max_new_tokens", max_new_tokens)
