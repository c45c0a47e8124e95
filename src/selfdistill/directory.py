"""Where a run keeps what: the one place that knows file names. The formats are documented in docs/formats.md."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfdistill.errors import UserError
from selfdistill.processes import is_main_process


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """Of one task, model and decoding, under regressions/."""

    samples: Path
    verdicts: Path
    scores: Path
    """By item; a file that is there is finished."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The paths of one run."""

    root: Path

    def name_of(self, path: Path) -> str:
        """How the manifest's `files` names a file of the run."""
        return path.relative_to(self.root).as_posix()

    @property
    def manifest(self) -> Path:
        """Recipe, versions, fingerprints, timings."""
        return self.root / "manifest.json"

    @property
    def prompts(self) -> Path:
        """`Prompt` records, in sampling order."""
        return self.root / "prompts.jsonl"

    @property
    def prompt_counts(self) -> Path:
        """What was dropped and why."""
        return self.root / "prompts.json"

    @property
    def self_samples(self) -> Path:
        """What the model wrote in its users' place; only with the source `self`."""
        return self.root / "self-written.samples.jsonl"

    @property
    def self_written(self) -> Path:
        """The same by question, with the reasons why some are no prompts."""
        return self.root / "self-written.jsonl"

    @property
    def samples(self) -> Path:
        """`Sample` records of step 1."""
        return self.root / "samples.jsonl"

    @property
    def sample_verdicts(self) -> Path:
        """The grader's verdicts on the samples; only where `training.keep` is `passing`."""
        return self.root / "samples.verdicts.jsonl"

    @property
    def sample_agreements(self) -> Path:
        """Which of a prompt's samples agree; only where `training.keep` is `agreement`."""
        return self.root / "samples.agreement.jsonl"

    @property
    def input_samples(self) -> Path:
        """What the model wrote when it was asked for inputs; only where `training.agreement.inputs` has `model`."""
        return self.root / "inputs.samples.jsonl"

    @property
    def targets(self) -> Path:
        """Soft targets, one file a shard."""
        return self.root / "targets"

    @property
    def contamination(self) -> Path:
        """Contamination: prompts and samples with the evaluation's problems."""
        return self.root / "contamination.json"

    @property
    def training_data(self) -> Path:
        """Counts of the training data."""
        return self.root / "training-data.json"

    @property
    def training_log(self) -> Path:
        """Loss and learning rate by step."""
        return self.root / "training-log.jsonl"

    @property
    def student(self) -> Path:
        """The tuned model, an ordinary Hugging Face directory."""
        return self.root / "student"

    @property
    def student_partial(self) -> Path:
        """The same while it is being written."""
        return self.root / ".student.partial"

    @property
    def student_card(self) -> Path:
        """Its model card, with the run's results."""
        return self.student / "README.md"

    @property
    def problems(self) -> Path:
        """The evaluation's problems, as the report shows them."""
        return self.root / "evaluation" / "problems.jsonl"

    @property
    def systems(self) -> Path:
        """The systems that are compared."""
        return self.root / "evaluation" / "systems.json"

    def system_samples(self, system: str) -> Path:
        """One system's completions."""
        return self.root / "evaluation" / f"{system}.samples.jsonl"

    def system_verdicts(self, system: str) -> Path:
        """The grader's verdicts on them."""
        return self.root / "evaluation" / f"{system}.verdicts.jsonl"

    @property
    def decoding_baselines(self) -> Path:
        """SSD beside other rules of decoding."""
        return self.root / "decoding-baselines.json"

    def decoding_baselines_on(self, split: Literal["validation", "test"]) -> RunDirectory:
        """The evaluation behind it: of every setting on validation problems, of the chosen ones on the test's."""
        return RunDirectory(self.root / "decoding-baselines" / split)

    @property
    def agreement(self) -> Path:
        """Choosing among several answers by agreement."""
        return self.root / "agreement.json"

    def system_agreements(self, system: str) -> Path:
        """Each problem's groups, of one system."""
        return self.root / "agreement" / f"{system}.agreement.jsonl"

    @property
    def regressions(self) -> Path:
        """Scores on other tasks, one folder a task."""
        return self.root / "regressions"

    @property
    def regression_tasks(self) -> Path:
        """Which tasks were measured."""
        return self.regressions / "tasks.json"

    def regression_files(self, slug: str, model: str, decoding: str) -> TaskFiles:
        """What one task, model and decoding leave behind."""
        name = f"{model}-{decoding}"
        samples, verdicts, scores = (
            self.regressions / slug / f"{name}.{what}.jsonl" for what in ("samples", "verdicts", "scores")
        )
        return TaskFiles(samples, verdicts, scores)

    @property
    def explanation(self) -> Path:
        """Every number of explain.html."""
        return self.root / "explain.json"

    @property
    def explanation_page(self) -> Path:
        """Locks and forks, for people."""
        return self.root / "explain.html"

    @property
    def summary(self) -> Path:
        """Every number of the report."""
        return self.root / "summary.json"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.root / "report.html"


@contextmanager
def exclusive(directory: RunDirectory) -> Iterator[None]:
    """Hold the run for this process and those that train with it; the lock goes with the process, however it ends.

    Raises:
        UserError: another process is working on the run.
    """
    if not is_main_process():
        yield
        return
    with (directory.root / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "another process is working on this run", where=directory.root, fix="wait for it or stop it"
            ) from None
        yield
