"""One plain page for every study: a lead, then sections of text, charts and tables; self-contained like the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfdistill.files import write_text
from selfdistill.report.pages import kit


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text; the first column names its row."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The same for docs/LOG.md and the terminal."""
        lines = [f"| {' | '.join(self.headings)} |", "|---" * len(self.headings) + "|"]
        return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in self.rows)])


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it, in this order."""

    heading: str
    text: tuple[str, ...] = ()
    charts: tuple[tuple[str, str], ...] = ()
    """(caption, SVG)."""
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A study's result for readers."""

    kicker: str
    """What this is, above the title."""
    title: str
    """The answer, in a sentence."""
    lead: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())

    def markdown(self) -> str:
        """Lead and tables, without charts."""
        parts = [f"# {self.title}", *self.lead]
        for section in self.sections:
            parts += [f"## {section.heading}", *section.text]
            if section.table:
                parts.append(section.table.markdown())
        return "\n\n".join(parts) + "\n"


def write_page(page: Page, path: Path) -> Path:
    """Write the page as HTML; returns its path."""
    write_text(path, render(page))
    return path


def render(page: Page) -> str:
    """The page as one string of HTML. All texts are escaped; charts are ours."""
    return kit.render("study.html.jinja", page=page)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of these cells."""
    return Table(tuple(headings), tuple(tuple(row) for row in rows))
