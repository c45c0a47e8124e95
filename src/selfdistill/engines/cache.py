"""A key-value cache that does not copy itself at every token.

transformers' dynamic cache concatenates: each step copies all keys and values. Here every full-attention layer keeps
spare room and hands out views; other kinds of layers (sliding windows, state spaces) stay transformers' own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

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

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep only these rows of the batch."""
        length = self.get_seq_length()
        if self._key_buffer is None or self._value_buffer is None:
            return
        self._key_buffer = self._key_buffer.index_select(0, indices)
        self._value_buffer = self._value_buffer.index_select(0, indices)
        self.keys, self.values = self._key_buffer[:, :, :length], self._value_buffer[:, :, :length]


def make_cache(config: Any) -> DynamicCache:
    """An empty cache for a model of this configuration."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


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
