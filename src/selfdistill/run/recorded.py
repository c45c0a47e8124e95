"""What manifest.json holds, as the JSON has it; docs/formats.md says what each key is for."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class StageRecord(TypedDict, total=False):
    """One stage: what it took, and what else is known of it. A key is absent where it makes no sense."""

    seconds: float
    waited_seconds: float
    """Of these, those in which other work had the processor."""
    tokens: int
    engine: str
    steps: int
    processes: int
    programs: int
    adapted_weights: int
    """Weights that LoRA adapts, of `weights`."""
    weights: int
    gpu_peak_bytes: int
    shared: bool
    """Another run of the study did it."""


class Predicted(TypedDict):
    """What a plan says of a stage."""

    tokens: int
    seconds: float
    by: str
    """Where its tokens/s are from."""


class PlanRecord(TypedDict):
    """The plan of a run, made before it began, and what came of it."""

    device: str
    parameters: float
    stages: dict[str, Predicted]
    actual: NotRequired[dict[str, float]]
    """Seconds by stage."""
    waited: NotRequired[dict[str, float]]
    """Of these, those that were spent waiting for a processor."""
    error: NotRequired[dict[str, float]]
    """The prediction's, as a share of the others."""


class Settled(TypedDict):
    """What `engine.kind: auto` stood for when the run was begun, and why."""

    kind: str
    why: str


class Manifest(TypedDict):
    """manifest.json."""

    format: int
    recipe: dict[str, Any]
    """Resolved, as JSON."""
    digest: str
    """Of the recipe."""
    created: str
    """ISO 8601, UTC."""
    versions: dict[str, str]
    machine: dict[str, Any]
    fingerprints: dict[str, str]
    isolation: list[list[Any]]
    """The sandbox's layers: name, whether it is there, how to get it."""
    stages: dict[str, StageRecord]
    files: NotRequired[dict[str, dict[str, str | int]]]
    """By path: size, digest and part."""
    engine: NotRequired[Settled]
    dtype: NotRequired[dict[str, Any]]
    """What `model.dtype: auto` stands for, where that was measured."""
    plan: NotRequired[PlanRecord]
    compared: NotRequired[dict[str, str]]
    """The two models, where none of them was trained here."""
    checksum: NotRequired[str]
