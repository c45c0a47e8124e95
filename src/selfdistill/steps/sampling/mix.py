"""Samples of an earlier run in place of new ones, for a share of the prompts: a guard against collapse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfdistill.directory import RunDirectory
from selfdistill.engines.base import Completion, Engine, Progress, Request
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.records import Sample
from selfdistill.seeds import digest
from selfdistill.steps.sampling.targets import targets_of

Key = tuple[str, int]


@dataclass(frozen=True)
class Mixed:
    """An engine that hands out stored completions where it has them and asks another for the rest. See `Engine`."""

    engine: Engine
    stored: dict[Key, Completion]

    @property
    def context(self) -> int:
        """The other engine's."""
        return self.engine.context

    def generate(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """Stored completions come with the targets that they were stored with: q_s of the model that drew them."""
        missing = [request for request in requests if _key(request) not in self.stored]
        if progress:
            progress(len(requests) - len(missing), 0)
        how = {"max_new_tokens": max_new_tokens, "targets": targets, "progress": progress}
        new = self.engine.generate(missing, **how) if missing else []  # type: ignore[arg-type]
        generated = dict(zip(map(_key, missing), new, strict=True))
        return [self.stored.get(key) or generated[key] for key in map(_key, requests)]

    def close(self) -> None:
        """The other engine is closed by who opened it."""


def mixed(load: Callable[[], Engine], run: str, share: float, seed: int, *, targets: bool) -> Callable[[], Engine]:
    """A function that loads the engine with an earlier run's samples before it.

    Raises:
        UserError: the earlier run has no samples, or no soft targets where they are wanted.
    """

    def loaded() -> Engine:
        return Mixed(load(), _stored(RunDirectory(Path(run)), share, seed, targets=targets))

    return loaded


def _stored(directory: RunDirectory, share: float, seed: int, *, targets: bool) -> dict[Key, Completion]:
    samples = list(read_records(directory.samples, Sample))
    if not samples:
        raise UserError("holds no samples to mix in", where=directory.root, fix="set sampling.mix.run")
    kept = targets_of(samples, directory.targets) if targets else iter([None] * len(samples))
    stored = {}
    for sample, target in zip(samples, kept, strict=True):
        if int.from_bytes(digest(seed, "mix", sample.prompt_id), "big") < share * 2**128:
            completion = Completion(sample.token_ids, sample.finish_reason, sample.logprobs, target)
            stored[sample.prompt_id, sample.sample_index] = completion
    return stored


def _key(request: Request) -> Key:
    """The end of a request's stream: prompt id and sample index."""
    prompt_id, index = request.stream[-2:]
    return str(prompt_id), int(index)
