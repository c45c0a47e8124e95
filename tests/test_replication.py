"""The replication is ready to run: its arms are recipes, its data is disjoint, and its instructions can be answered."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import jsonschema
import pytest

from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.recipe import load_recipe
from selfdistill.studies.arm import cells_of, read_arms
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "experiments" / "replication"


@pytest.fixture(scope="module")
def data(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files, out = shared_dir / "data", tmp_path_factory.mktemp("replication") / "data"
    given = {"humaneval": "HumanEval.jsonl.gz", "mbpp": "sanitized-mbpp.json", "codeio": "codeio"}
    options = [part for name, file in given.items() for part in (f"--{name}", str(files / file))]
    subprocess.run([sys.executable, str(FOLDER / "data.py"), *options, "--out", str(out)], check=True)
    return out


def test_every_arm_is_a_recipe_of_its_own():
    recipe = load_recipe(FOLDER / "qwen2.5-coder-0.5b.yaml")
    arms = read_arms(FOLDER / "arms.yaml")
    cells = cells_of(recipe, arms, [0], "arms.yaml")
    recipes = [cell.recipe.model_dump_json() for cell in cells]
    assert cells[0].recipe == recipe, "the first is the method as the recipe has it"
    assert len(set(recipes)) == len(recipes) > 25
    filtered = {
        cell.name for cell in cells if cell.recipe.training.keep != "all" or cell.recipe.sampling.source == "texts"
    }
    assert filtered == {f"{name}-seed-0" for name, arm in arms.items() if arm.needs != "nothing"}


def test_no_problem_is_in_two_files_or_in_the_prompts(data):
    problems = {name: load_benchmark(str(data / f"{name}.jsonl")) for name in ("validation", "test", "hard")}
    assert {name: len(found) for name, found in problems.items()} == {"validation": 231, "test": 421, "hard": 265}
    asked = {json.loads(line)["question"] for line in (data / "prompts.jsonl").read_text().splitlines()}
    assert len(asked) == 1377
    statements = {name: {problem.statement for problem in found} for name, found in problems.items()} | {
        "prompts": asked
    }
    for one, other in combinations(statements.values(), 2):
        assert not one & other
    sets = {problem.task_id.partition("/")[0] for problem in problems["test"]}
    assert sets == {"HumanEval", "MBPP"}


def test_instructions_ask_for_what_their_schemas_accept(data):
    problems = load_benchmark(str(data / "instructions.jsonl"))
    schemas = {problem.task_id: problem.tests.schema for problem in problems}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert len(problems) == len({problem.statement for problem in problems}) == 40
    answers = {
        "instructions/0": {"sum": 42},
        "instructions/17": {"even": [2, 4, 6]},
        "instructions/20": {"name": "A", "age": 3},
    }
    for task_id, answer in answers.items():
        jsonschema.validate(answer, schemas[task_id])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**answer, "more": 1}, schemas[task_id])
