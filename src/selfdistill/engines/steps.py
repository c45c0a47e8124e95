"""A model's logits one token after another, for rows that share a batch.

What makes it fast is what can make it wrong: padding to one width, a cache, rows that leave. Which of them a model
bears is its `Mode`, which `probe.choose_mode` finds; here each mode is carried out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import groupby
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache

from selfdistill.engines.cache import holds_states, join, keep_rows, make_cache, rows_can_leave
from selfdistill.engines.graphs import Graphs
from selfdistill.engines.padding import padded
from selfdistill.engines.slots import Prompt, SlotSteps

OWN_STATES = ("past_key_values", "cache_params", "state", "mems", "past_buckets_states")
"""What models call that which they return and take again from token to token."""


class Mode(Enum):
    """How rows of one model share a batch, the fastest first."""

    SLOTS = "slots"
    """Rows of any length, each in a slot of its own, which the next prompt takes when the row has ended."""
    PADDED = "padded"
    """Rows of any length, padded on the left, behind a mask."""
    JOINED = "joined"
    """Prompts of one length at a time, then rows of any length: a state takes padding in, and a mask comes too late."""
    EQUAL = "equal"
    """Rows of one length only, and whatever the model itself carries from token to token."""
    SINGLE = "single"
    """The same, one row after another."""
    UNCACHED = "uncached"
    """Rows of one length only, all of their tokens at every step."""

    @property
    def refills(self) -> bool:
        """Whether a row's place can go to another prompt while the others continue."""
        return self is Mode.SLOTS

    @property
    def any_length(self) -> bool:
        """Whether rows of several lengths may share a batch."""
        return self in (Mode.SLOTS, Mode.PADDED, Mode.JOINED)


class Steps(Protocol):
    """Rows being decoded."""

    logits: Tensor
    """(rows, vocabulary) for the next token."""

    def forward(self, tokens: Tensor, new: Mapping[int, Prompt] | None = None) -> None:
        """Append one token (rows,) to each; rows in `new` begin these prompts instead, where the mode refills rows."""
        ...

    def keep(self, indices: Tensor) -> bool:
        """Drop all rows but these; False where the model's state does not allow it, and all stay."""
        ...


def start(
    mode: Mode,
    model: Any,
    prompts: Sequence[Prompt],
    context: int,
    again: Callable[[Prompt], bool] = lambda _: False,
    graphs: Graphs | None = None,
) -> Steps:
    """Run the prompts through the model.

    Args:
        mode: one that the model bears.
        model: a causal language model.
        prompts: token ids, not empty; of one length unless the mode allows others.
        context: positions that the model has.
        again: whether a later row will begin with a prompt that has been begun, where the mode refills rows.
        graphs: records steps and replays them, where the mode's steps keep their shapes: slots.

    Raises:
        NotImplementedError: the model does not bear the mode, and shows it at once.
    """
    match mode:
        case Mode.SLOTS:
            return SlotSteps(model, prompts, context, last_logits(model, 1), again, graphs)
        case Mode.EQUAL | Mode.SINGLE:
            return _OwnState(model, prompts)
        case Mode.UNCACHED:
            return _Uncached(model, prompts)
    return _Shared(model, prompts, context, joined=mode is Mode.JOINED)


def last_logits(model: Any, positions: int) -> dict[str, int]:
    """The argument that makes a model compute logits of the last positions only; none where it has none."""
    return {"logits_to_keep": positions} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}


class _Shared:
    """Rows of any length, in a cache of ours."""

    logits: Tensor
    _cache: DynamicCache

    def __init__(self, model: Any, prompts: Sequence[Prompt], context: int, *, joined: bool) -> None:
        self._model = model
        self._options = last_logits(model, 1)
        self._last_position = context - 1
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=model.device).unsqueeze(1)
        width = int(lengths.max())
        columns = torch.arange(width, device=model.device)
        # Without padding no mask is needed, and attention is faster without one.
        self._mask = (columns >= width - lengths).long() if bool((lengths < width).any()) else None
        self._positions = lengths - 1
        if joined and self._mask is not None:
            parts = [_Shared(model, rows, context, joined=False) for rows in _runs(prompts)]
            self._cache = join([part._cache for part in parts])
            self.logits = torch.cat([part.logits for part in parts])
        else:
            self._cache = make_cache(model.config)
            self._run(_ids(model, prompts), (columns - (width - lengths)).clamp(min=0))
            if not holds_states(self._cache):
                raise NotImplementedError("the model keeps a state outside its cache")

    def forward(self, tokens: Tensor, new: Mapping[int, Prompt] | None = None) -> None:
        if self._mask is not None:
            self._mask = torch.cat([self._mask, self._mask.new_ones((len(tokens), 1))], dim=1)
        # A row that has ended may go past the context while it waits to leave; nobody reads what it says there.
        self._positions = (self._positions + 1).clamp(max=self._last_position)
        self._run(tokens.unsqueeze(1), self._positions)

    def keep(self, indices: Tensor) -> bool:
        keep_rows(self._cache, indices)
        self._mask = None if self._mask is None else self._mask[indices]
        self._positions = self._positions[indices]
        return True

    def _run(self, ids: Tensor, positions: Tensor) -> None:
        output = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            **self._options,
        )
        self.logits = output.logits[:, -1]


class _OwnState:
    """Rows of one length, with what the model hands on from call to call."""

    def __init__(self, model: Any, prompts: Sequence[Prompt]) -> None:
        self._model = model
        self._options = last_logits(model, 1)
        self._state: dict[str, Any] = {}
        self._run(_ids(model, prompts))

    def forward(self, tokens: Tensor, new: Mapping[int, Prompt] | None = None) -> None:
        self._run(tokens.unsqueeze(1))

    def keep(self, indices: Tensor) -> bool:
        (state,) = self._state.values()
        if not rows_can_leave(state):
            return False
        keep_rows(state, indices)
        return True

    def _run(self, ids: Tensor) -> None:
        output = self._model(input_ids=ids, use_cache=True, **self._state, **self._options)
        self.logits = output.logits[:, -1]
        name = next((name for name in OWN_STATES if output.get(name) is not None), None)
        if name is None:
            raise NotImplementedError("the model returns no state")
        # RWKV's own list of states is wrong for more than one row; what else may come is not trusted with several.
        if len(ids) > 1 and not isinstance(output[name], Cache):
            raise NotImplementedError("the model's state is no transformers cache")
        self._state = {name: output[name]}


class _Uncached:
    """Rows of one length, read anew at every step."""

    def __init__(self, model: Any, prompts: Sequence[Prompt]) -> None:
        self._model = model
        self._options = last_logits(model, 1)
        self._ids = _ids(model, prompts)
        self._run()

    def forward(self, tokens: Tensor, new: Mapping[int, Prompt] | None = None) -> None:
        self._ids = torch.cat([self._ids, tokens.unsqueeze(1)], dim=1)
        self._run()

    def keep(self, indices: Tensor) -> bool:
        self._ids = self._ids[indices]
        return True

    def _run(self) -> None:
        self.logits = self._model(input_ids=self._ids, use_cache=False, **self._options).logits[:, -1]


class Slices:
    """Sequences read a slice at a time, with a cache."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.cache = make_cache(model.config)

    def read(self, ids: Tensor, start: int, stop: int) -> Tensor:
        """Logits (rows, stop - start, V) at these positions of (rows, length), which follow those of the last call."""
        positions = torch.arange(start, stop, device=ids.device).expand(len(ids), -1)
        piece = ids[:, start:stop]
        output = self._model(input_ids=piece, position_ids=positions, past_key_values=self.cache, use_cache=True)
        return output.logits


class Prefixes:
    """Sequences read from the start for every slice: right for any model, and slower."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def read(self, ids: Tensor, start: int, stop: int) -> Tensor:
        """As `Slices.read`."""
        options = last_logits(self._model, stop - start) if start else {}
        output = self._model(input_ids=ids[:, :stop], use_cache=False, **options)
        return output.logits[:, start - stop :]


def _ids(model: Any, prompts: Sequence[Prompt]) -> Tensor:
    """(rows, width), padded on the left."""
    return padded(prompts, left=True).to(model.device)


def _runs(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """Neighbours of one length together."""
    return [list(rows) for _, rows in groupby(prompts, key=len)]
