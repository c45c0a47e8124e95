"""Overlap of training prompts and samples with a benchmark: same text, same but for white space, near, shared words.

It sees copies and near copies in the data that a run trains on. It does not see paraphrases, translations, or what the
base model had read before. What each kind means: docs/contamination.md.
"""

from selfdistill.measure.contamination.records import Counts, Match, Part, Reference
from selfdistill.recipe.contamination import KINDS, ContaminationSettings, Kind

__all__ = ["KINDS", "ContaminationSettings", "Counts", "Kind", "Match", "Part", "Reference"]
