"""What choosing by agreement is worth on answers that exist already, graded here: one line a source of inputs.

    python benchmarks/agreement.py base.jsonl.gz HumanEval.jsonl.gz

The answers are JSON Lines with `task_id`, `i` and `completion` (a chat answer). `tests` as a source are the arguments
of the benchmark's own assertions, the expected results unseen: how far agreement could get with good inputs. All other
inputs come from the statements. Where a problem has no inputs, or no two answers agree, the score is one sample's.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from selfdistill.agreement.examples import calls_in, example_calls
from selfdistill.agreement.groups import groups_of
from selfdistill.agreement.inputs import inputs_of
from selfdistill.agreement.records import Agreement
from selfdistill.grading import Limits, Submission, grade
from selfdistill.grading.outputs import Task, run_tasks
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.programs.extract import programs_of
from selfdistill.recipe.agreement import AgreementSettings
from selfdistill.records import AssertTests, Problem
from selfdistill.studies.choosing.compare import problem_asks
from selfdistill.studies.choosing.result import chosen_passes

SETTINGS = {
    "examples": AgreementSettings(inputs=("examples",)),
    "examples, mutations": AgreementSettings(inputs=("examples", "mutations")),
    "examples, mutations, types": AgreementSettings(),
}
Inputs = Mapping[str, Sequence[object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path)
    parser.add_argument("benchmark")
    parser.add_argument("--bench", default="he", help="which of the file's answers, by its `bench`")
    arguments = parser.parse_args()
    problems = {problem.task_id: problem for problem in load_benchmark(arguments.benchmark)}
    programs = read_programs(arguments.answers, arguments.bench, problems)
    problems = {task_id: problems[task_id] for task_id in programs}
    passed = judge(programs, problems)
    samples = {len(each) for each in programs.values()}
    one = np.mean([np.mean(list(passed[task_id].values())) for task_id in programs])
    any_of = np.mean([any(passed[task_id].values()) for task_id in programs])
    print(f"{len(programs)} problems, {min(samples)} answers each; one sample {one:.1%}, any of them {any_of:.1%}\n")
    print("| inputs | problems with inputs | right, of all | of those with inputs | one sample there "
          "| at least 4 agree | right there | programs | seconds |")  # fmt: skip
    print("|---" * 9 + "|")
    report("tests' own", from_tests(problems), programs, passed, problems)
    report("calls shown in the statement", only_calls(problems), programs, passed, problems)
    for name, settings in SETTINGS.items():
        inputs = {key: inputs_of(problem_asks(each), settings, 0, key).values for key, each in problems.items()}
        report(name, inputs, programs, passed, problems)


def read_programs(path: Path, bench: str, problems: Mapping[str, Problem]) -> dict[str, tuple[str | None, ...]]:
    """By problem, the programs that its answers hold, under the rule `needed`."""
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    rows = sorted((row for row in rows if row["bench"] == bench), key=lambda row: row["i"])
    found: dict[str, list[str | None]] = {}
    for row in rows:
        task_id = row["task_id"]
        found.setdefault(task_id, []).append(programs_of(problems[task_id], row["completion"], chat=True).needed)
    return {task_id: tuple(own) for task_id, own in found.items()}


def judge(programs: Mapping[str, Sequence[str | None]], problems: Mapping[str, Problem]) -> dict[str, dict[int, bool]]:
    submissions = (
        Submission(f"{task_id}|{index}", program, problems[task_id].tests)
        for task_id, own in programs.items()
        for index, program in enumerate(own)
    )
    passed: dict[str, dict[int, bool]] = {task_id: {} for task_id in programs}
    for verdict in grade(submissions):
        task_id, _, index = verdict.key.rpartition("|")
        passed[task_id][int(index)] = verdict.passed
    return passed


def from_tests(problems: Mapping[str, Problem]) -> Inputs:
    """The literal arguments of the calls in each problem's tests."""
    found = {}
    for task_id, problem in problems.items():
        assert isinstance(problem.tests, AssertTests)
        names = {"candidate", problem_asks(problem).entry_point or ""}
        found[task_id] = list({repr(each): each for each in calls_in(problem.tests.script, names)}.values())
    return found


def only_calls(problems: Mapping[str, Problem]) -> Inputs:
    """Calls of the function itself, and small mutations of them: no other form of example."""
    found = {}
    for task_id, problem in problems.items():
        asked = problem_asks(problem)
        shown = calls_in(asked.text, {asked.entry_point or ""})
        known = {repr(each) for each in shown}
        read = example_calls(asked.text, asked.entry_point or "", [each.name for each in asked.parameters])
        usable = any(repr(each) in known for each in read)
        settings = SETTINGS["examples, mutations"]
        found[task_id] = inputs_of(asked, settings, 0, task_id).values if usable else ()
    return found


def report(
    name: str,
    inputs: Inputs,
    programs: Mapping[str, tuple[str | None, ...]],
    passed: Mapping[str, Mapping[int, bool]],
    problems: Mapping[str, Problem],
) -> None:
    asked = {task_id: problem_asks(problem).entry_point for task_id, problem in problems.items()}
    tasks = [Task(key, programs[key], tuple(own), asked[key], prelude=False) for key, own in inputs.items() if own]
    records = {key: Agreement(key, (), {}, (), {}, len(own), 0, 0.0) for key, own in programs.items()}
    for result in run_tasks(tasks, limits=Limits()):
        groups = groups_of([each if isinstance(each, tuple) else None for each in result.outputs])
        failures = dict(Counter(str(each) for each in result.outputs if not isinstance(each, tuple)))
        own = tuple(map(tuple, groups))
        records[result.key] = Agreement(
            result.key, ("known",), {}, own, failures, len(result.outputs), result.runs, result.seconds
        )
    scores = {key: chosen_passes(record, passed[key]) for key, record in records.items()}
    there = [key for key in scores if inputs[key]]
    sure = [key for key, record in records.items() if record.groups and len(record.groups[0]) >= 4]
    alone = np.mean([np.mean(list(passed[key].values())) for key in there])
    cells = [
        name,
        str(len(there)),
        f"{np.mean(list(scores.values())):.1%}",
        f"{np.mean([scores[key] for key in there]):.1%}",
        f"{alone:.1%}",
        str(len(sure)),
        f"{np.mean([scores[key] for key in sure]):.1%}",
        str(sum(record.programs for record in records.values())),
        f"{sum(record.seconds for record in records.values()):.0f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
