"""A key-value cache that does not copy itself at every token, and whose rows can leave and be joined.

transformers' dynamic cache concatenates: each step copies all keys and values. Here every full-attention layer keeps
spare room and hands out views; other kinds of layers (sliding windows, convolutions, state spaces) stay transformers'
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import cache_utils
from transformers.cache_utils import (
    DynamicCache,
    DynamicIndexedLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
    LinearAttentionLayer,
)

ROOM = 64  # positions added at once, at least


class RoomyLayer(DynamicLayer):
    """Keys and values (batch, heads, positions, head size) as views of larger buffers."""

    def __init__(self) -> None:
        super().__init__()
        self._key_buffer: Tensor | None = None
        self._value_buffer: Tensor | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append keys and values of new positions and return those of all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        self._key_buffer = _with_room(self._key_buffer, key_states, start, end)
        self._value_buffer = _with_room(self._value_buffer, value_states, start, end)
        self.keys, self.values = self._key_buffer[:, :, :end], self._value_buffer[:, :, :end]
        return self.keys, self.values

    def replace(self, keys: Tensor, values: Tensor) -> None:
        """Hold these instead."""
        self._key_buffer, self._value_buffer = keys, values
        self.keys, self.values = keys, values

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep only these rows of the batch, in this order."""
        length = self.get_seq_length()
        if self._key_buffer is None or self._value_buffer is None:
            return
        self._key_buffer = self._key_buffer.index_select(0, beam_idx)
        self._value_buffer = self._value_buffer.index_select(0, beam_idx)
        self.keys, self.values = self._key_buffer[:, :, :length], self._value_buffer[:, :, :length]


_NOTHING = getattr(cache_utils, "DummyLayer", None)  # a layer without a cache; newer than our oldest transformers
ATTENTION_LAYERS = {RoomyLayer, DynamicSlidingWindowLayer, DynamicIndexedLayer, _NOTHING}
"""Cache layers that hold something of every position, which a mask can hide."""
STATE_LAYERS = {
    LinearAttentionLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
}
"""Cache layers that hold a state of all positions so far: what has entered it cannot be hidden again."""


def make_cache(config: Any) -> DynamicCache:
    """An empty cache for a model of this configuration."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def rows_can_leave(cache: Any) -> bool:
    """Whether `keep_rows` knows all that this cache holds."""
    if type(cache) is not DynamicCache:
        return False
    known = {DynamicLayer, *ATTENTION_LAYERS, *STATE_LAYERS}
    return all(type(layer) in known for layer in cache.layers)


def holds_states(cache: DynamicCache) -> bool:
    """Whether all states are in it after a forward; some models keep theirs in their modules (RecurrentGemma)."""
    states = [layer for layer in cache.layers if isinstance(layer, LinearAttentionLayer)]
    return all(any(layer.has_previous_state.values()) for layer in states)


def keep_rows(cache: DynamicCache, indices: Tensor) -> None:
    """Drop all rows but these. Not `batch_select_indices`, which transformers' state layers do not have."""
    cache.reorder_cache(indices)


def join(caches: Sequence[DynamicCache]) -> DynamicCache:
    """One cache with the rows of several, in order; shorter ones get empty positions on the left."""
    for layers in zip(*(cache.layers for cache in caches), strict=True):
        _join_layers(layers)
    return caches[0]


def _join_layers(layers: Sequence[Any]) -> None:
    """Into the first."""
    into = layers[0]
    if isinstance(into, LinearAttentionLayer):
        for name in ("conv_states", "recurrent_states"):
            states = getattr(into, name)
            states |= {
                number: torch.cat([getattr(layer, name)[number] for layer in layers])
                for number, state in states.items()
                if state is not None
            }
    if isinstance(into, DynamicLayer) and into.is_initialized:
        keys, values = (_right_aligned([getattr(layer, name) for layer in layers], -2) for name in ("keys", "values"))
        if isinstance(into, RoomyLayer):
            into.replace(keys, values)
        else:
            into.keys, into.values = keys, values
    if isinstance(into, DynamicSlidingWindowLayer):
        into.cumulative_length = max(layer.cumulative_length for layer in layers)
    if isinstance(into, DynamicIndexedLayer) and into.is_indexer_initialized:
        into.indexer_keys = _right_aligned([layer.indexer_keys for layer in layers], -2)
        if into.indexer_position_ids is not None:
            into.indexer_position_ids = _right_aligned([layer.indexer_position_ids for layer in layers], -1, rows=1)


def _right_aligned(parts: Sequence[Tensor], positions: int, rows: int = 0) -> Tensor:
    """Concatenated along `rows`, with zeros on the left along the axis of positions (-1 or -2)."""
    width = max(part.shape[positions] for part in parts)
    before = (0, 0) * (-positions - 1)
    return torch.cat([pad(part, (*before, width - part.shape[positions], 0)) for part in parts], dim=rows)


def _with_room(buffer: Tensor | None, states: Tensor, start: int, end: int) -> Tensor:
    """The buffer with `states` written at [start, end), moved to a larger one where it is full."""
    if buffer is None or end > buffer.shape[-2]:
        rows, heads, _, size = states.shape
        larger = torch.empty((rows, heads, end + max(ROOM, end // 4), size), dtype=states.dtype, device=states.device)
        if buffer is not None:
            larger[:, :, :start] = buffer[:, :, :start]
        buffer = larger
    buffer[:, :, start:end] = states
    return buffer
