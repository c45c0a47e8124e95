"""Generate completions shard by shard, appending each shard whole; used for sampling and for evaluation alike.

A shard is a fixed slice of the work, so a restart repeats the same batches and gives the same floats. Records appear in
the order of the work, whatever happened in between. Source: paper Sec. 3 (one completion a prompt, frozen base).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import Any

from selfdistill.engines.base import Completion, Engine, Progress, Request, TakesShards
from selfdistill.engines.stops import StopStrings, cut_at_stop
from selfdistill.engines.text import Detokenizer
from selfdistill.files import append_records, read_records
from selfdistill.recipe.decoding import Stages
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.targets import is_whole, target_path, write_targets
from selfdistill.steps.sampling.watch import SAMPLING, Limit, Watch


@dataclass(frozen=True, slots=True)
class Job:
    """What to generate: every prompt, `samples_per_prompt` times, under one decoding."""

    prompts: Sequence[Prompt]
    samples_per_prompt: int
    stages: Stages
    max_new_tokens: int
    stream: tuple[int, str]
    """The recipe's seed and the stage. Evaluations of all systems share one stage name: common random numbers make
    their paired differences less noisy."""
    stop: tuple[str, ...] = ()
    """Stop strings; see `engines/stops.py`."""
    limit: Limit = SAMPLING
    """What a warning calls the job and its limit."""

    @property
    def size(self) -> int:
        """Number of completions."""
        return len(self.prompts) * self.samples_per_prompt


def generate_samples(
    job: Job,
    path: Path,
    *,
    load_engine: Callable[[], Engine],
    tokenizer: Any,
    shard_size: int,
    targets_dir: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Append to `path` what is missing of the job's samples.

    Args:
        job: what to generate.
        path: JSON Lines of `Sample`; what is there already is kept, a torn last line is cut off.
        load_engine: called only if something is missing.
        tokenizer: decodes ids to text for readers.
        shard_size: completions generated and written together.
        targets_dir: where soft targets go, one file a shard; None keeps none.
        progress: told what was done since the last call.
    """
    generate_together(
        [(job, path)],
        load_engine=load_engine,
        tokenizer=tokenizer,
        shard_size=shard_size,
        limit=job.limit,
        targets_dir=targets_dir,
        progress=progress,
    )


def generate_together(
    jobs: Sequence[tuple[Job, Path]],
    *,
    load_engine: Callable[[], Engine],
    tokenizer: Any,
    shard_size: int,
    limit: Limit,
    targets_dir: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Several jobs on one engine, one after the other but in common shards, so that their rows share batches.

    Args:
        jobs: with their files, as for `generate_samples`; they agree in stop strings and in `max_new_tokens`.
        load_engine, tokenizer, shard_size, progress: as for `generate_samples`.
        limit: what a warning calls them together.
        targets_dir: for a single job.
    """
    (stop,) = {job.stop for job, _ in jobs}
    (max_new_tokens,) = {job.max_new_tokens for job, _ in jobs}
    assert targets_dir is None or len(jobs) == 1
    done = [sum(1 for _ in read_records(path, Sample)) for _, path in jobs]
    shards = _shards([job for job, _ in jobs], shard_size)
    # A shard that was not finished, or whose targets are lost or damaged, is generated whole again.
    missing = [
        shard
        for shard in shards
        if any(part.end > done[part.number] for part in shard.parts)
        or (targets_dir is not None and not is_whole(target_path(targets_dir, shard.number)))
    ]
    settled = sum(map(len, shards)) - sum(map(len, missing))
    if progress and settled:
        progress(settled, 0)
    if not missing:
        return
    stops = StopStrings(tokenizer, stop) if stop else None
    detokenizer = Detokenizer(tokenizer)
    engine = load_engine()
    prompts = [prompt for job, _ in jobs for prompt in job.prompts]
    watch = Watch(limit, max_new_tokens, prompts, engine, progress)
    for shard in missing:  # told before the rest, so that the time left is that of what is generated
        watch(len(shard) - len({item.key for item in shard}), 0)
    results = _run(engine, missing, stops, max_new_tokens, targets_dir is not None, watch)
    for shard, completions in zip(missing, results, strict=True):
        if targets_dir is not None:
            # Before the samples: a sample on disk implies that its targets are.
            write_targets(target_path(targets_dir, shard.number), [completion.targets for completion in completions])
        made = iter(zip(shard, completions, strict=True))
        for part in shard.parts:
            records = [
                _sample(item.prompt, item.index, completion, detokenizer, stops)
                for item, completion in islice(made, len(part))
            ]
            append_records(jobs[part.number][1], records[max(0, done[part.number] - part.start) :])
    watch.end()


@dataclass(frozen=True, slots=True)
class _Item:
    """One completion of one job."""

    job: Job
    number: int
    """Of the job."""
    prompt: Prompt
    index: int

    @property
    def key(self) -> tuple[int, str, int]:
        """Names what is generated. A greedy completion does not depend on its stream: it is made once a prompt."""
        return self.number, self.prompt.prompt_id, 0 if self.job.stages[-1].greedy else self.index

    @property
    def request(self) -> Request:
        """What to ask for."""
        stream = (*self.job.stream, *self.key[1:])
        return Request(self.prompt.token_ids, stream, self.job.stages, self.job.stop)


@dataclass(frozen=True, slots=True)
class _Part:
    """A slice of one job's work, made when it is looked at."""

    job: Job
    number: int
    start: int
    end: int

    def __iter__(self) -> Iterator[_Item]:
        for item in range(self.start, self.end):
            prompt, index = divmod(item, self.job.samples_per_prompt)
            yield _Item(self.job, self.number, self.job.prompts[prompt], index)

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class _Shard:
    """A slice of all jobs' work."""

    number: int
    parts: tuple[_Part, ...]

    def __iter__(self) -> Iterator[_Item]:
        return chain.from_iterable(self.parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def requests(self) -> dict[tuple[int, str, int], Request]:
        """What to ask for, by key."""
        return {item.key: item.request for item in self}


def _shards(jobs: Sequence[Job], size: int) -> list[_Shard]:
    """The jobs' work, one after the other, cut into slices of a fixed size."""
    ends = list(accumulate(job.size for job in jobs))
    shards = []
    for number, first in enumerate(range(0, ends[-1] if ends else 0, size)):
        parts = []
        for place, (job, end) in enumerate(zip(jobs, ends, strict=True)):
            begin = end - job.size
            start, stop = max(first, begin), min(first + size, end)
            if start < stop:
                parts.append(_Part(job, place, start - begin, stop - begin))
        shards.append(_Shard(number, tuple(parts)))
    return shards


def _run(
    engine: Engine,
    shards: Sequence[_Shard],
    stops: StopStrings | None,
    max_new_tokens: int,
    targets: bool,
    progress: Progress,
) -> Iterator[list[Completion]]:
    """The shards' completions, in order: one shard after the other, or several at once where the engine can."""
    asked = (list(shard.requests().values()) for shard in shards)
    how: dict[str, Any] = {"max_new_tokens": max_new_tokens, "targets": targets, "progress": progress}
    if isinstance(engine, TakesShards):
        results = engine.generate_shards(asked, **how)
    else:
        results = (engine.generate(requests, **how) for requests in asked)
    for shard, completions in zip(shards, results, strict=True):
        requests = shard.requests()
        if stops is not None:
            completions = [
                cut_at_stop(c, request, stops) for c, request in zip(completions, requests.values(), strict=True)
            ]
        by_key = dict(zip(requests, completions, strict=True))
        yield [by_key[item.key] for item in shard]


def _sample(
    prompt: Prompt, index: int, completion: Completion, detokenizer: Detokenizer, stops: StopStrings | None
) -> Sample:
    text = detokenizer.text(prompt.token_ids, completion.token_ids)
    if stops is not None and completion.finish_reason == "stop_string":
        text = stops.before_stop(text)
    return Sample(
        prompt_id=prompt.prompt_id,
        sample_index=index,
        token_ids=completion.token_ids,
        finish_reason=completion.finish_reason,
        logprobs=completion.logprobs,
        text=prompt.answer_start + text,
    )
