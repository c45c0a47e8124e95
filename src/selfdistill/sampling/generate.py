"""Generate completions shard by shard, appending each shard whole; used for sampling and for evaluation alike.

A shard is a fixed slice of the work, so a restart repeats the same batches and gives the same floats. Records appear in
the order of the work, whatever happened in between. Source: paper Sec. 3 (one completion a prompt, frozen base).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfdistill.decoding import Stages
from selfdistill.engines.base import Completion, Engine, Progress, Request, TakesShards
from selfdistill.engines.stops import StopStrings, cut_at_stop
from selfdistill.engines.text import Detokenizer
from selfdistill.files import append_records, read_records
from selfdistill.records import Prompt, Sample
from selfdistill.sampling.targets import target_path, write_targets
from selfdistill.sampling.watch import SAMPLING, Limit, Watch


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
    done = sum(1 for _ in read_records(path, Sample))
    if progress and done:
        # A shard that was not finished is generated whole again.
        progress(done if done >= job.size else done // shard_size * shard_size, 0)
    if done >= job.size:
        return
    missing = range(done // shard_size, -(-job.size // shard_size))
    shards = [_Shard(job, number * shard_size, min((number + 1) * shard_size, job.size)) for number in missing]
    stops = StopStrings(tokenizer, job.stop) if job.stop else None
    detokenizer = Detokenizer(tokenizer)
    engine = load_engine()
    watch = Watch(job.limit, job.max_new_tokens, job.prompts, engine, progress)
    for shard in shards:  # told before the rest, so that the time left is that of what is generated
        watch(len(shard) - len({_key(job, *item) for item in shard}), 0)
    results = _run(engine, job, shards, stops, targets_dir is not None, watch)
    for number, shard, completions in zip(missing, shards, results, strict=True):
        if targets_dir is not None:
            # Before the samples: a sample on disk implies that its targets are.
            write_targets(target_path(targets_dir, number), [completion.targets for completion in completions])
        records = [
            _sample(prompt, index, completion, detokenizer, stops)
            for (prompt, index), completion in zip(shard, completions, strict=True)
        ]
        append_records(path, records[max(0, done - number * shard_size) :])
    watch.end()


@dataclass(frozen=True, slots=True)
class _Shard:
    """A slice of the job's work, made when it is looked at."""

    job: Job
    start: int
    end: int

    def __iter__(self) -> Iterator[tuple[Prompt, int]]:
        for item in range(self.start, self.end):
            prompt, index = divmod(item, self.job.samples_per_prompt)
            yield self.job.prompts[prompt], index

    def __len__(self) -> int:
        return self.end - self.start


def _run(
    engine: Engine,
    job: Job,
    shards: Sequence[_Shard],
    stops: StopStrings | None,
    targets: bool,
    progress: Progress,
) -> Iterator[list[Completion]]:
    """The shards' completions, in order: one shard after the other, or several at once where the engine can."""
    requests = (list(_requests(job, shard).values()) for shard in shards)
    how: dict[str, Any] = {"max_new_tokens": job.max_new_tokens, "targets": targets, "progress": progress}
    if isinstance(engine, TakesShards):
        results = engine.generate_shards(requests, **how)
    else:
        results = (engine.generate(shard, **how) for shard in requests)
    for shard, completions in zip(shards, results, strict=True):
        asked = _requests(job, shard)
        if stops is not None:
            completions = [
                cut_at_stop(c, request, stops) for c, request in zip(completions, asked.values(), strict=True)
            ]
        by_key = dict(zip(asked, completions, strict=True))
        yield [by_key[_key(job, *item)] for item in shard]


def _requests(job: Job, shard: _Shard) -> dict[tuple[str, int], Request]:
    """What to ask for, by key."""
    return {
        (key := _key(job, prompt, index)): Request(prompt.token_ids, (*job.stream, *key), job.stages, job.stop)
        for prompt, index in shard
    }


def _key(job: Job, prompt: Prompt, index: int) -> tuple[str, int]:
    """Names a completion. A greedy one does not depend on its stream: it is generated once for each prompt."""
    return prompt.prompt_id, 0 if job.stages[-1].greedy else index


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
