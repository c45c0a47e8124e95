"""Two columns that grow, in a terminal; plain text, one answer after the other, anywhere else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from selfdistill.trying.sides import Growing


class Plain:
    """For files and pipes: an answer is printed when all are whole."""

    def grow(self, titles: Sequence[str], state: Sequence[Growing]) -> None:
        """See `Screen`."""
        if all(each.ended for each in state):
            for title, each in zip(titles, state, strict=True):
                print(f"--- {title} ({each.tokens} tokens)\n{each.text.strip(chr(10))}", flush=True)

    def say(self, text: str) -> None:
        """See `Screen`."""
        print(text, flush=True)

    def results(self, titles: Sequence[str], outputs: Sequence[str]) -> None:
        """See `Screen`."""
        for title, output in zip(titles, outputs, strict=True):
            print(f"--- {title} prints\n{output}", flush=True)


class SideBySide:
    """For people."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def grow(self, titles: Sequence[str], state: Sequence[Growing]) -> None:
        """See `Screen`."""
        if self._live is None:
            # While it grows only its end is shown, as much as fits; then all of it, once.
            self._live = Live(console=self._console, refresh_per_second=12, transient=True, vertical_overflow="crop")
            self._live.start()
        height = max(5, self._console.height - 6)
        texts = [each.text.strip("\n") for each in state]
        if not all(each.ended for each in state):
            self._live.update(self._columns(titles, [_end(text, height) for text in texts]))
            return
        self.stop()
        counted = [f"{title} ({each.tokens} tokens)" for title, each in zip(titles, state, strict=True)]
        self._console.print(self._columns(counted, texts))

    def say(self, text: str) -> None:
        """See `Screen`."""
        self._console.print(Text(text))

    def results(self, titles: Sequence[str], outputs: Sequence[str]) -> None:
        """See `Screen`."""
        self._console.print(self._columns([f"{title} prints" for title in titles], outputs))

    def stop(self) -> None:
        """Give the terminal back, e.g. when an answer is interrupted."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _columns(self, titles: Sequence[str], texts: Sequence[str]) -> Columns:
        width = self._console.width // len(titles) - 1
        panels = [Panel(Text(text), title=title, width=width) for title, text in zip(titles, texts, strict=True)]
        return Columns(panels, padding=(0, 1))


def _end(text: str, height: int) -> str:
    return "\n".join(text.split("\n")[-height:])
