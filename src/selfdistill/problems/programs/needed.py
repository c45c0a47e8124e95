"""The rule `needed`: of an answer to a function-style problem, run what the tested functions need, not the rest.

Models write checks, prints, an `input()` or an unclosed last line below a right function, and none of them is the
answer. EvalPlus' `sanitize` drops them too, with tree-sitter; where this rule keeps more, docs/grading.md says why.
Kept, from the longest run of leading lines that parses:

- definitions and assignments that a tested name reaches, and statements that change what those read;
- imports before the first tested definition, and later ones that it reaches;
- what else stands before it (a warning filter, a table that is filled), and settings like `sys.setrecursionlimit`
  anywhere.

Reads text with Python's own parser; runs nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from selfdistill.problems.programs.statements import Statement, read_statement

_LONGEST = 200_000
"""Characters of an answer that are parsed at all; a longer one is run as it is."""
_MOST_STATEMENTS = 10_000
_MOST_PARSED = 2_000_000
"""Characters parsed in all while the leading lines that parse are looked for."""
_MOST_WORK = 200_000
"""Statements and names looked at in all: a chain of definitions in the wrong order would take time quadratic in it."""
_INPUT_OR_EXIT = frozenset(
    {"input", "exit", "quit", "breakpoint", "sys.exit", "os._exit", "sys.stdin.read", "sys.stdin.readline"}
)
_SETTINGS = frozenset(
    {
        "sys.setrecursionlimit",
        "sys.set_int_max_str_digits",
        "threading.stack_size",
        "random.seed",
        "np.random.seed",
        "numpy.random.seed",
        "getcontext",
        "decimal.getcontext",
        "exec",
        "globals",
    }
)
_BY_NAME_AT_RUN_TIME = frozenset({"globals", "eval", "exec", "__name__"})
"""Whoever uses one of these may reach any definition."""
_FAULTS = (SyntaxError, ValueError, RecursionError, MemoryError)


def needed_program(source: str, tested: Iterable[str], *, given_lines: int = 0) -> str:
    """The part of a program that the tested names need.

    Args:
        source: Python, perhaps cut off or with text after it.
        tested: names that the tests use; those that the program does not bind are ignored.
        given_lines: leading lines that the model was given; a program of these alone is no answer.

    Returns:
        the reduced source; `source` itself where it binds none of the names, or cannot be read, or not in time.
    """
    if len(source) > _LONGEST:
        return source
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    try:
        parsed = _leading_lines_that_parse(lines)
        if parsed is None or parsed[0] <= given_lines:
            return source
        count, tree = parsed
        if len(tree.body) > _MOST_STATEMENTS:
            return source
        statements = [read_statement(node) for node in tree.body]
        kept = _kept(statements, frozenset(tested))
        if kept is None or (count == len(lines) and len(kept) == len(statements)):
            return source
        left = _without(lines[:count], [node for position, node in enumerate(tree.body) if position not in kept])
        ast.parse(left)  # a line that continues after a backslash is not cut correctly
    except _FAULTS:
        return source
    return left


def _leading_lines_that_parse(lines: Sequence[str]) -> tuple[int, ast.Module] | None:
    """How many leading lines parse, at most, and as what; None where too much had to be tried.

    What is wrong at line n is wrong in every longer run of lines too, so the next try ends before it.
    """
    count, parsed = len(lines), 0
    while count and parsed <= _MOST_PARSED:
        text = "\n".join(lines[:count])
        parsed += len(text)
        try:
            return count, ast.parse(text)
        except SyntaxError as error:
            count = min(count - 1, (error.lineno or count) - 1)
    return None


def _kept(statements: Sequence[Statement], tested: frozenset[str]) -> set[int] | None:
    """Positions of the statements that stay; None where the program binds no tested name."""
    first = next((position for position, each in enumerate(statements) if each.binds & tested), None)
    if first is None:
        return None
    program = _Program(statements, tested)
    kept = {
        position for position, each in enumerate(statements) if _stays_anyway(each, program, before=position < first)
    }
    needed = set(tested).union(*(statements[position].reads for position in kept))
    while True:
        everything = bool(needed & _BY_NAME_AT_RUN_TIME)
        left = [position for position in range(len(statements)) if position not in kept]
        program.count(len(statements))
        more = [at for at in left if _is_needed(statements[at], program, needed, everything=everything)]
        if not more:
            more = _only_fillers(statements, program, needed, kept)
        if not more:
            return kept
        kept.update(more)
        needed.update(*(statements[position].reads for position in more))


def _stays_anyway(statement: Statement, program: _Program, *, before: bool) -> bool:
    """Whether a statement stays whatever it binds: it stands before the answer, or sets up the interpreter."""
    called = program.called(statement)
    if statement.is_check or called & program.own_use or "print" in called:
        return False
    if statement.called & _SETTINGS:
        return True
    return before and (statement.is_import or not statement.is_definition)


def _is_needed(statement: Statement, program: _Program, needed: set[str], *, everything: bool) -> bool:
    if statement.is_check:
        return False
    if statement.binds & needed or "*" in statement.binds:
        return True
    if program.called(statement) & program.own_use or statement.passes & program.tested:
        return False
    return bool(program.changes(statement) & needed) or (everything and statement.is_definition)


def _only_fillers(statements: Sequence[Statement], program: _Program, needed: set[str], kept: set[int]) -> list[int]:
    """Statements that try the answer out and fill, on the way, what it reads and nothing else that stays fills."""
    filled = set[str]().union(*(program.changes_in_any_way(statements[position]) for position in kept))
    return [
        position
        for position, each in enumerate(statements)
        if position not in kept
        and not each.is_check
        and not program.called(each) & _INPUT_OR_EXIT
        and (program.changes(each) - program.tested) & needed - filled
    ]


class _Program:
    """What statements do, themselves and through the functions that they call."""

    def __init__(self, statements: Sequence[Statement], tested: frozenset[str]) -> None:
        self.tested = tested
        self.own_use = tested | _INPUT_OR_EXIT
        """Who calls one of these tries the answer out, or is a program of its own: not what the tests call."""
        self._imported = frozenset[str]().union(*(each.binds for each in statements if each.is_import))
        self._bodies: dict[str, tuple[set[str], set[str]]] = {}
        """By the name of a function or class: what its body calls, and what it changes."""
        for each in statements:
            if each.defines is not None:
                called, changed = self._bodies.setdefault(each.defines, (set(), set()))
                called |= each.called_when_called
                changed |= each.changes_when_called | (each.passes_when_called - tested)
        self._known: dict[frozenset[str], tuple[set[str], set[str]]] = {}
        self._work = 0

    def count(self, work: int) -> None:
        """Note what was looked at.

        Raises:
            ValueError: it is too much by now.
        """
        self._work += work
        if self._work > _MOST_WORK:
            raise ValueError("too much to look at")

    def called(self, statement: Statement) -> set[str]:
        """Names that are called when a statement runs."""
        return self._through_calls(statement.called)[0]

    def changes(self, statement: Statement) -> set[str]:
        """Names of what may change when a statement runs. Modules are left alone; a tested function is no argument."""
        found = (statement.changes | (statement.passes - self.tested)) | self._through_calls(statement.called)[1]
        self.count(len(found))
        return set(found - self._imported)

    def changes_in_any_way(self, statement: Statement) -> set[str]:
        """The same, and what its functions change when somebody calls them."""
        return self.changes(statement).union(statement.changes_when_called, statement.passes_when_called)

    def _through_calls(self, called: frozenset[str]) -> tuple[set[str], set[str]]:
        """What these calls call and change in all, the calls themselves included."""
        known = self._known.get(called)
        if known is None:
            names, changed = set(called), set[str]()
            waiting = list(called)
            while waiting:
                calls, changes = self._bodies.get(waiting.pop(), (set(), set()))
                waiting += calls - names
                names |= calls
                changed |= changes
            self.count(len(names) + len(changed))
            known = self._known[called] = (names, changed)
        return known


def _without(lines: Sequence[str], dropped: Sequence[ast.stmt]) -> str:
    """The lines without these statements; what shares a line with one stays."""
    text = [line.encode() for line in lines]  # columns count UTF-8 bytes
    for node in reversed(dropped):
        first, column = node.lineno - 1, node.col_offset
        for decorator in getattr(node, "decorator_list", ()):
            first, column = min(first, decorator.lineno - 1), 0
        last, end = (node.end_lineno or node.lineno) - 1, node.end_col_offset or 0
        before, after = text[first][:column], text[last][end:]
        alone = not before.strip() and (not after.strip(b" \t;") or after.lstrip().startswith(b"#"))
        text[first : last + 1] = [] if alone else [before + b"pass" + after]
    return b"\n".join(text).decode()
