"""The positions where base and student differ most: kept while chunks pass by, locks and forks apart.

Forks move more than locks as a rule, so each kind has its own half of the list. A context that many samples share is
listed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfdistill.engines.stream import Chunk, Contexts
from selfdistill.explain.kinds import KINDS, is_fork
from selfdistill.explain.measured import Measured
from selfdistill.explain.records import Mover
from selfdistill.explain.view import Viewer

_BEFORE, _LINES = 120, 4  # tokens and lines shown before a biggest mover


class Movers:
    """The biggest movers of what was added."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._halves = {"lock": (viewer.settings.movers + 1) // 2, "fork": viewer.settings.movers // 2}
        self._best: dict[str, dict[str, Mover]] = {kind: {} for kind in KINDS}  # kind -> text before -> mover

    def add(self, chunk: Chunk, measured: Measured, contexts: Sequence[Contexts], prompt_ids: Sequence[str]) -> None:
        """Take in one chunk.

        Args:
            chunk: its rows index `contexts` and `prompt_ids`.
            measured: the chunk's measures.
            contexts: all completions.
            prompt_ids: whose they are.
        """
        forks = is_fork(measured.values["effective"].cpu().numpy(), self._viewer.settings.fork_tokens)
        wanted = dict(self._halves)
        seen = {kind: set[str]() for kind in KINDS}
        for entry in measured.values["moved"].argsort(descending=True).tolist():
            kind = KINDS[int(forks[entry])]
            if not any(wanted.values()):
                return
            if not wanted[kind]:
                continue
            row = int(chunk.rows[entry])
            before = self._text_before(contexts[row], int(chunk.offsets[entry]))
            if before in seen[kind]:
                continue
            seen[kind].add(before)
            wanted[kind] -= 1
            known = self._best[kind].get(before)
            if known is None or float(measured.values["moved"][entry]) > known.position.moved:
                position = self._viewer.position(chunk, measured, entry)
                self._best[kind][before] = Mover(prompt_ids[row], before, position)

    def biggest(self) -> tuple[Mover, ...]:
        """The list, biggest first."""
        halves = [sorted(best.values(), key=_moved)[: self._halves[kind]] for kind, best in self._best.items()]
        return tuple(sorted((mover for half in halves for mover in half), key=_moved))

    def _text_before(self, context: Contexts, offset: int) -> str:
        ids = [*context.prompt_ids, *context.token_ids[:offset]][-_BEFORE:]
        text = str(self._viewer.tokenizer.decode(ids, skip_special_tokens=True))
        return "\n".join(text.split("\n")[-_LINES:])


def _moved(mover: Mover) -> float:
    return -mover.position.moved
