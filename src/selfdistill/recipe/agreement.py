"""How samples are filtered by agreement: the recipe's `training.agreement` section."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from selfdistill.recipe.section import LARGEST, PositiveInt, Section, Share

Source = Literal["examples", "mutations", "types", "model"]


class AgreementSettings(Section):
    """Which programs agree, where `training.keep` is `agreement`. See docs/agreement.md."""

    inputs: tuple[Source, ...] = ("examples", "mutations", "types")
    """Where inputs come from, in this order until there are enough: the statement's own `examples` (what they say of
    outputs is never read); small `mutations` of them; values drawn by `types`, from annotations or the statement's list
    of inputs; calls that the `model` writes when it is asked for some, which needs a chat model."""
    most_inputs: PositiveInt = 20
    """Inputs of one prompt, at most."""
    input_tokens: PositiveInt = 512
    """Limit of what the model writes when it is asked for inputs."""
    choose: Literal["one", "all"] = "one"
    """What is kept of the largest group: its first sample, or all."""
    min_size: Annotated[int, Field(ge=2, le=LARGEST)] = 2
    """Samples that the largest group must have."""
    min_share: Share = 0.4
    """Of the prompt's samples, those without a program included, that the largest group must have."""
    seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 6.0
    """Wall-clock limit of one program on all of its inputs. What reaches a limit agrees with nothing."""

    @model_validator(mode="after")
    def _has_sources(self) -> AgreementSettings:
        if not self.inputs or len(set(self.inputs)) < len(self.inputs):
            raise ValueError("inputs is a list of sources, each once")
        return self
