"""The control that must lose: every sample is trained on under another prompt.

Whatever a student gains from it, it gains from the form of its samples, or from training as such, not from what they
say about their prompts.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfdistill.errors import UserError
from selfdistill.records import Prompt
from selfdistill.seeds import digest


def shuffled(prompts: Mapping[str, Prompt], seed: int) -> dict[str, Prompt]:
    """By prompt id, another prompt: the next in a random ring, so that none keeps its own and each is used once.

    Raises:
        UserError: there is only one prompt.
    """
    if len(prompts) < 2:
        raise UserError("one prompt has no other's sample", where="training.shuffled")
    ring = sorted(prompts, key=lambda prompt_id: digest(seed, "shuffled", prompt_id))
    return {prompt_id: prompts[ring[place - 1]] for place, prompt_id in enumerate(ring)}
