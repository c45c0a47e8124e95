"""Python for a chain, in the styles that people write: steps, lambdas, loops, one-liners, or a mixture.

The style and the names are free (forks); operators, constants and the order of steps are not (locks).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from selfdistill.embedded.chain import Chain, Source, Step

Style = Literal["comprehension", "lambda", "loop", "one-liner", "mixed"]
STYLES: dict[Style, int] = {"comprehension": 32, "lambda": 22, "loop": 26, "one-liner": 12, "mixed": 8}
ELEMENTS = ("x", "n", "v", "i", "e", "t")
RESULTS = ("out", "res", "result", "ys", "kept", "tmp", "vals")
ACCUMULATORS = ("total", "acc", "r", "c")
_ITERABLES: dict[Source, str] = {
    "ints": "{argument}",
    "strs": "{argument}",
    "text": "{argument}",
    "range": "range(1, {argument} + 1)",
    "digits": "map(int, str({argument}))",
}


@dataclass
class _Writer:
    """A body under construction: its lines, and the expression that holds the value so far."""

    style: Style
    value: str
    element: str
    results: list[str]
    accumulator: str
    rng: Random
    lines: list[str] = field(default_factory=list)

    def assign(self, expression: str) -> None:
        self.lines.append(f"{self.results[0]} = {expression}")
        self.value = self.results[0]


def write(chain: Chain, argument: str, rng: Random, style: Style | None = None) -> str:
    """A function body: every line starts with a newline and four spaces. `style` None draws one."""
    style = style or rng.choices(tuple(STYLES), tuple(STYLES.values()))[0]
    results = rng.sample(RESULTS, 2)
    if rng.random() < 0.3 and chain.source in ("ints", "strs", "text"):
        results[0] = argument  # many people reuse the argument's name
    element = rng.choice([name for name in ELEMENTS if name != argument])
    iterable = _ITERABLES[chain.source].format(argument=argument)
    writer = _Writer(style, iterable, element, results, rng.choice(ACCUMULATORS), rng)
    steps = list(chain.steps)
    while steps:
        steps = _write_next(writer, steps)
    if not writer.lines or not writer.lines[-1].lstrip().startswith("return "):
        writer.lines.append(f"return {writer.value}")
    return "".join(f"\n    {line}" for line in writer.lines)


def _write_next(writer: _Writer, steps: list[Step]) -> list[Step]:
    """Write one step, or several fused ones; gives the steps that are left."""
    style = writer.style
    if style == "mixed":
        style = writer.rng.choice(("comprehension", "lambda", "loop"))
    run = _loopable(steps)
    if run and (style == "loop" or not steps[0].operation.expression):
        _write_loop(writer, steps[:run])
        return steps[run:]
    expression, used = _expression(writer, steps, style)
    rest = steps[used:]
    if style == "one-liner" and not (rest and not rest[0].operation.expression):
        writer.value = expression
    elif rest:
        writer.assign(expression)
    else:
        writer.lines.append(f"return {expression}")
    return rest


def _expression(writer: _Writer, steps: list[Step], style: Style) -> tuple[str, int]:
    """Python for the first step, or for a filter and the map after it; and how many steps that was."""
    x, xs = writer.element, writer.value
    operation = steps[0].operation
    if operation.shape in ("whole", "reduce"):
        if operation.takes == "text" and operation.expression.startswith("{xs}") and (" * " in xs or " + " in xs):
            xs = f"({xs})"
        return _fill(steps[0], xs=xs), 1
    piece = _fill(steps[0], x=x)
    if style == "lambda":
        return f"list({operation.shape}(lambda {x}: {piece}, {xs}))", 1
    if operation.shape == "map":
        return f"[{piece} for {x} in {xs}]", 1
    if len(steps) > 1 and steps[1].operation.shape == "map" and writer.rng.random() < 0.6:
        return f"[{_fill(steps[1], x=x)} for {x} in {xs} if {piece}]", 2
    return f"[{x} for {x} in {xs} if {piece}]", 1


def _loopable(steps: list[Step]) -> int:
    """How many leading steps one loop can do: filters and maps, and a reduction with an accumulator after them."""
    count = 0
    while count < len(steps) and steps[count].operation.shape in ("filter", "map"):
        count += 1
    if count < len(steps) and steps[count].operation.accumulate:
        count += 1
    return count


def _write_loop(writer: _Writer, steps: list[Step]) -> None:
    x = writer.element
    accumulate = steps[-1].operation.accumulate
    name = writer.accumulator if accumulate else _other(writer)
    writer.lines += [f"{name} = {accumulate[0] if accumulate else '[]'}", f"for {x} in {writer.value}:"]
    indent, appended = "    ", x
    body = steps[:-1] if accumulate else steps
    for position, step in enumerate(body):
        piece = _fill(step, x=x)
        if step.operation.shape == "filter":
            writer.lines.append(f"{indent}if {piece}:")
            indent += "    "
        elif position == len(body) - 1 and not accumulate:
            appended = piece
        else:
            writer.lines.append(f"{indent}{x} = {piece}")
    update = accumulate[1].format(acc=name, x=x) if accumulate else f"{name}.append({appended})"
    writer.lines.append(indent + update)
    writer.value = name
    if accumulate:
        writer.lines.append(f"return {name}")


def _other(writer: _Writer) -> str:
    """A result name that is not the list being looped over."""
    return writer.results[0] if writer.value != writer.results[0] else writer.results[1]


def _fill(step: Step, **names: str) -> str:
    text = step.operation.expression
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text.replace("{k}", str(step.constant))
