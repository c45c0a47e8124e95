"""What every side gets: the same prompts, the same training rows, and a model that never ends its answer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfdistill.engines.base import Request, SparseTargets
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.paths import resolve_path
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe import Recipe, load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Prompt, Sample
from selfdistill.run.start import read_prompts
from sides.spec import Spec

SUPPORT = 8
"""Most entries of a made soft target; real ones at these settings have 1 to 20, 2 to 4 on average."""


def recipe_of(spec: Spec, *overrides: str) -> Recipe:
    """The demo's recipe on the model, with the prompts that the user named."""
    common = [
        f"model.path={spec.model}",
        f"model.device={spec.device}",
        f"engine.batch_size={spec.batch}",
        "engine.kind=transformers",
        "prompts.chat=auto",
        "prompts.template=auto",
        f"prompts.limit={spec.rows}",
    ]
    return load_recipe("demo", [*common, *spec.overrides, *overrides])


def prompts_of(spec: Spec) -> list[tuple[int, ...]]:
    """Token ids of `spec.rows` prompts; a file that has fewer is gone through again."""
    found = [prompt.token_ids for prompt in read_prompts(recipe_of(spec))[0]]
    return [found[row % len(found)] for row in range(spec.rows)]


def decoding_of(spec: Spec) -> Decoding:
    temperature, top_k, top_p = spec.decoding
    return Decoding(temperature=temperature, top_k=int(top_k), top_p=top_p)


def requests(spec: Spec, prompts: Sequence[tuple[int, ...]]) -> list[Request]:
    stages = (decoding_of(spec),)
    return [Request(ids, (0, "benchmark", row), stages) for row, ids in enumerate(prompts)]


def complete(engine: Any, asked: Sequence[Request], new: int, *, targets: bool = False) -> list[tuple[int, ...]]:
    """Complete requests with one of the package's engines."""
    done = engine.generate(asked, max_new_tokens=new, targets=targets)
    return [completion.token_ids for completion in done]


def endless(model: str, folder: Path) -> str:
    """The same weights under an end of turn that is never drawn, so that every engine generates to the limit.

    The new end is the last of the special tokens that are no end yet: a mark for files or images that no prompt has.
    """
    source = Path(resolve_path(model)).resolve()
    tokenizer = load_tokenizer(str(source))
    ends = {*end_of_turn_ids(str(source)), tokenizer.pad_token_id, tokenizer.bos_token_id}
    specials = [token for token, kind in tokenizer.added_tokens_decoder.items() if kind.special and token not in ends]
    never = max(specials, default=len(tokenizer) - 1)
    changes = {
        "config.json": {"eos_token_id": never},
        "generation_config.json": {"eos_token_id": never},
        "tokenizer_config.json": {"eos_token": tokenizer.convert_ids_to_tokens(never)},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        target = folder / file.name
        if file.name in changes:
            target.write_text(json.dumps({**json.loads(file.read_text()), **changes[file.name]}))
        elif not target.exists():
            target.symlink_to(file)
    return str(folder)


def training_records(spec: Spec, vocabulary: int) -> tuple[list[Prompt], list[Sample], list[SparseTargets]]:
    """Prompts, made samples of ragged lengths, and made soft targets: what they say decides neither time nor memory.

    One epoch is `spec.steps + 2` optimizer steps of padded rows.
    """
    ids = prompts_of(spec)
    drawn = random.Random(0)
    text = [token for prompt in ids for token in prompt]
    count = (spec.steps + 2) * spec.micro_batch * spec.accumulation
    prompts, samples, targets = [], [], []
    for number in range(count):
        length = drawn.randint(spec.train_new // 2, spec.train_new * 3 // 2)
        start = drawn.randrange(max(1, len(text) - length))
        answer = tuple((text * (1 + length // len(text)))[start : start + length])
        name = f"p{number}"
        prompts.append(Prompt(name, "", ids[number % len(ids)]))
        samples.append(Sample(name, 0, answer, "stop", (-1.0,) * len(answer), "two = 1\nlines = 2\n"))
        targets.append(_targets(answer, vocabulary, drawn))
    return prompts, samples, targets


def _targets(answer: tuple[int, ...], vocabulary: int, drawn: random.Random) -> SparseTargets:
    sizes = np.array([drawn.choice((1, 1, 1, 2, 3, SUPPORT)) for _ in answer], np.int32)
    rows = [[token, *_others(token, size - 1, vocabulary)] for token, size in zip(answer, sizes, strict=True)]
    return SparseTargets(
        support_sizes=sizes,
        token_ids=np.array([token for row in rows for token in row], np.int32),
        probabilities=np.concatenate([np.full(size, 1 / size, np.float32) for size in sizes]),
    )


def _others(token: int, count: int, vocabulary: int) -> Iterator[int]:
    return ((token + 1 + number) % vocabulary for number in range(count))
