"""The charts of the explain page: Figure 6 of the paper for these two models, and what their entropy is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfdistill.explain.records import Curve, ExplainResult, KindRow, Position, Program
from selfdistill.report.charts.style import BASE, INK, MUTED, RULE, STUDENT, canvas, svg
from selfdistill.report.tokens import token_name

COLOUR = {"base": BASE, "student": STUDENT}
LINE = {"base": (0, (5, 2)), "student": "solid"}

FIGURES: tuple[tuple[str, str, str, str, str], ...] = (
    ("mass", "lock", "Locks: cumulative mass by rank", "rank", "%"),
    ("mass", "fork", "Forks: cumulative mass by rank", "rank", "%"),
    ("survivors", "all", "Tokens that survive truncation", "T_eval", "tokens"),
    ("entropy", "lock", "Locks: entropy after truncation", "T_eval", "nats"),
    ("entropy", "fork", "Forks: entropy after truncation", "T_eval", "nats"),
    ("matched_entropy", "all", "Entropy at matched top-rank mass", "T_eval", "nats"),
)
"""(curve, kind, heading, axis, unit) of the page's curves."""

_LINES = 4  # shown before an example
_SEGMENTS = (("gate", "", 1.0), ("head", "", 0.55), ("tail", "////", 0.2))
"""(term, hatch, opacity) of the entropy bars: told apart by more than colour."""


def curve_charts(result: ExplainResult) -> list[tuple[str, str]]:
    """(heading, inline SVG) of each figure that these samples have data for."""
    charts = []
    for name, kind, heading, axis, unit in FIGURES:
        pair = [curve for curve in result.curves if curve.name == name and curve.kind == kind]
        if all(band.value == band.value for curve in pair for band in curve.bands):
            charts.append((heading, _curve_chart(pair, f"{name.replace('_', '-')}-{kind}", heading, axis, unit)))
    return charts


def example_charts(result: ExplainResult) -> list[tuple[str, str, str, str]]:
    """(kind, why this one, text before, inline SVG) of one lock and one fork of the programs on the page.

    Chosen by rule, to show what a lock and a fork are; what moved most, for better or worse, is in the list of movers.
    """
    places = [(program, position) for program in result.programs for position in program.positions]
    locks = [place for place in places if place[1].kind == "lock"]
    forks = [place for place in places if place[1].kind == "fork"]
    charts = []
    if locks:
        chosen = max(locks, key=lambda place: place[1].student_kept - place[1].base_kept)
        charts.append(("lock", "the one that lost most tail", _before(*chosen), _example(chosen[1])))
    if forks:
        chosen = max(forks, key=lambda place: place[1].effective)
        charts.append(("fork", "the one with most effective tokens", _before(*chosen), _example(chosen[1])))
    return charts


def _before(program: Program, position: Position) -> str:
    """The last lines that lead up to a position."""
    text = program.prompt.text + "".join(each.text for each in program.positions if each.offset < position.offset)
    return "\n".join(text.split("\n")[-_LINES:])


def _example(position: Position) -> str:
    choices, kind = position.choices, position.kind
    label = f"A {kind}. " + ", ".join(
        f"{token_name(c.text)}: base {100 * c.base:.1f} %, student {100 * c.student:.1f} %" for c in choices
    )
    with canvas(24 + 36 * len(choices), margins=(84, 44, 6, 6)) as (figure, axes):
        for index, choice in enumerate(choices):
            for model, shift in (("base", 0.2), ("student", -0.2)):
                value, y = 100 * getattr(choice, model), shift - index
                fill, hatch = ("none", "////") if model == "base" else (STUDENT, "")
                axes.barh(y, value, height=0.36, linewidth=0.75, facecolor=fill, edgecolor=COLOUR[model], hatch=hatch)
                _beside(axes, value, y, f"{value:.1f} %", COLOUR[model])
            name = token_name(choice.text)
            axes.text(
                -0.02,
                -index,
                name if len(name) < 12 else name[:10] + "…",
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=INK if choice.target else MUTED,
                parse_math=False,
            )
        axes.set(yticks=[], xticks=[])
        axes.set_xlim(left=0)
        axes.spines["bottom"].set_visible(False)
        axes.axvline(0, color=RULE)
        return svg(figure, f"example-{kind}", label)


def entropy_chart(rows: Sequence[KindRow]) -> str:
    """Stacked bars of gate, head and tail: locks and forks, base and student."""
    bars = [(row.kind, model, row.measures) for row in rows if row.kind != "all" for model in ("base", "student")]
    label = "Entropy in nats. " + " ".join(
        f"{kind}s, {model}: " + ", ".join(f"{term} {_mean(means, model, term):.3f}" for term, _, _ in _SEGMENTS) + "."
        for kind, model, means in bars
    )
    with canvas(30 + 34 * len(bars), margins=(96, 40, 26, 8)) as (figure, axes):
        for index, (kind, model, means) in enumerate(bars):
            y, left = -index - (0.25 if kind == "fork" else 0), 0.0
            for term, hatch, opacity in _SEGMENTS:
                value = _mean(means, model, term)
                axes.barh(y, value, left=left, height=0.62, color=COLOUR[model], alpha=opacity, linewidth=0)
                axes.barh(
                    y, value, left=left, height=0.62, fill=False, hatch=hatch, edgecolor=COLOUR[model], linewidth=0.75
                )
                left += value
            _beside(axes, left, y, f"{left:.2f}", INK)
            axes.text(
                -0.015,
                y,
                f"{kind}s, {model}",
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=INK if model == "student" else MUTED,
                fontsize=10.5,
            )
        axes.set(yticks=[], xlabel="nats: gate (full), head (pale), tail (hatched)")
        axes.set_xlim(left=0)
        axes.axvline(0, color=RULE)
        return svg(figure, "entropy-split", label)


def _curve_chart(pair: Sequence[Curve], name: str, heading: str, axis: str, unit: str) -> str:
    scale = 100 if unit == "%" else 1
    label = f"{heading}, in {unit}, against {axis}. " + " ".join(
        f"{curve.model}: "
        + ", ".join(f"{scale * b.value:.3g} at {x:g}" for x, b in zip(curve.axis, curve.bands, strict=True))
        + "."
        for curve in pair
    )
    with canvas(230, margins=(46, 62, 38, 12)) as (figure, axes):
        for curve in pair:
            colour = COLOUR[curve.model]
            low, high, value = (
                [scale * getattr(band, end) for band in curve.bands] for end in ("low", "high", "value")
            )
            axes.fill_between(curve.axis, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.plot(curve.axis, value, color=colour, linestyle=LINE[curve.model], linewidth=2.25)
        axes.set(xlabel=axis, ylabel=unit)
        axes.grid(axis="y")
        axes.margins(x=0.02, y=0.08)
        _name_ends(axes, pair, scale)
        if axis == "rank":
            axes.set_xticks([1, *range(5, int(pair[0].axis[-1]) + 1, 5)])
        return svg(figure, name, label)


def _name_ends(axes: Any, pair: Sequence[Curve], scale: float) -> None:
    """The models' names at their lines' right ends, the higher one above, never on top of each other."""
    low, high = axes.get_ylim()
    gap = 0.08 * (high - low)
    ends = sorted(((scale * curve.bands[-1].value, curve.model, curve.axis[-1]) for curve in pair), reverse=True)
    middle, apart = (ends[0][0] + ends[-1][0]) / 2, max(gap, ends[0][0] - ends[-1][0])
    for (_, model, x), y in zip(ends, (middle + apart / 2, middle - apart / 2), strict=True):
        axes.annotate(
            model,
            (x, y),
            (7, 0),
            textcoords="offset points",
            va="center",
            color=COLOUR[model],
            annotation_clip=False,
            fontsize=10.5,
            weight="bold",
        )


def _beside(axes: Any, x: float, y: float, text: str, colour: str) -> None:
    """A number just right of a bar's end."""
    axes.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", color=colour, fontsize=10)


def _mean(means: Any, model: str, term: str) -> float:
    return max(0.0, float(means[f"{model}_{term}"].value))
