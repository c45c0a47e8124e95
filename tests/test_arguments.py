"""Wrong arguments of public functions and records: the package's own error, which names the argument."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import selfdistill as sd
from selfdistill.checked import checked
from selfdistill.grading.isolation import require
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.recipe.schema import Recipe
from selfdistill.recipe.training import TrainingSettings
from selfdistill.report import build_summary

RANKED = sd.decode(torch.tensor([2.0, 1.0]), (sd.Decoding(temperature=1),))

WRONG = {
    "isolation": lambda: sd.grade([], isolation="ful"),  # type: ignore[arg-type]
    "rules": lambda: sd.grade([], rules="strict"),  # type: ignore[arg-type]
    "workers": lambda: sd.grade([], workers=-1),
    "workers is True": lambda: sd.grade([], workers=True),
    "workers is 0": lambda: sd.grade([], workers=0),
    "limits": lambda: sd.grade([], limits={"seconds_per_test": 1}),  # type: ignore[arg-type]
    "stop_early": lambda: sd.grade([], stop_early="no"),  # type: ignore[arg-type]
    "submissions": lambda: sd.grade("program"),  # type: ignore[arg-type]
    "unexpected keyword argument 'worker'": lambda: sd.grade([], worker=2),  # type: ignore[call-arg]
    "seconds_per_test is nan": lambda: sd.Limits(seconds_per_test=math.nan),
    "seconds_per_test is inf": lambda: sd.Limits(seconds_per_test=math.inf),
    "memory_mb is 0": lambda: sd.Limits(memory_mb=0),
    "memory_mb is 1.5": lambda: sd.Limits(memory_mb=1.5),  # type: ignore[arg-type]
    "processes is '8'": lambda: sd.Limits(processes="8"),  # type: ignore[arg-type]
    "temperature": lambda: sd.Decoding(temperature=-1),
    "top_p": lambda: sd.Decoding(temperature=1, top_p=math.nan),
    "topk": lambda: sd.Decoding(temperature=1, topk=3),  # type: ignore[call-arg]
    "learning_rate": lambda: TrainingSettings(learning_rate=-1.0),
    "uniforms": lambda: sd.draw(RANKED, torch.tensor(1.0)),
    "uniforms must": lambda: sd.draw(RANKED, torch.tensor(math.nan)),
    "uniforms have shape": lambda: sd.draw(RANKED, torch.tensor([0.5, 0.5])),
    "one stage": lambda: sd.decode(torch.tensor([1.0]), ()),
    "one token": lambda: sd.decode(torch.tensor([]), (sd.Decoding(temperature=1),)),
    "logits are nan": lambda: sd.decode(torch.tensor([1.0, math.nan]), (sd.Decoding(temperature=0),)),
    "source": lambda: sd.load_recipe(5),  # type: ignore[arg-type]
    "overrides": lambda: sd.load_recipe("demo", "seed=1"),
    "recipe": lambda: sd.run_recipe("demo", "runs/x"),  # type: ignore[arg-type]
    "out": lambda: sd.run_recipe(sd.load_recipe("demo"), 3),  # type: ignore[arg-type]
    "directory": lambda: sd.train(sd.load_recipe("demo"), Path("runs/x")),  # type: ignore[arg-type]
    "missing a required argument: 'out'": lambda: sd.begin(sd.load_recipe("demo")),  # type: ignore[call-arg]
    "c is 4": lambda: sd.pass_at_k(n=3, c=4, k=1),
    "k is 0": lambda: sd.pass_at_k(n=3, c=1, k=0),
    "n is 2.5": lambda: sd.pass_at_k(n=2.5, c=1, k=1),  # type: ignore[arg-type]
    "target": lambda: load_benchmark("cruxeval-o", target="both"),  # type: ignore[arg-type]
    "name_or_path": lambda: load_benchmark(Path("x.jsonl")),  # type: ignore[arg-type]
    "run_dir": lambda: build_summary(4),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("named", WRONG)
def test_the_error_is_the_packages_own_and_names_the_argument(named):
    with pytest.raises(sd.UserError) as caught:
        WRONG[named]()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_isolation_is_refused_wherever_it_arrives():
    """Falling back to the weak level would run untrusted programs outside the sandbox."""
    with pytest.raises(sd.UserError, match="'ful'"):
        require("ful")  # type: ignore[arg-type]


def test_right_arguments_pass_as_they_are():
    @checked
    def function(number: float, name: str | None = None, *, rest: tuple[int, ...] = ()) -> tuple:
        return number, name, rest

    assert function(1, rest=(1,)) == (1, None, (1,))
    assert function(0.5, "a") == (0.5, "a", ())
    assert function.__name__ == "function"
    assert sd.Decoding(temperature=1).top_k == 0
    assert Recipe.model_validate(sd.load_recipe("demo").model_dump()) == sd.load_recipe("demo")


def test_a_fault_deep_in_a_recipe_keeps_its_place(tmp_path):
    text = (Path(sd.__file__).parent / "recipe" / "builtin" / "demo.yaml").read_text()
    bad = tmp_path / "bad.yaml"
    bad.write_text(text)
    with pytest.raises(sd.UserError, match=r"sampling\.decoding\.temperature"):
        sd.load_recipe(bad, ["sampling.decoding.temperature=-1"])
