"""A run directory of a simulated evaluation whose truth is known: real files, written by `files`, without any model.

Every problem has an ability on the logit scale, every system adds an effect to it, and a program passes with the
resulting chance. So the expected pass@k of each system is a closed form, which `Simulation.truth` returns.
"""

from __future__ import annotations

import bisect
import itertools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from selfdistill import files, seeds
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Outcome, Sample, Verdict
from selfdistill.run.manifest import FORMAT
from selfdistill.steps.evaluation.systems import System, plan_systems

LIMIT = 128
TEMPERATURES = (0.0, 0.5, 0.7, 0.9, 1.1, 1.3)
DIFFICULTIES = ("easy", "medium", "hard")
DEFAULT = Decoding(temperature=0.7, top_k=20, top_p=0.8)
TRAINING = Decoding(temperature=1.6, top_k=20, top_p=0.8)
STUDENT = Decoding(temperature=1.1, top_k=20, top_p=0.8)

RIGHT = """\
def solve(values):
    kept = [value for value in values if value % 2 == 0]  # keep even numbers
    return sorted(kept, reverse=True)[:3]
"""
RIGHT_TOO = """\
def solve(values):
    result = []
    for value in values:
        if value % 2 == 0:
            result.append(value)
    result.sort(reverse=True)
    return result[:3]
"""
WRONG = """\
def solve(values):
    kept = [value for value in values if value % 2 == 1]
    return sorted(kept)[:3]
"""
BROKEN = "def solve(values):\n    return sorted((value for value in values\n"

FAILURES = (
    (Outcome.WRONG_ANSWER, "test 1", WRONG, 0.55),
    (Outcome.EXCEPTION, "TypeError: 'NoneType' object is not iterable", WRONG, 0.12),
    (Outcome.EXCEPTION, "NameError: name 'vaules' is not defined", WRONG, 0.08),
    (Outcome.SYNTAX_ERROR, "'(' was never closed", BROKEN, 0.15),
    (Outcome.TIMEOUT, "test 2", WRONG, 0.06),
    (Outcome.NO_CODE, "", "I cannot help with that.", 0.04),
)
CUMULATIVE = tuple(itertools.accumulate(share for *_, share in FAILURES[:-1]))


@dataclass(frozen=True)
class Simulation:
    """What to simulate, and its truth."""

    problems: int = 60
    samples: int = 10
    seed: int = 0
    student_gain: float = 0.5
    """Logits that training adds at equal decoding."""
    hot_penalty: float = 0.4
    """Logits that the base loses for each unit of temperature; the student loses a third of it."""
    lift: float = 0.0
    """Logits that are added to every problem."""
    harness_errors: int = 0
    """Verdicts of the first problem, in every system, that are harness errors."""
    cut_off: dict[str, float] = field(default_factory=lambda: {"samples": 0.02, "base": 0.02, "student": 0.02})
    """Chance that a completion is cut off: a training sample, or an answer by its model."""
    cut_by_context: bool = False
    """Whether the model's context cuts them off, and not the recipe's limit."""
    passed_whole: dict[str, float] | None = None
    """Where there are two ways to take a program from an answer: the chance, by model, that what passes under the
    recipe's rule passes under the other one too."""
    texts: dict[Outcome, str] = field(default_factory=dict)
    """Completion text by outcome, in place of the built-in programs."""

    def ability(self) -> np.ndarray:
        """Logits of the problems, (problems,); a third of them each easy, medium and hard."""
        level = np.array([1.4, 0.2, -1.6])[np.arange(self.problems) % 3]
        return self.lift + level + seeds.generator(self.seed, "ability").normal(0, 1.2, self.problems)

    def effect(self, system: System) -> float:
        """Logits that a system adds on every problem."""
        temperature = system.stages[-1].temperature
        if system.model == "student":
            return self.student_gain - self.hot_penalty / 3 * temperature
        if len(system.stages) == 2:
            return 0.6 * self.student_gain - self.hot_penalty / 2 * temperature
        return -self.hot_penalty * temperature

    def chances(self, system: System) -> np.ndarray:
        """Chance that one program passes, (problems,)."""
        return 1 / (1 + np.exp(-(self.ability() + self.effect(system))))

    def truth(self, system: System, k: int) -> float:
        """Expected pass@k over these problems; greedy programs of one problem are all the same."""
        draws = 1 if system.stages[-1].greedy else k
        return float(np.mean(1 - (1 - self.chances(system)) ** draws))


def systems() -> tuple[System, ...]:
    """The systems of an evaluation, as a recipe plans them."""
    grid = [Decoding(temperature=temperature, top_k=20, top_p=0.8) for temperature in TEMPERATURES]
    return plan_systems(DEFAULT, STUDENT, TRAINING, grid)


def write_run(directory: Path, simulation: Simulation) -> Path:
    """Write a finished run directory."""
    files.write_json(directory / "manifest.json", _manifest(simulation))
    dropped = {"duplicate": 1873, "too long": 12, "empty": 0}
    files.write_json(directory / "prompts.json", {"loaded": 7885, "kept": 6000, "dropped": dropped})
    files.append_records(directory / "samples.jsonl", _training_samples(simulation))
    training_data = {
        "sequences": 5941,
        "dropped": {"empty": 17, "single-line stub": 42},
        "truncated": 96,
        "prompt_tokens": 251_320,
        "completion_tokens": 402_114,
    }
    files.write_json(directory / "training-data.json", training_data)
    files.append_records(directory / "training-log.jsonl", _training_log(simulation))
    listed = systems()
    files.write_bytes(
        directory / "evaluation" / "systems.json", b"[" + b",".join(map(files.record_line, listed)) + b"]"
    )
    files.append_records(directory / "evaluation" / "problems.jsonl", _problems(simulation))
    for system in listed:
        _write_system(directory / "evaluation", simulation, system)
    return directory


def _problems(simulation: Simulation) -> list[dict]:
    return [
        {
            "task_id": f"chains/{index:04d}",
            "difficulty": DIFFICULTIES[index % 3],
            "statement": "Keep the even numbers of `values`, sort them from large to small, return the first three.",
            "program_prefix": "",
        }
        for index in range(simulation.problems)
    ]


def _write_system(directory: Path, simulation: Simulation, system: System) -> None:
    samples, verdicts = [], []
    chances = simulation.chances(system)
    for problem in range(simulation.problems):
        stream = seeds.generator(simulation.seed, "draw", system.name, problem)
        greedy = _program(stream, chances[problem]) if system.stages[-1].greedy else None
        for index in range(simulation.samples):
            outcome, detail, text = greedy or _program(stream, chances[problem])
            if problem == 0 and index < simulation.harness_errors:
                outcome, detail = Outcome.HARNESS_ERROR, "worker died"
            text = simulation.texts.get(outcome, text)
            task_id = f"chains/{problem:04d}"
            samples.append(_sample(task_id, index, text, stream, simulation, system.model))
            other: dict[str, Any] = {}
            if simulation.passed_whole is not None:
                lost = outcome is Outcome.PASSED and stream.random() >= simulation.passed_whole[system.model]
                other = {"answers": "needed", "other": Outcome.EXCEPTION if lost else None}
            verdicts.append(Verdict(f"{task_id}/{index}", outcome, detail, float(stream.random()), **other))
    files.append_records(directory / f"{system.name}.samples.jsonl", samples)
    files.append_records(directory / f"{system.name}.verdicts.jsonl", verdicts)


def _program(stream: np.random.Generator, chance: float) -> tuple[Outcome, str, str]:
    if stream.random() < chance:
        return Outcome.PASSED, "", RIGHT if stream.random() < 0.6 else RIGHT_TOO
    position = bisect.bisect(CUMULATIVE, stream.random())
    outcome, detail, text, _ = FAILURES[position]
    return outcome, detail, text


def _sample(
    prompt_id: str, index: int, text: str, stream: np.random.Generator, simulation: Simulation, kind: str
) -> Sample:
    logprob = -round(float(stream.exponential(0.3)), 4)
    finish = "length" if stream.random() < simulation.cut_off[kind] else "stop"
    count = LIMIT - simulation.cut_by_context if finish == "length" else max(4, len(text) // 3)
    return Sample(prompt_id, index, tuple(range(3, 3 + count)), finish, (logprob,) * count, text)  # type: ignore[arg-type]


def _training_samples(simulation: Simulation) -> list[Sample]:
    stream = seeds.generator(simulation.seed, "samples")
    return [
        _sample(f"prompt-{i}", 0, (RIGHT, RIGHT_TOO, WRONG, BROKEN)[i % 4], stream, simulation, "samples")
        for i in range(200)
    ]


def _training_log(simulation: Simulation) -> list[dict]:
    stream = seeds.generator(simulation.seed, "log")
    return [
        {
            "step": step,
            "loss": 0.42 + 0.5 * math.exp(-step / 25) + 0.02 * float(stream.normal()),
            "learning_rate": 7e-4 * min(step / 10, 0.5 + 0.5 * math.cos(math.pi * step / 186)),
            "seconds": 0.8 * step,
        }
        for step in range(1, 187)
    ]


def _manifest(simulation: Simulation) -> dict:
    decodings = {name: d.model_dump() for name, d in (("base", DEFAULT), ("student", STUDENT))}
    return {
        "format": FORMAT,
        "recipe": {
            "name": "simulated",
            "description": "A simulated evaluation, for tests of the report.",
            "seed": simulation.seed,
            "model": {"path": "embedded", "dtype": "float32"},
            "sampling": {"decoding": TRAINING.model_dump(), "samples_per_prompt": 1, "max_new_tokens": LIMIT},
            "training": {"targets": "soft", "method": "full", "epochs": 1.0, "batch_size": 32, "learning_rate": 7e-4},
            "evaluation": {
                "benchmark": "embedded",
                **decodings,
                "samples_per_problem": simulation.samples,
                "pass_at": [1, min(5, simulation.samples)],
                "max_new_tokens": LIMIT,
            },
        },
        "digest": "5f0c6a1e" * 8,
        "created": "2026-11-20T10:11:12+00:00",
        "versions": {"selfdistill": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0"},
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2, "threads": 1, "accelerators": []},
        "fingerprints": {"model": "a1" * 32, "prompts": "b2" * 32, "benchmark": "c3" * 32},
        "isolation": [["bubblewrap", True, "namespaces"], ["seccomp", True, ""], ["cgroup", False, "not writable"]],
        "stages": {
            "sample": {"tokens": 402_114, "seconds": 19.4},
            "train": {"steps": 186, "tokens": 653_434, "seconds": 93.1},
            **{f"evaluate {system.name}": {"tokens": 240_000, "seconds": 5.1} for system in systems()},
            "grade": {"programs": 6000 * len(systems()), "seconds": 31.9},
        },
    }
