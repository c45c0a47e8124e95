"""Rows of several sequences, one after the other without padding, that do not see each other.

Attention kernels for such rows (FlashAttention's) are packages of their own. Without one, a row's queries, keys and
values are laid out a sequence a line for PyTorch's own causal attention alone, which needs no mask then; everything
else in the model works on the row, where nothing is padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from selfdistill.errors import UserError

PACKED = "packed_sdpa"
"""The name of this attention in transformers. There is no mask of that name, so none is made."""
TOLERANCE = 5e-2
"""Largest difference between logits in one row and in two that may be rounding, as a share of the largest logit. Where
sequences see each other it is nearly all of it."""


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    cu_seq_lens_q: Tensor,
    max_length_q: int,
    sliding_window: int | None = None,
    **named: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each sequence of a row.

    Args:
        module: the layer.
        query: (1, heads, T, D), the sequences one after the other.
        key: (1, key heads, T, D).
        value: (1, key heads, T, D).
        attention_mask: none.
        cu_seq_lens_q: (sequences + 1,) where each begins, and T.
        max_length_q: tokens of the longest.
        sliding_window: how many tokens a token sees, itself included; unset, all before it.
        named: the rest of what transformers passes.

    Returns:
        (1, T, heads, D).
    """
    starts, ends = cu_seq_lens_q[:-1, None].long(), cu_seq_lens_q[1:, None].long()
    steps = torch.arange(max_length_q, device=query.device)
    # Padding repeats a sequence's last token: it is on the right, where nothing looks, and is left out again below.
    places = torch.minimum(starts + steps, ends - 1)  # (sequences, longest)
    real = (starts + steps < ends).flatten().nonzero_static(size=query.shape[2]).flatten()  # (T,)

    def lines(states: Tensor) -> Tensor:
        return states[0].transpose(0, 1)[places].transpose(1, 2)

    window = None
    if sliding_window is not None and sliding_window < max_length_q:
        distance = steps[:, None] - steps
        window = ((distance >= 0) & (distance < sliding_window))[None, None]
    found, _ = sdpa_attention_forward(module, lines(query), lines(key), lines(value), window, **named)
    return found.flatten(0, 1)[real][None], None


AttentionInterface.register(PACKED, packed_attention)


def flat_rows(packing: Literal["auto", True, False], model: Any) -> bool:
    """Whether the sequences of a micro-batch are to stand in one row; then the model keeps them apart.

    Args:
        packing: the recipe's.
        model: the base, where it was loaded.

    Raises:
        UserError: the recipe wants it, and the model would mix them.
    """
    if packing == "auto":
        return keeps_apart(model, quadratic=False)
    if packing and not keeps_apart(model, quadratic=True):
        raise UserError(
            f"{type(model).__name__} does not keep the sequences of a packed row apart",
            where="training.packing",
            fix="set it to auto",
        )
    return packing


def keeps_apart(model: Any, *, quadratic: bool) -> bool:
    """Make rows of several sequences safe, if that can be done; the model's attention may change.

    Tried by reading two short sequences in one row: layers that carry a state from token to token, and convolutions,
    let one see the other.

    Args:
        model: the base, whole, where it was loaded.
        quadratic: whether an attention will do that takes a mask, and time, of the row's length squared.
    """
    text = model.config.get_text_config(decoder=True)
    own = text._attn_implementation
    whole = all(weight.numel() for weight in model.parameters())
    if not whole or "chunked_attention" in (getattr(text, "layer_types", None) or ()):
        return False
    if "flash" in own:  # its kernels want a GPU and half precision, so the layers are tried without them
        model.set_attn_implementation("sdpa")
        apart = _apart(model, _alone(model))
        model.set_attn_implementation(own)
        return apart
    alone = _alone(model)
    if own == "sdpa" and model._supports_flash_attn:  # then its layers tell their attention all that it needs
        model.set_attn_implementation(PACKED)
        if _apart(model, alone):
            return True
        model.set_attn_implementation(own)
    return quadratic and _apart(model, alone)


def _ids(model: Any) -> list[Tensor]:
    """Two sequences (1, L)."""
    ids = torch.arange(11, device=model.device) % model.config.get_text_config(decoder=True).vocab_size
    return [ids[None, :7], ids[None, 7:]]


@torch.no_grad()
def _alone(model: Any) -> Tensor:
    """Each sequence's logits, read alone, (11, V)."""
    with _evaluated(model):
        return torch.cat([model(input_ids=ids, use_cache=False).logits[0] for ids in _ids(model)])


@torch.no_grad()
def _apart(model: Any, alone: Tensor) -> bool:
    """Whether the sequences have the same logits in one row."""
    lengths = [ids.shape[1] for ids in _ids(model)]
    row = torch.cat(_ids(model), dim=1)
    with _evaluated(model):
        try:
            together = model(input_ids=row, **in_one_row(lengths, row.device), use_cache=False).logits[0]
        except (TypeError, ValueError, RuntimeError, NotImplementedError):  # it does not take rows of several
            return False
    return bool((together - alone).abs().amax() <= TOLERANCE * alone.abs().amax())


@contextmanager
def _evaluated(model: Any) -> Iterator[None]:
    """Without dropout; but bitsandbytes lays weights in 4 bits out anew where they are only evaluated on a CPU."""
    training = model.training
    model.train(training and getattr(model, "is_quantized", False))
    try:
        yield
    finally:
        model.train(training)


def in_one_row(lengths: Sequence[int], device: torch.device) -> dict[str, Any]:
    """What tells a model where the sequences of a row begin: as TRL's collator."""
    ends = torch.tensor([0, *lengths], device=device).cumsum(0).to(torch.int32)
    longest = max(lengths)
    return {
        "position_ids": torch.cat([torch.arange(length, device=device) for length in lengths])[None],
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": longest,
        "max_length_k": longest,
    }
