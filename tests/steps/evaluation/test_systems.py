"""The systems that an evaluation compares: each decoding once, with every reason for it."""

from __future__ import annotations

from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.decoding_rules import MinP, PythonSyntax
from selfdistill.steps.evaluation.systems import plan_systems

BASE, STUDENT, SAMPLING = (Decoding(temperature=t, top_k=20, top_p=0.8) for t in (1.0, 1.1, 0.7))
GREEDY = Decoding(temperature=0)
MIN_P = MinP(rule="min-p", min_p=0.1, temperature=1.5)
SYNTAX = PythonSyntax(rule="python-syntax")


def named(rivals=()) -> dict[str, tuple[str, ...]]:
    return {system.name: system.roles for system in plan_systems(BASE, STUDENT, SAMPLING, [GREEDY, BASE], rivals)}


def test_without_rivals_the_systems_are_those_of_the_papers_questions():
    assert named() == {
        "base-T1-k20-p0.8": ("default", "grid"),
        "base-T0.7-k20-p0.8": ("sampling",),
        "base-T0.7-k20-p0.8-then-T1.1-k20-p0.8": ("preview",),
        "student-T1.1-k20-p0.8": ("default",),
        "base-greedy": ("grid",),
        "student-greedy": ("grid",),
        "student-T1-k20-p0.8": ("grid",),
    }


def test_rivals_are_evaluated_on_both_models_after_the_others():
    systems = named([(MIN_P,), (SYNTAX, SAMPLING)])
    assert list(systems)[: len(named())] == list(named())
    assert {name: roles for name, roles in systems.items() if "rival" in roles} == {
        "base-T1.5-minp0.1": ("rival",),
        "base-syntax-then-T0.7-k20-p0.8": ("rival",),
        "student-T1.5-minp0.1": ("rival",),
        "student-syntax-then-T0.7-k20-p0.8": ("rival",),
    }


def test_a_rival_that_is_there_already_is_not_evaluated_twice():
    systems = named([(GREEDY,), (MIN_P, GREEDY), (SYNTAX, MIN_P, GREEDY)])
    assert systems["base-greedy"] == ("grid", "rival")
    assert [name for name in systems if "greedy" in name] == [
        "base-greedy",
        "student-greedy",
        "base-syntax-then-greedy",
        "student-syntax-then-greedy",
    ]
