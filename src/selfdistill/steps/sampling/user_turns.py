"""The source `self`: an instruct model writes its users' turns, so that SSD needs nothing but the model.

Drawn by the run's engine like samples, each from a stream of its own, so that it resumes and repeats like them. A turn
ends where the model goes on to an answer; what is no request is named with its reason. Near copies are left out by
`measure/diversity.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.files import read_records
from selfdistill.problems.requests import ANSWER_BEGINS, fault, trimmed
from selfdistill.progress import progress
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.watch import Limit

if TYPE_CHECKING:
    from selfdistill.engines.base import Engine
    from selfdistill.recipe.prompt_sources import SelfWritten

_LIMIT = Limit("writing prompts", "prompts.self_written.max_new_tokens")


def write_turns(
    prompts: Sequence[Prompt],
    settings: SelfWritten,
    path: Path,
    *,
    stop: tuple[str, ...],
    engine: Callable[[], Engine],
    tokenizer: Any,
    seed: int,
    shard_size: int,
) -> None:
    """Append what is missing of the turns that the recipe asks for.

    Args:
        prompts: what the turns begin after, with their first words.
        settings: the recipe's section.
        path: JSON Lines of `Sample`.
        stop: strings that the template puts after a turn.
        engine: loads what generates; it ends a turn at the template's tokens.
        tokenizer: the model's.
        seed: the recipe's.
        shard_size: completions written together.
    """
    stops = (*stop, *ANSWER_BEGINS)
    job = Job(prompts, 1, (settings.decoding,), settings.max_new_tokens, (seed, "self-written"), stops, _LIMIT)
    with progress("writing prompts", job.size, "prompts", settings.max_new_tokens) as update:
        generate_samples(job, path, load_engine=engine, tokenizer=tokenizer, shard_size=shard_size, progress=update)


def turns(path: Path, first: Callable[[list[str]], list[bool]]) -> Iterator[dict[str, str]]:
    """What was written: `id`, `question`, and `left_out`, the reason why it is no prompt or "".

    Args:
        path: what `write_turns` wrote.
        first: of texts, which are no near copies of an earlier one.
    """
    samples = list(read_records(path, Sample))
    texts = [trimmed(sample.text, cut=sample.finish_reason == "stop_string") for sample in samples]
    reasons = [fault(text, ended=each.finish_reason != "length") for each, text in zip(samples, texts, strict=True)]
    fresh = iter(first([text for text, reason in zip(texts, reasons, strict=True) if not reason]))
    for sample, text, reason in zip(samples, texts, reasons, strict=True):
        why = reason or ("" if next(fresh) else "near copy")
        yield {"id": sample.prompt_id, "question": text, "left_out": why}
