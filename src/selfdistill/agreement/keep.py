"""`training.keep: agreement`: of each prompt's samples keep one, or all, of the largest group that agrees.

No label takes part, but programs are run, and what they give decides what is trained on: not SSD on raw samples.
A prompt whose largest group is too small, or that has no inputs, is dropped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.agreement.asked import Asked, asked_of
from selfdistill.agreement.records import Agreement
from selfdistill.agreement.run import Candidates, agreements
from selfdistill.files import append_records, read_records
from selfdistill.problems.formats.humaneval import preamble_of
from selfdistill.problems.programs.extract import answer_of
from selfdistill.processes import is_main_process
from selfdistill.progress import Update
from selfdistill.recipe.agreement import AgreementSettings
from selfdistill.records import AssertTests, CallTests, Problem, Prompt, Sample, StdinTests, Tests

if TYPE_CHECKING:
    from selfdistill.recipe.evaluation import GradingSettings

_TOGETHER = 128
"""Prompts whose inputs and programs are held at once; their records are written together."""
_PATIENCE_SECONDS = 1.0

NO_INPUTS, TOO_SMALL = "no inputs to agree on", "too few agree"
OUTSIDE, NOT_CHOSEN = "outside the largest group", "of the largest group, not chosen"


def find_agreements(
    settings: AgreementSettings,
    grading: GradingSettings,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    path: Path,
    *,
    chat: bool,
    seed: int,
    written: Mapping[str, str] | None = None,
    progress: Update | None = None,
) -> None:
    """Append to `path` what is missing of the prompts' agreements. Of several processes one runs the programs.

    Args:
        settings: which inputs.
        grading: how programs are run.
        prompts: those that were sampled.
        samples: all of theirs.
        path: JSON Lines of `Agreement`.
        chat: whether completions are answers from which the code must be extracted.
        seed: the recipe's.
        written: by prompt, what the model wrote when it was asked for inputs.
        progress: told of prompts, those that were there first.

    Raises:
        UserError: the isolation asked for is not available on this machine.
    """
    if not is_main_process():
        while len(list(read_records(path, Agreement))) < len(prompts):
            time.sleep(_PATIENCE_SECONDS)
        return
    done = {record.key for record in read_records(path, Agreement)}
    if progress:
        progress(there=len(done))
    waiting = _candidates(grading, [p for p in prompts if p.prompt_id not in done], samples, written or {}, chat=chat)
    while some := list(islice(waiting, _TOGETHER)):
        found = []
        for record in agreements(some, settings, grading, seed):
            found.append(record)
            if progress:
                progress(1)
        append_records(path, found)


def refused_samples(
    settings: AgreementSettings, samples: Sequence[Sample], records: Mapping[str, Agreement]
) -> dict[int, str]:
    """Which samples are not trained on, by index into `samples`, with the reason.

    Of a group of which one is kept it is the first that was not cut off, else the first.
    """
    cut_off = {(each.prompt_id, each.sample_index) for each in samples if each.finish_reason == "length"}
    kept: dict[str, tuple[int, ...]] = {}
    for key, record in records.items():
        if has_group(record, settings):
            group = record.groups[0]
            first = next((index for index in group if (key, index) not in cut_off), group[0])
            kept[key] = (first,) if settings.choose == "one" else group
    found: dict[int, str] = {}
    for position, sample in enumerate(samples):
        record = records[sample.prompt_id]
        if sample.prompt_id not in kept:
            found[position] = TOO_SMALL if record.inputs else NO_INPUTS
        elif sample.sample_index not in kept[sample.prompt_id]:
            found[position] = NOT_CHOSEN if sample.sample_index in record.groups[0] else OUTSIDE
    return found


def has_group(record: Agreement, settings: AgreementSettings) -> bool:
    """Whether enough of a prompt's samples agree."""
    size = len(record.groups[0]) if record.groups else 0
    return size >= max(settings.min_size, settings.min_share * record.samples)


def statistics(records: Mapping[str, Agreement], settings: AgreementSettings) -> dict[str, Any]:
    """What the data statistics say of the filter: counts only, so that a run resumed says the same."""
    sizes = Counter(len(record.groups[0]) if record.groups else 0 for record in records.values())
    sources: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for record in records.values():
        sources.update(record.sources)
        failures.update(record.failures)
    return {
        "prompts": len(records),
        "with_inputs": sum(bool(record.inputs) for record in records.values()),
        "with_group": sum(has_group(record, settings) for record in records.values()),
        "inputs": dict(sources),
        "largest_groups": {str(size): sizes[size] for size in sorted(sizes)},
        "without_outputs": dict(sorted(failures.items())),
        "programs": sum(record.programs for record in records.values()),
    }


def _candidates(
    grading: GradingSettings,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    written: Mapping[str, str],
    *,
    chat: bool,
) -> Iterator[Candidates]:
    by_prompt: dict[str, list[Sample]] = {prompt.prompt_id: [] for prompt in prompts}
    for sample in samples:
        if sample.prompt_id in by_prompt:
            by_prompt[sample.prompt_id].append(sample)
    for prompt in prompts:
        asked = asked_of(prompt.statement, prompt.starter_code)
        problem = problem_of(prompt, asked, chat=chat)
        own = by_prompt[prompt.prompt_id]
        programs = tuple(_program(grading, problem, sample, chat=chat) for sample in own)
        indices = tuple(sample.sample_index for sample in own)
        yield Candidates(prompt.prompt_id, asked, programs, indices, written.get(prompt.prompt_id, ""))


def problem_of(prompt: Prompt, asked: Asked, *, chat: bool) -> Problem:
    """A prompt as a problem without tests, so that its answers are read as a benchmark's are."""
    tests: Tests
    if asked.entry_point is None:
        tests = StdinTests(())
    elif asked.prelude:
        tests = CallTests(asked.entry_point, ())
    else:
        tests = AssertTests("", asked.entry_point)
    in_code = chat and asked.entry_point is not None and f"def {asked.entry_point}" in prompt.statement
    preamble = preamble_of(prompt.statement, asked.entry_point or "") if in_code else ""
    return Problem(
        prompt.prompt_id,
        prompt.statement,
        tests,
        starter_code=prompt.starter_code,
        program_prefix="" if chat else prompt.statement,
        metadata={"preamble": preamble},
    )


def _program(grading: GradingSettings, problem: Problem, sample: Sample, *, chat: bool) -> str | None:
    answer = answer_of(problem, sample.text, "", chat=chat, answers=grading.answers, rules=grading.rules)
    return answer.program
