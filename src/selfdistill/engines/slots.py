"""Rows that come and go one by one: each has a slot of the key-value cache, and a new prompt takes a finished row's.

In a slot, positions are counted from the row's own first token, so rows need no padding to a common start, and one
row's arrival moves no other. A mask hides what lies beyond a row's own length. The last token of a prompt is not read
with the prompt: it is the row's first step, and its logits come with everybody else's. A prompt that several rows begin
with is read once, also where one of them comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from selfdistill.engines.cache import RoomyLayer, make_cache
from selfdistill.engines.graphs import Graphs
from selfdistill.engines.padding import padded

Prompt = tuple[int, ...]
KeysValues = tuple[Tensor, Tensor]
"""Of prompts in one layer, (prompts, heads, length, size) each."""
ROOM = 64
"""Positions added to all slots at once, at least; on a GPU also what a step's width is rounded up to: shapes repeat."""
PREFILL_TOKENS = 16_384
"""Prompt tokens read in one forward pass, at most, which bounds its memory; a single longer prompt is read whole."""


def slot_kinds(model: Any) -> dict[str, int | None] | None:
    """The window of each kind of attention layer, None for full attention; None where slots cannot hold the model.

    Only what is known to see positions through the mask alone: full attention and sliding windows, run by PyTorch's
    attention or by transformers' own (`eager`). Whether the model says the same in slots is for `probe` to find.
    """
    config = model.config.get_text_config(decoder=True)
    if config._attn_implementation not in ("sdpa", "eager"):
        return None
    windows: dict[str, int | None] = {}
    layers = make_cache(model.config).layers
    names = getattr(config, "layer_types", None)
    for number, layer in enumerate(layers):
        full = type(layer) is RoomyLayer
        name = names[number] if names and number < len(names) else ("full" if full else "sliding") + "_attention"
        known = {"full_attention": RoomyLayer, "sliding_attention": DynamicSlidingWindowLayer}.get(name)
        if type(layer) is not known:
            return None
        windows[name] = None if full else int(layer.sliding_window)
    return windows or None


class SlotSteps:
    """Rows being decoded, each in its slot. See `steps.Steps`."""

    logits: Tensor

    def __init__(
        self,
        model: Any,
        prompts: Sequence[Prompt],
        context: int,
        options: Mapping[str, Any],
        again: Callable[[Prompt], bool] = lambda _: False,
        graphs: Graphs | None = None,
    ) -> None:
        """Begin.

        Args:
            model: one that `slot_kinds` knows.
            prompts: token ids, none empty, one a slot.
            context: positions that the model has.
            options: what the model's forward takes beside, e.g. `logits_to_keep`.
            again: whether another row will begin with a prompt that has been begun; what was read of it is kept then.
            graphs: records steps and replays them.
        """
        kinds = slot_kinds(model)
        if kinds is None:
            raise NotImplementedError("the model's layers do not fit into slots")
        self._model = model
        self._options = dict(options)
        self._windows = kinds
        self._graphs = graphs
        self._again = again
        self._read_before: dict[Prompt, list[KeysValues]] = {}
        self._last_position = context - 1
        self._round = ROOM if graphs or model.device.type == "cuda" else 1
        self._cache = _SlotCache(len(make_cache(model.config).layers), len(prompts), model.device)
        self._positions = np.zeros(len(prompts), dtype=np.int64)
        self._inputs = self._room(len(prompts))
        self._run(self._begin(dict(enumerate(prompts)), torch.zeros(len(prompts), dtype=torch.long)))

    def forward(self, tokens: Tensor, new: Mapping[int, Prompt] | None = None) -> None:
        """Append one token (rows,) to each row; the rows in `new` begin these prompts instead."""
        # A row that has ended may go past the context while it waits to leave; nobody reads what it says there.
        self._positions = np.minimum(self._positions + 1, self._last_position)
        self._run(self._begin(new, tokens.clone()) if new else tokens)

    def keep(self, indices: Tensor) -> bool:
        """Drop all rows but these; True."""
        self._cache.keep(indices)
        self._positions = self._positions[indices.cpu().numpy()]
        self._inputs = self._room(len(indices))
        return True

    def _room(self, rows: int) -> tuple[Tensor, Tensor]:
        """Where each step finds its tokens and positions, (rows,) each: a recorded step reads the same place again."""
        tokens, positions = torch.zeros((2, rows), dtype=torch.long, device=self._model.device)
        return tokens, positions

    def _run(self, tokens: Tensor) -> None:
        width = -(-(int(self._positions.max()) + 1) // self._round) * self._round
        for room, values in zip(self._inputs, (tokens, torch.from_numpy(self._positions)), strict=True):
            room.copy_(values)
        step = partial(self._step, *self._inputs, width)
        # Slots are given more room, or fewer, by making all of them anew, so the key has to say which they are.
        key = (len(self._positions), width, self._cache.made)
        self.logits = self._graphs.run(key, step) if self._graphs else step()

    def _step(self, tokens: Tensor, positions: Tensor, width: int) -> Tensor:
        """Logits (rows, vocabulary) after one token (rows,) a row at these positions (rows,)."""
        self._cache.step(positions, width)
        output = self._model(
            input_ids=tokens.unsqueeze(1),
            attention_mask=self._masks(positions, width),
            position_ids=positions.unsqueeze(1),
            past_key_values=self._cache,
            use_cache=True,
            **self._options,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def _masks(self, positions: Tensor, width: int) -> Any:
        """(rows, 1, 1, width), what each row's token sees; by kind of layer where there are several."""
        columns = torch.arange(width, device=positions.device)
        own = positions[:, None]
        masks = {}
        for kind, window in self._windows.items():
            seen = columns <= own
            if window is not None:
                seen &= columns > own - window
            masks[kind] = _as_the_model_wants(seen[:, None, None, :], self._model)
        return masks if len(masks) > 1 else masks.popitem()[1]

    def _begin(self, new: Mapping[int, Prompt], tokens: Tensor) -> Tensor:
        """Put prompts into slots, but for their last tokens, which go among the `tokens`."""
        rows = sorted(new, key=lambda row: (len(new[row]), row))
        for row in rows:
            self._positions[row] = len(new[row]) - 1
        tokens[rows] = torch.tensor([new[row][-1] for row in rows], device=tokens.device)
        begun: dict[Prompt, list[int]] = {}
        for row in rows:
            if len(new[row]) > 1:
                begun.setdefault(new[row], []).append(row)
        for prompt, read in self._read_before.items():
            if prompt in begun:
                same = begun.pop(prompt)
                self._cache.fill(same, [0] * len(same), read)
        for part in _parts(list(begun)):
            self._read({prompt: begun[prompt] for prompt in part})
        for prompt in [prompt for prompt in self._read_before if not self._again(prompt)]:
            del self._read_before[prompt]
        return tokens

    def _read(self, begun: Mapping[Prompt, Sequence[int]]) -> None:
        """Prompts and the rows that begin with each. Padded on the right, where causal attention never looks."""
        ids = padded([prompt[:-1] for prompt in begun]).to(self._model.device)
        cache = DynamicCache()
        self._model(
            input_ids=ids,
            position_ids=torch.arange(ids.shape[1], device=ids.device).expand(len(begun), -1),
            past_key_values=cache,
            use_cache=True,
            **self._options,
        )
        read = [(layer.keys, layer.values) for layer in cache.layers]
        which = [index for index, rows in enumerate(begun.values()) for _ in rows]
        self._cache.fill([row for rows in begun.values() for row in rows], which, read)
        for index, prompt in enumerate(begun):
            if self._again(prompt):  # not as a view, which would hold all that was read with it
                own = slice(index, index + 1), slice(None), slice(len(prompt) - 1)
                self._read_before[prompt] = [(keys[own].clone(), values[own].clone()) for keys, values in read]


class _SlotLayer(DynamicLayer):
    """Keys and values of all slots (rows, heads, length, size); zeros, not rubbish, where nothing was written."""

    def __init__(self, cache: _SlotCache) -> None:
        super().__init__()
        self._cache = cache
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write one token's keys and values (rows, heads, 1, size) in each slot; returns all up to the step's width."""
        cache = self._cache
        buffers = self._with_room(cache.width, key_states, value_states)
        for buffer, states in zip(buffers, (key_states, value_states), strict=True):
            buffer[cache.rows, :, cache.positions] = states[:, :, 0]
        return buffers[0][:, :, : cache.width], buffers[1][:, :, : cache.width]

    def fill(self, rows: Tensor, keys: Tensor, values: Tensor) -> None:
        """Begin these slots with keys and values (len(rows), heads, length, size)."""
        length = keys.shape[-2]
        for buffer, states in zip(self._with_room(length, keys, values), (keys, values), strict=True):
            buffer[rows, :, :length] = states

    def keep(self, indices: Tensor) -> None:
        """Drop all slots but these."""
        if self._buffers is not None:
            self._buffers = self._buffers[0].index_select(0, indices), self._buffers[1].index_select(0, indices)
            self._cache.made += 1

    def _with_room(self, width: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        old = self._buffers
        if old is None or old[0].shape[-2] < width:
            length = -(-(width + max(ROOM, width // 4)) // ROOM) * ROOM
            made = [
                states.new_zeros((len(self._cache.rows), states.shape[1], length, states.shape[-1]))
                for states in (keys, values)
            ]
            for buffer, before in zip(made, old or (), strict=False):
                buffer[:, :, : before.shape[-2]] = before
            self._buffers = made[0], made[1]
            self._cache.made += 1
        assert self._buffers is not None
        return self._buffers


class _SlotCache(Cache):
    """The layers, and where each row stands: at which position the next token is written, and how far a step looks."""

    def __init__(self, layers: int, rows: int, device: torch.device) -> None:
        self.rows = torch.arange(rows, device=device)
        self.positions = torch.zeros(rows, dtype=torch.long, device=device)
        self.width = 0
        self.made = 0
        """How often the memory of a layer's slots was made anew."""
        super().__init__(layers=[_SlotLayer(self) for _ in range(layers)])

    def step(self, positions: Tensor, width: int) -> None:
        """Of the next forward pass."""
        self.positions, self.width = positions, width

    def fill(self, rows: Sequence[int], which: Sequence[int], read: Sequence[KeysValues]) -> None:
        """Begin slots with what was read of prompts.

        Args:
            rows: the slots.
            which: for each, the place of its prompt in what was read.
            read: layer by layer. What lies beyond a shorter prompt is rubbish, which masks hide.
        """
        slots, places = torch.tensor([rows, which], device=self.rows.device)
        for own, (keys, values) in zip(self._own(), read, strict=True):
            own.fill(slots, keys[places], values[places])

    def keep(self, indices: Tensor) -> None:
        """Drop all rows but these."""
        for layer in self._own():
            layer.keep(indices)
        self.rows = self.rows[: len(indices)]

    def _own(self) -> Iterator[_SlotLayer]:
        for layer in self.layers:
            assert isinstance(layer, _SlotLayer)
            yield layer


def _as_the_model_wants(seen: Tensor, model: Any) -> Tensor:
    """A boolean mask for PyTorch's attention, one to add for transformers' own."""
    if model.config.get_text_config(decoder=True)._attn_implementation == "sdpa":
        return seen
    return torch.zeros(seen.shape, dtype=model.dtype, device=seen.device).masked_fill(
        ~seen, torch.finfo(model.dtype).min
    )


def _parts(prompts: Sequence[Prompt]) -> Iterator[list[Prompt]]:
    """Prompts of rising length, in parts of no more than `PREFILL_TOKENS` with their padding."""
    part: list[Prompt] = []
    for prompt in prompts:
        if part and (len(part) + 1) * len(prompt) > PREFILL_TOKENS:
            yield part
            part = []
        part.append(prompt)
    if part:
        yield part
