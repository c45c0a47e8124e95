"""Questions and commands, line by line, until the input ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from selfdistill.errors import UserError
from selfdistill.grading.answers import grade_answers
from selfdistill.grading.limits import Limits
from selfdistill.grading.pool import grade
from selfdistill.problems.programs.extract import answer_of, programs_of
from selfdistill.problems.prompted import render_problem
from selfdistill.problems.render import Rendered
from selfdistill.records import AssertTests, Problem
from selfdistill.trying.programs import run_program
from selfdistill.trying.sides import Growing, Side, answers

if TYPE_CHECKING:
    from selfdistill.problems.render import Rendered, Renderer
    from selfdistill.recipe.evaluation import GradingSettings

TYPED = "typed"
"""The name of a question that is none of the evaluation's problems."""
HELP = """a line is a question; one that ends with \\ continues in the next
/problem        a problem of the run's evaluation, asked as the evaluation asks it
/again          the last question once more, with other draws
/run            run both programs in the sandbox, and a problem's tests
/run CODE       with a line of CODE after them, e.g. /run print(f([1, 2]))
/run < TEXT     with TEXT as their input; \\n in it is a new line
/quit           or the end of the input; Ctrl-C ends an answer"""


class Screen(Protocol):
    """Where answers appear."""

    def grow(self, titles: Sequence[str], state: Sequence[Growing]) -> None:
        """Show what is there so far; the last time, all have ended."""
        ...

    def say(self, text: str) -> None:
        """Show a text as it is."""
        ...

    def results(self, titles: Sequence[str], outputs: Sequence[str]) -> None:
        """Show what each side's program printed."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked."""

    prompt: Rendered
    problem: Problem
    """With tests of its own only where it is one of the evaluation's."""


class Session:
    """Base and student, the last question, and what they answered."""

    def __init__(
        self,
        grading: GradingSettings,
        renderer: Renderer,
        sides: Sequence[Side],
        problems: Sequence[Problem],
        *,
        limit: int,
        seed: int,
    ) -> None:
        self._grading = grading
        self._seed = seed
        self._renderer = renderer
        self._sides = sides
        self._problems = problems
        self._limit = limit
        self._asked = 0
        self._question: Question | None = None
        self._answers: tuple[str, ...] = ()

    def run(self, lines: Iterable[str], screen: Screen) -> None:
        """Answer until the lines end or one is /quit. A user's mistake is said, and the session continues."""
        for line in _joined(lines):
            word, _, rest = line.partition(" ")
            if word in ("/quit", "/exit"):
                return
            try:
                if word.startswith("/"):
                    self._command(word, rest.strip(), screen)
                elif line:
                    self._ask(self._as_typed(line), screen)
            except UserError as error:
                screen.say(f"error: {error}")

    def _command(self, word: str, rest: str, screen: Screen) -> None:
        commands: dict[str, Callable[[], None]] = {
            "/problem": lambda: self._ask(self._next_problem(screen), screen),
            "/again": lambda: self._ask(self._last(), screen),
            "/run": lambda: self._run(rest, screen),
            "/help": lambda: screen.say(HELP),
        }
        if word not in commands:
            raise UserError(f"no command {word}", fix="/help lists them")
        commands[word]()

    def _as_typed(self, text: str) -> Question:
        rendered = self._renderer.render(text, instruction=text, is_program=False)
        prefix = "" if self._renderer.chat else text
        return Question(rendered, Problem(TYPED, text, AssertTests(""), program_prefix=_code_before(prefix)))

    def _next_problem(self, screen: Screen) -> Question:
        if not self._problems:
            raise UserError("the run's evaluation has no problems")
        problem = self._problems[self._asked % len(self._problems)]
        prompt = render_problem(problem, self._renderer)
        screen.say(f"{problem.task_id}\n{problem.statement.strip()}")
        return Question(Rendered(prompt.text, prompt.token_ids, prompt.answer_start), problem)

    def _last(self) -> Question:
        if self._question is None:
            raise UserError("nothing was asked yet")
        return self._question

    def _ask(self, question: Question, screen: Screen) -> None:
        self._question = question
        self._asked += 1
        stream = (self._seed, "try", question.problem.task_id, question.prompt.text, self._asked)
        stop = self._renderer.settings.stop
        titles = [side.title for side in self._sides]
        state: tuple[Growing, ...] = ()
        try:
            for state in answers(self._sides, question.prompt, limit=self._limit, stop=stop, stream=stream):
                screen.grow(titles, state)
        except KeyboardInterrupt:  # Ctrl-C ends an answer, and at the prompt the session
            state = tuple(replace(each, ended=True) for each in state or [Growing("", 0, False)] * len(titles))
            screen.grow(titles, state)
            screen.say("[stopped]")
        self._answers = tuple(question.prompt.answer_start + each.text for each in state)

    def _run(self, rest: str, screen: Screen) -> None:
        problem, settings = self._last().problem, self._grading
        code, stdin = ("", _unescaped(rest[1:].strip())) if rest.startswith("<") else (rest, "")
        outputs = []
        for side, answer in zip(self._sides, self._answers, strict=True):
            program = programs_of(problem, answer, chat=self._renderer.chat).whole
            if program is None:
                outputs.append("[no code in the answer]")
                continue
            output = run_program(f"{program}\n{code}\n", stdin, isolation=settings.isolation)
            verdict = "" if rest or problem.task_id == TYPED else f"\n[{self._verdict(side, answer, problem)}]"
            outputs.append(output + verdict)
        screen.results([side.name for side in self._sides], outputs)

    def _verdict(self, side: Side, answer: str, problem: Problem) -> str:
        """As the evaluation judges it."""
        settings = self._grading
        ready = answer_of(
            problem, answer, side.name, chat=self._renderer.chat, answers=settings.answers, rules=settings.rules
        )
        limits = Limits(settings.seconds_per_test, settings.memory_mb)
        how: dict[str, Any] = {"limits": limits, "rules": settings.rules, "isolation": settings.isolation, "workers": 1}
        (verdict,) = grade_answers(iter([ready]), partial(grade, **how))
        return f"the problem's tests: {verdict.outcome}"


def _joined(lines: Iterable[str]) -> Iterable[str]:
    """Lines, with those put together that a backslash holds together."""
    held: list[str] = []
    for line in lines:
        held.append(line.rstrip("\n"))
        if held[-1].endswith("\\"):
            held[-1] = held[-1][:-1]
            continue
        yield "\n".join(held).strip()
        held = []
    if held:
        yield "\n".join(held).strip()


def _code_before(text: str) -> str:
    """The question itself, where it is code that the answer continues."""
    return text if text.lstrip().startswith(("def ", "class ", "import ", "from ", "@")) else ""


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n") + "\n"
