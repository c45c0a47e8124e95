"""`selfdistill try`: a session over a run whose student is the base itself, and one whose student is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import selfdistill as sd
from selfdistill import embedded
from selfdistill.cli.app import app
from selfdistill.errors import UserError
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.render import load_renderer
from selfdistill.trying.programs import run_program
from selfdistill.trying.screen import SideBySide
from selfdistill.trying.session import Session
from selfdistill.trying.sides import Growing, answers, open_sides

GREEDY = ["evaluation.base={temperature: 0}", "evaluation.student={temperature: 0}"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run whose student answers as the base does."""
    root = tmp_path_factory.mktemp("try") / "run"
    sd.begin(sd.load_recipe("demo", ["evaluation.limit=4", *GREEDY]), root)
    shutil.copytree(embedded.model_dir(), root / "student")
    return root


class Recorded:
    """A screen that keeps everything."""

    def __init__(self) -> None:
        self.states: list[list[Growing]] = []
        self.said: list[str] = []
        self.printed: list[list[str]] = []

    def grow(self, titles, state) -> None:
        self.states.append(list(state))

    def say(self, text) -> None:
        self.said.append(text)

    def results(self, titles, outputs) -> None:
        self.printed.append(list(outputs))


def session(root: Path, *lines: str, stop: tuple[str, ...] = (), limit: int = 64) -> Recorded:
    directory = sd.RunDirectory(root)
    recipe = sd.load_recipe("demo", ["evaluation.limit=4", *GREEDY, f"prompts.stop={list(stop)}"])
    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    screen = Recorded()
    sides = open_sides(recipe.model, recipe.evaluation, directory, renderer)
    problems = load_problems(recipe.evaluation)
    Session(recipe.evaluation.grading, renderer, sides, problems, limit=limit, seed=recipe.seed).run(lines, screen)
    return screen


def test_answers_grow_by_a_token_and_are_the_engines(run):
    screen = session(run, "/problem")
    assert [state[0].tokens for state in screen.states] == list(range(1, len(screen.states) + 1))
    assert all(state[0] == state[1] for state in screen.states), "both are the same model, greedy"
    assert [each.ended for each in screen.states[-1]] == [True, True]
    recipe = sd.load_recipe("demo", ["evaluation.limit=4", *GREEDY])
    problem = load_problems(recipe.evaluation)[0]
    from selfdistill.engines.base import Request
    from selfdistill.problems.prompted import render_problem

    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    side, _ = open_sides(recipe.model, recipe.evaluation, sd.RunDirectory(run), renderer)
    prompt = render_problem(problem, renderer)
    (whole,) = side.engine.generate([Request(prompt.token_ids, (0,), side.stages)], max_new_tokens=64)
    text = side.engine.tokenizer.decode(whole.token_ids, skip_special_tokens=True)
    assert screen.states[-1][0].text == text
    assert screen.states[-1][0].tokens == len(whole.token_ids)


def test_an_answer_ends_before_a_stop_string_and_at_the_limit(run):
    whole = session(run, "/problem").states[-1][0].text
    cut = session(run, "/problem", stop=("return",)).states[-1][0]
    assert cut.ended
    assert cut.text == whole.partition("return")[0] != whole
    assert session(run, "/problem", limit=3).states[-1][0].tokens == 3


def test_one_side_ends_and_the_other_goes_on(run, tmp_path):
    """A student that ends every answer at once."""
    other = tmp_path / "run"
    shutil.copytree(run, other)
    weights = load_file(other / "student" / "model.safetensors")
    weights["model.norm.weight"] = torch.zeros_like(weights["model.norm.weight"])  # all logits are 0: id 0 is the end
    save_file(weights, other / "student" / "model.safetensors", metadata={"format": "pt"})
    states = session(other, "/problem").states
    assert [state[1].tokens for state in states] == [1] * len(states)
    assert states[-1][0].tokens > 5
    assert states[-1][1].text == ""


def test_the_same_draws_where_both_have_the_same_distribution(run):
    recipe = sd.load_recipe("demo", ["evaluation.limit=4"])
    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    sides = open_sides(recipe.model, recipe.evaluation, sd.RunDirectory(run), renderer)
    prompt = renderer.render("Sort the list in ascending order.")
    drawn = {
        number: list(answers(sides, prompt, limit=40, stop=(), stream=(0, "try", number)))[-1] for number in range(6)
    }
    assert all(base == student for base, student in drawn.values())
    assert len({base.text for base, _ in drawn.values()}) > 1
    with pytest.raises(UserError, match="leave no room"):
        list(answers(sides, renderer.render("x " * 3000), limit=4, stop=(), stream=(0,)))


def test_programs_are_run_and_judged(run):
    screen = session(run, "/run", "/problem", "/run", "/run print(6 * 7)", "def f(x):\\", "    return x + 1", "/run")
    assert screen.said[0] == "error: nothing was asked yet"
    judged, printed, *_ = screen.printed
    assert judged[0] == judged[1]
    assert judged[0].startswith("[printed nothing]\n[the problem's tests: ")
    assert printed == ["42", "42"]
    assert len(screen.printed) == 3


def test_a_mistake_is_said_and_the_session_goes_on(run):
    screen = session(run, "/nonsense", "/again", "/help", "/problem", "/again", "/quit", "/problem")
    assert screen.said[0] == "error: no command /nonsense (/help lists them)"
    assert screen.said[1] == "error: nothing was asked yet"
    assert "/run CODE" in screen.said[2]
    assert len([state for state in screen.states if all(each.ended for each in state)]) == 2


def test_ctrl_c_ends_an_answer_and_not_the_session(run, monkeypatch):
    class Impatient(Recorded):
        def grow(self, titles, state):
            super().grow(titles, state)
            if len(self.states) == 3:
                raise KeyboardInterrupt

    monkeypatch.setitem(globals(), "Recorded", Impatient)
    screen = session(run, "/problem", "/problem")
    assert screen.said[1] == "[stopped]"
    assert all(each.ended for each in screen.states[3])
    assert screen.states[3][0].text == screen.states[2][0].text
    assert len(screen.states) > 5, "the second question was answered"


def test_what_a_program_does_is_shown():
    assert run_program("print(int(input()) * 2)", "21\n") == "42"
    assert run_program("x = 1") == "[printed nothing]"
    raised = run_program("from __future__ import annotations\nprint('a')\ndef f():\n    return 1 / 0\nf()")
    assert raised.startswith("a\nTraceback")
    assert 'File "program.py", line 5' in raised
    assert raised.endswith("ZeroDivisionError: division by zero")
    assert "exec(" not in raised
    assert "SyntaxError" in run_program("def f(:")
    assert "[stopped: timeout after 0." in run_program("while True: pass", limits=sd.Limits(seconds_per_test=0.3))
    assert run_program("print('x' * 5000)").endswith("... 1,000 more characters")
    assert "Error" in run_program("open('/root/secret', 'w')")


def test_two_columns_in_a_terminal():
    console = Console(width=60, height=20, record=True, force_terminal=True)
    screen = SideBySide(console)
    screen.grow(["base", "student"], [Growing("one", 1, False), Growing("def [b]f[/b]", 2, True)])
    screen.grow(["base", "student"], [Growing("one two", 2, True), Growing("def [b]f[/b]", 2, True)])
    screen.results(["base", "student"], ["1", "2"])
    text = console.export_text()
    rows = [line for line in text.splitlines() if "one two" in line]
    assert len(rows) == 1
    assert "def [b]f[/b]" in rows[0]
    assert "base (2 tokens)" in text
    assert "student prints" in text
    assert screen._live is None


def test_from_a_pipe_and_without_a_student(run, tmp_path):
    done = CliRunner().invoke(app, ["try", str(run)], input="/problem\n/run\n")
    assert done.exit_code == 0, done.output
    assert "--- base, greedy (" in done.output
    assert done.output.count("[the problem's tests: ") == 2
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(run / "manifest.json", bare)
    said = CliRunner().invoke(app, ["try", str(bare)], input="")
    assert isinstance(said.exception, UserError)
    assert "there is no student to try" in str(said.exception)


@pytest.mark.parametrize(("options", "tokens"), [((), 2), (("--max-new-tokens", "5"), 5)])
def test_the_limit_is_the_evaluations_unless_one_is_given(tmp_path, options, tokens):
    root = tmp_path / "run"
    sd.begin(sd.load_recipe("demo", ["evaluation.limit=1", "evaluation.max_new_tokens=2", *GREEDY]), root)
    shutil.copytree(embedded.model_dir(), root / "student")
    done = CliRunner().invoke(app, ["try", str(root), *options], input="/problem\n")
    assert done.exit_code == 0, done.output
    assert done.output.count(f"({tokens} tokens)") == 2
