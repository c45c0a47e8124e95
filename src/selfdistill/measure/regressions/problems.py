"""Tasks with problems: sampled under each decoding by the evaluation's own code, graded by its own grader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.files import read_records, record_line, write_bytes
from selfdistill.measure.regressions.records import Score
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Outcome, Problem, Prompt, Verdict
from selfdistill.steps.evaluation.grade import grade_systems
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.watch import Limit

if TYPE_CHECKING:
    from selfdistill.directory import TaskFiles
    from selfdistill.engines.base import Progress
    from selfdistill.measure.regressions.loaded import How
    from selfdistill.problems.render import Renderer


def sample_problems(
    how: How,
    prompts: Sequence[Prompt],
    decoding: Decoding,
    path: Path,
    load_engine: Callable[[], Any],
    renderer: Renderer,
    progress: Progress,
) -> None:
    """Append what is missing of one model's answers. All models and decodings draw from the same random streams."""
    job = Job(
        prompts=prompts,
        samples_per_prompt=how.settings.samples_per_problem,
        stages=(decoding,),
        max_new_tokens=how.evaluation.max_new_tokens,
        stream=(how.seed, "others"),
        limit=Limit(f"other tasks, {decoding.label}", "evaluation.max_new_tokens"),
        stop=renderer.settings.stop,
    )
    generate_samples(
        job,
        path,
        load_engine=load_engine,
        tokenizer=renderer.tokenizer,
        shard_size=how.engine.shard_size,
        progress=progress,
    )


def grade_problems(how: How, problems: Sequence[Problem], tasks: Sequence[TaskFiles], *, chat: bool) -> None:
    """Grade the samples, then write the scores: each problem's share of passed answers.

    Verdicts are kept; a harness error counts neither as right nor as wrong.
    """
    missing = [each for each in tasks if not each.scores.exists()]
    systems = [(each.scores.name, each.samples, each.verdicts) for each in missing]
    grade_systems(systems, problems, how.evaluation.grading, chat=chat, cluster=how.cluster)
    for each in missing:
        write_scores(each.scores, _shares(problems, each.verdicts))


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """All of them at once: a file of scores that is there is finished."""
    write_bytes(path, b"".join(record_line(score) for score in scores))


def _shares(problems: Sequence[Problem], verdicts: Path) -> list[Score]:
    judged: defaultdict[str, list[bool]] = defaultdict(list)
    for verdict in read_records(verdicts, Verdict):
        if verdict.outcome is not Outcome.HARNESS_ERROR:
            judged[verdict.task_id].append(verdict.passed)
    shares = {task_id: sum(passed) / len(passed) for task_id, passed in judged.items()}
    return [Score(problem.task_id, shares.get(problem.task_id)) for problem in problems]
