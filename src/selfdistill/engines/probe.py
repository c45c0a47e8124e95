"""A short look at a loaded model: does it generate token by token, and what makes it faster without changing it?

The model reads two texts without a cache. Then each mode that its parts allow (`steps.Mode`), the fastest first, goes
through them token by token; the first whose logits are the same is taken. That costs a dozen forwards of a few tokens,
and rests on no list of architectures: `tests/engines/test_architectures.py` tries it on all that transformers has.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from selfdistill.engines.cache import ATTENTION_LAYERS, STATE_LAYERS, holds_states, make_cache
from selfdistill.engines.differing import relative_errors
from selfdistill.engines.slots import Prompt, slot_kinds
from selfdistill.engines.steps import Mode, Slices, Steps, start
from selfdistill.errors import NotNumbersError, UserError

TEXT = "def add(a, b):\n    return a + b\n\n\nprint(add(1, 2), add(30, 40))\n"
LENGTH = 12
"""Tokens of it that are used."""
STEPS = 3
"""Tokens that are appended one by one; before the last of them a row leaves."""
TOLERANCE = 5e-3
"""Largest relative difference (root mean square over the vocabulary) that passes for rounding."""
HALF_TOLERANCE = 0.2
"""The same in half precision, where the mere shape of a batch moves logits by hundredths."""


def probe_ids(tokenizer: Any) -> Prompt:
    """Token ids of a short text, `LENGTH` of them."""
    ids = [int(token) for token in tokenizer(TEXT).input_ids] or [0]
    return tuple((ids * LENGTH)[:LENGTH])


@torch.inference_mode()
def choose_mode(model: Any, token_ids: Sequence[int], context: int) -> Mode:
    """The fastest mode in which the model says what its forward says without a cache.

    Args:
        model: loaded, in evaluation mode.
        token_ids: of an ordinary text, `probe_ids`.
        context: positions that the model has.

    Raises:
        UserError: as `check_causal`.
    """
    first = tuple(token_ids[:context])
    texts = (first, first[::-1])
    check_causal(model, first)
    said = [_read(model, text) for text in texts]
    for mode in _candidates(model, context):
        trials = (_difference_of(model, mode, texts, said, ends, context) for ends in _ends(mode, len(first)))
        if all(difference <= _tolerance(model) for difference in trials):
            return mode
    return Mode.UNCACHED


@torch.inference_mode()
def check_causal(model: Any, token_ids: Sequence[int]) -> None:
    """Refuse what does not generate token by token.

    Args:
        model: as for `choose_mode`.
        token_ids: of an ordinary text, at least one; the first `LENGTH` are used.

    Raises:
        UserError: the model cannot be run on token ids alone, looks at later tokens, computes nan, or is random.
    """
    if "lsh" in (getattr(model.config, "attn_layers", None) or ()):
        raise UserError(
            f"{_name(model)} does not say the same twice: its attention hashes with new random numbers every time",
            where=model.name_or_path,
            fix="use another model",
        )
    ids = tuple(token_ids[:LENGTH])
    whole = _read(model, ids)
    if not bool(whole.amax(-1).isfinite().all()):
        raise NotNumbersError
    half = (len(ids) + 1) // 2
    if _difference(_read(model, ids[:half])[-1:], whole[half - 1 : half]) > _tolerance(model):
        raise UserError(
            f"{_name(model)} does not generate token by token: what it says at a token depends on later ones",
            where=model.name_or_path,
            fix="use a causal language model; an encoder made into a decoder has is_decoder: true in its config.json",
        )


def reads_in_slices(model: Any, token_ids: Sequence[int]) -> bool:
    """Whether the model continues correctly from a cache with several tokens at once; some state layers do not.

    Args:
        model: as for `choose_mode`, and causal.
        token_ids: of an ordinary text; the first `LENGTH` are used.
    """
    kinds = _cache_kinds(model)
    if not (kinds <= ATTENTION_LAYERS | STATE_LAYERS and {"past_key_values", "position_ids"} <= _arguments(model)):
        return False
    ids = torch.tensor([token_ids[:LENGTH]], device=model.device)
    half = ids.shape[1] // 2
    slices = Slices(model)
    try:
        slices.read(ids, 0, half)
        if not holds_states(slices.cache):
            return False
        said = slices.read(ids, half, ids.shape[1])
    except torch.OutOfMemoryError:
        raise
    except Exception:  # as in `_difference_of`
        return False
    return _difference(said[0], _read(model, tuple(token_ids[:LENGTH]))[half:]) <= _tolerance(model)


def _candidates(model: Any, context: int) -> list[Mode]:
    """Modes that a model's parts allow, without `UNCACHED`, which every model bears."""
    if model.dtype.itemsize >= 4 and _limits_time_steps(model):
        return []
    others = [Mode.EQUAL, Mode.SINGLE]
    masked = {"past_key_values", "attention_mask", "position_ids"} <= _arguments(model)
    if not masked or _has_fixed_mask(model, context):
        return others
    kinds = _cache_kinds(model)
    if kinds <= ATTENTION_LAYERS:
        slots = [Mode.SLOTS] if slot_kinds(model) else []
        return [*slots, Mode.PADDED, *others]
    return [Mode.JOINED, *others] if kinds <= ATTENTION_LAYERS | STATE_LAYERS else others


def _arguments(model: Any) -> set[str]:
    return set(inspect.signature(model.forward).parameters)


def _has_fixed_mask(model: Any, context: int) -> bool:
    """A causal mask kept in the attention (GPT-Neo), which a long prompt's padding of a short one would run out of."""
    return any(tuple(buffer.shape) == (1, 1, context, context) for buffer in model.buffers())


def _cache_kinds(model: Any) -> set[type]:
    """Of layers; a kind that nobody knows where transformers cannot tell them from the configuration."""
    try:
        return {type(layer) for layer in make_cache(model.config).layers}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {object}


def _limits_time_steps(model: Any) -> bool:
    """Mamba 2 layers with a lower limit of the time step: a forward applies it, a cached step in transformers not.

    The difference is small, and below the rounding of half precision.
    """
    return any(getattr(module, "time_step_limit", (0.0,))[0] > 0 for module in model.modules())


def _read(model: Any, ids: Prompt) -> Tensor:
    """(tokens, V) logits of a forward without a cache."""
    try:
        output = model(input_ids=torch.tensor([ids], device=model.device), use_cache=False)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"{_name(model)} cannot be run on token ids alone: {type(error).__name__}: {_first_line(error)}",
            where=model.name_or_path,
            fix="use a causal language model",
        ) from error
    return output.logits[0].float()


def _ends(mode: Mode, length: int) -> Iterator[list[int]]:
    """How many tokens of the texts are prompts, in each trial."""
    longest = max(1, length - STEPS)
    if mode.any_length:
        yield [longest, max(1, longest // 2)]
    yield [longest] if mode is Mode.SINGLE else [longest, longest]


def _difference_of(
    model: Any, mode: Mode, texts: Sequence[Prompt], said: Sequence[Tensor], ends: Sequence[int], context: int
) -> float:
    """The largest, between a mode's logits and those of the whole texts; infinite where the mode fails."""
    rows = torch.arange(len(ends), device=model.device)
    try:
        steps = start(mode, model, [text[:end] for text, end in zip(texts, ends, strict=False)], context)
        found = {(row, 0): steps.logits[row] for row in range(len(ends))}
        for step in range(min(STEPS, len(texts[0]) - max(ends))):
            if step == STEPS - 1 and len(ends) > 1 and steps.keep(rows[1:]):
                rows = rows[1:]
            kept = rows.tolist()
            steps.forward(torch.tensor([texts[row][ends[row] + step] for row in kept], device=model.device))
            found |= {(row, step + 1): logits for row, logits in zip(kept, steps.logits, strict=True)}
        begun = _begin_anew(steps, texts[-1][: min(ends)]) if mode.refills else None
    except torch.OutOfMemoryError:
        raise
    except Exception:  # whatever a model raises here, it does not bear this mode
        return float("inf")
    anew = 0.0 if begun is None else _difference(begun[None], said[-1][min(ends) - 1 : min(ends)])
    return max(
        anew,
        *(
            _difference(
                torch.stack([logits for (each, _), logits in found.items() if each == row]),
                torch.stack([said[row][ends[row] - 1 + step] for each, step in found if each == row]),
            )
            for row in range(len(ends))
        ),
    )


def _begin_anew(steps: Steps, prompt: Prompt) -> Tensor:
    """Logits (V,) after a prompt that takes the last row's place."""
    last = len(steps.logits) - 1
    steps.forward(torch.zeros(last + 1, dtype=torch.long, device=steps.logits.device), {last: prompt})
    return steps.logits[last]


def _difference(logits: Tensor, expected: Tensor) -> float:
    """The median over positions, as a mixture of experts may route a token otherwise after rounding."""
    return float(relative_errors(logits, expected).median())


def _tolerance(model: Any) -> float:
    return HALF_TOLERANCE if model.dtype.itemsize < 4 else TOLERANCE


def _name(model: Any) -> str:
    return f"{type(model).__name__} ({model.config.model_type})"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")
