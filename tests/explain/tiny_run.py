"""A tiny base that knows a few programs, and a student that fits q_s on its samples: real locks and real forks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from selfdistill.decoding.distribution import decode, dense
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.explain.records import Graded
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, Sample
from tests.decoded import decoded
from tiny_models import make_model

PROMPTS = ("# double\n", "# total\n", "# count\n", "# <b>\n")
BODIES = (
    "def f(x):\n    return [2 * i for i in x]\n",
    "def f(x):\n    y = []\n    for i in x:\n        y.append(2 * i)\n    return y\n",
    "def f(x):\n    return sum(x)\n",
    "def f(x):\n    return len(x)\n",
    "def f(x):\n    return x < 3 and x > 1 & 2\n",
)
SAMPLING = Decoding(temperature=1.3, top_k=20, top_p=0.9)


@dataclass(frozen=True)
class TinyRun:
    base: Path
    student: Path
    prompts: tuple[Prompt, ...]
    samples: tuple[Sample, ...]
    graded: tuple[Graded, ...]


def make_run(directory: Path) -> TinyRun:
    """Train the base on a few programs, sample from it, and fit the student to q_s."""
    base = make_model(directory / "base")
    tokenizer = AutoTokenizer.from_pretrained(base)
    documents = [
        tokenizer(prompt + body)["input_ids"] + [tokenizer.eos_token_id] for prompt in PROMPTS for body in BODIES
    ]
    _train(base, base, documents, None, steps=120)
    prompts = tuple(
        Prompt(f"task-{index}", text, tuple(tokenizer(text)["input_ids"])) for index, text in enumerate(PROMPTS)
    )
    samples = _sample(base, tokenizer, prompts, 6)
    sequences = [[*prompts[int(s.prompt_id[5:])].token_ids, *s.token_ids] for s in samples]
    student = directory / "student"
    _train(base, student, sequences, SAMPLING, steps=40)
    tokenizer.save_pretrained(student)
    graded = [
        Graded(model, sample, sample.text in BODIES, "passed" if sample.text in BODIES else "wrong answer")
        for model, path in (("base", base), ("student", student))
        for sample in _sample(path, tokenizer, prompts, 5)
    ]
    return TinyRun(base, student, prompts, samples, tuple(graded))


def _sample(model: Path, tokenizer, prompts: tuple[Prompt, ...], count: int) -> tuple[Sample, ...]:
    engine = load_engine(ModelSettings(path=str(model), device="cpu"), EngineSettings())
    keys = [(prompt, index) for prompt in prompts for index in range(count)]
    requests = [Request(prompt.token_ids, (0, "test", prompt.prompt_id, index)) for prompt, index in keys]
    completions = engine.generate(decoded(requests, (SAMPLING,)), max_new_tokens=120)
    return tuple(
        Sample(
            prompt.prompt_id,
            index,
            completion.token_ids,
            completion.finish_reason,
            completion.logprobs,
            tokenizer.decode(completion.token_ids, skip_special_tokens=True),
        )
        for (prompt, index), completion in zip(keys, completions, strict=True)
    )


def _train(source: Path, target: Path, sequences: list, sampling: Decoding | None, *, steps: int) -> None:
    """Fit next tokens, or, with a sampling decoding, the source's own q_s."""
    model = AutoModelForCausalLM.from_pretrained(source)
    frozen = AutoModelForCausalLM.from_pretrained(source)
    length = max(map(len, sequences))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in map(list, sequences)])
    real = torch.tensor([[1.0] * (len(row) - 1) + [0.0] * (length - len(row)) for row in map(list, sequences)])
    with torch.no_grad():
        q = dense(decode(frozen(ids).logits[:, :-1], (sampling,)), len(frozen.lm_head.weight)) if sampling else None
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        logprobs = model(ids).logits[:, :-1].log_softmax(-1)
        drawn = logprobs.gather(-1, ids[:, 1:, None]).squeeze(-1)
        loss = -(drawn if q is None else (q * logprobs).sum(-1))
        optimizer.zero_grad()
        ((loss * real).sum() / real.sum()).backward()
        optimizer.step()
    model.save_pretrained(target)
