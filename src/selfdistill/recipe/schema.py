"""The recipe: everything that decides a run's result, validated, each default written once.

Each section has a file of its own and stands alone; here is what holds between sections. The built-in recipes state
only what differs from the defaults. Each field's unit and meaning stand under it; docs/recipe.md is made from them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from selfdistill.recipe.checks import ChecksSettings
from selfdistill.recipe.engine import ENGINES, EngineSettings
from selfdistill.recipe.evaluation import EvaluationSettings
from selfdistill.recipe.explain import AnalysisSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.prompts import PromptSettings
from selfdistill.recipe.rounds import RoundSettings
from selfdistill.recipe.sampling import SamplingSettings
from selfdistill.recipe.section import Section, a_name
from selfdistill.recipe.training import TARGETS, TrainingSettings

_WITHOUT_BUCKET = ("file", "local", "memory")
"""Stores of fsspec's whose paths may begin with a slash."""


class Recipe(Section):
    """A whole run: where it starts, the three steps, and how it is judged."""

    name: Annotated[str, AfterValidator(a_name)]
    """Names the run, its default directory and the student's card."""
    description: str = ""
    """One line for readers."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Every random draw comes from this and the item's own key."""
    model: ModelSettings
    engine: EngineSettings = EngineSettings()
    cluster: str | None = None
    """A Ray cluster for sampling and grading: `auto` (the one that this machine belongs to), `HOST:PORT` of its head,
    or `ray://HOST:10001`. Unset: this machine only. Results are the same."""
    storage: str | None = None
    """A folder on object storage, e.g. `s3://bucket/runs`: each finished stage is copied to it, under the run
    directory's name, and a machine without the run fetches it from there. See docs/scale.md."""
    prompts: PromptSettings
    sampling: SamplingSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    analysis: AnalysisSettings = AnalysisSettings()
    checks: ChecksSettings = ChecksSettings()
    rounds: RoundSettings = RoundSettings()

    @field_validator("storage")
    @classmethod
    def _with_a_bucket(cls, url: str | None) -> str | None:
        scheme, mark, rest = (url or "").partition("://")
        if url is not None and (not rest.strip("/") if mark else not url):
            raise ValueError("a folder, such as s3://bucket/runs")
        if mark and scheme not in _WITHOUT_BUCKET and rest.startswith("/"):
            raise ValueError(f"names no bucket: {scheme}://BUCKET{rest}")
        return url

    @model_validator(mode="after")
    def _targets_can_be_had(self) -> Recipe:
        decoding = self.sampling.decoding
        recomputed = self.training.soft_targets == "recomputed"
        if recomputed and (self.sampling.model is not None or self.sampling.mix is not None):
            raise ValueError("soft_targets: recomputed are the base's own; sampling.model and sampling.mix need stored")
        if self.sampling.source == "texts" and not TARGETS[self.training.targets].distributions:
            raise ValueError("sampling.source texts needs training.targets: soft; a text's tokens are never targets")
        if self.sampling.source == "texts" and self.sampling.samples_per_prompt > 1:
            raise ValueError("a prompt has one text: sampling.source texts goes with samples_per_prompt: 1")
        if self.training.keep == "agreement":
            self._can_agree()
        if self.sampling.source == "texts":
            return self
        engine = ENGINES.get(self.engine.kind)  # None: `auto`, which heeds this where it is settled
        listed = engine is not None and engine.lists_probabilities and self.training.stores_targets
        if listed and not decoding.greedy and decoding.top_k == 0:
            raise ValueError(
                f"soft targets through engine.kind {self.engine.kind} need a sampling.decoding.top_k: it hands over "
                "a fixed number of probabilities a position; set top_k, or targets: hard, or kind: transformers"
            )
        return self

    def _can_agree(self) -> None:
        settings, count = self.training.agreement, self.sampling.samples_per_prompt
        if count < settings.min_size:
            raise ValueError(
                f"training.keep agreement: of {count} samples a prompt no {settings.min_size} can agree; raise "
                "sampling.samples_per_prompt"
            )
        if "model" in settings.inputs and self.prompts.chat == "never":
            raise ValueError("training.agreement.inputs model asks the model, which needs prompts.chat: auto or always")


HARMLESS_KEYS = (
    "cluster",
    "description",
    "engine.base_url",
    "engine.student_base_url",
    "engine.key_variable",
    "engine.timeout_seconds",
    "engine.patience_seconds",
    "engine.replicas",
    "engine.gpus_per_replica",
    "evaluation.grading.workers",
    "evaluation.grid.temperatures",
    "storage",
    "training.report_to",
)
"""Keys that may differ when a run is resumed: no result depends on them."""
