"""The recipe's prompts where they come from several sources, or from the model itself. See docs/prompts.md."""

from __future__ import annotations

from pydantic import Field

from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.section import PositiveFloat, PositiveInt, PositiveShare, Section

MIXTURE = "mixture"
"""The `prompts.source` that stands for `prompts.mixture`."""
SELF = "self"
"""The source that the model itself writes."""
BUILT_IN = (
    "embedded",
    "embedded-clean",
    "embedded-buggy",
    "embedded-strings",
    "embedded-scalars",
    "embedded-json",
    "standard-library",
)
"""Sources that need no file."""


class MixturePart(Section):
    """One source of a mixture. What is unset is the prompts section's own."""

    source: str
    """As `prompts.source`."""
    weight: PositiveFloat = 1.0
    """Its share of the prompts is this over the sum of all weights."""
    subset: str | None = None
    """Its configuration name on the hub."""
    split: str | None = None
    """Its split."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Its columns' names, as in `prompts.columns`."""

    @property
    def label(self) -> str:
        """How counts name it."""
        return ":".join(filter(None, (self.source, self.subset, self.split)))


class SelfWritten(Section):
    """How an instruct model writes its users' turns itself. See docs/prompts.md."""

    count: PositiveInt = 2000
    """Turns that are written. Some are dropped, so `prompts.limit` should be well below it."""
    task: str | None = None
    """The system message that sets the task; `{topic}` and `{level}` in it stand for a topic and a level of
    difficulty, others for each turn. Unset: functions in Python, in the package's own words, or none where the template
    takes no system message. "" gives none."""
    topics: tuple[str, ...] = ()
    """Had in turn. Unset: sixty of programming that come with the package."""
    beginnings: tuple[str, ...] = ()
    """First words of the users' turns, had in turn. Unset: seven that come with the package; [""] gives none."""
    decoding: Decoding = Decoding(temperature=1.0, top_p=0.95)
    """Of these turns."""
    max_new_tokens: PositiveInt = 256
    """A turn that has not ended here is dropped."""
    similarity: PositiveShare = 0.7
    """A turn as similar as this to an earlier one (Jaccard, runs of three words) is dropped."""
