"""What a chat model is asked about each kind of problem, in our own words. Does not apply a chat template."""

from __future__ import annotations

from selfdistill.problems.templates import Template, apply_template
from selfdistill.records import AssertTests, CallTests, PredictionTests, Problem, SchemaTests

_ONE_BLOCK = "Put the finished code into one ```python block at the end of your answer."


def problem_prompt(problem: Problem) -> str:
    """The user's message for a chat model."""
    tests = problem.tests
    if isinstance(tests, PredictionTests):
        return _prediction_prompt(tests)
    if isinstance(tests, SchemaTests):
        return f"{problem.statement.strip()}\n\nAnswer with the JSON document in one ```json block.\n"
    if problem.program_prefix:
        return (
            "Complete the Python function below. Write the whole function again, with the imports and helpers that it"
            f" needs. {_ONE_BLOCK}\n\n```python\n{problem.program_prefix.rstrip()}\n```\n"
        )
    if isinstance(tests, AssertTests):
        return f"{problem.statement.strip()}\n\nWrite the Python code. {_ONE_BLOCK}\n"
    # The same words as the sampling prompts: a student is asked in evaluation what it was asked in training.
    kind: Template = "function" if isinstance(tests, CallTests) or problem.starter_code else "stdin"
    return apply_template(kind, problem.statement, problem.starter_code)


def _prediction_prompt(tests: PredictionTests) -> str:
    code = f"```python\n{tests.function.rstrip()}\n```"
    if tests.target == "output":
        return (
            f"What does this Python function return for the call below?\n\n{code}\n\n    f({tests.given})\n\n"
            "Answer with the value as a Python literal between [ANSWER] and [/ANSWER], with no call to f in it.\n"
        )
    return (
        f"Find arguments for which this Python function returns the value below. Any that do are right.\n\n{code}\n\n"
        f"    {tests.given}\n\nAnswer with the call, f(...) with literal arguments, between [ANSWER] and [/ANSWER].\n"
    )
