"""Grading on the machines of a Ray cluster: batches of programs as tasks, repeated elsewhere when a node dies.

Every node needs what the sandbox needs (`selfdistill doctor` says). Verdicts come as they are ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from selfdistill.engines.ray_cluster import cluster, user_error
from selfdistill.grading.limits import Submission
from selfdistill.records import Verdict

BATCH = 64
"""Programs of one task: seconds of work, so that a dead node costs little and Ray's own work nothing to speak of."""


def grade_on_cluster(
    grade: Callable[..., Iterator[Verdict]], address: str, submissions: Iterable[Submission], **how: Any
) -> Iterator[Verdict]:
    """The same verdicts as from `grade` here, over a cluster.

    Args:
        grade: `selfdistill.grading.grade`.
        address: see `cluster`.
        submissions: read lazily, a few batches ahead of the verdicts.
        how: `limits`, `rules`, `isolation` of `grade`.

    Raises:
        UserError: no cluster there, or a node lacks the isolation asked for.
    """
    with cluster(address) as ray:
        remote = ray.remote(_grade).options(num_cpus=1, max_retries=-1)  # only deaths are repeated, not errors
        batches = _batches(iter(submissions))
        most = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        running = [remote.remote(grade, batch, how) for batch in islice(batches, most)]
        while running:
            (ready,), running = ray.wait(running, num_returns=1)
            try:
                yield from ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise user_error(error) or error from None
            running += [remote.remote(grade, batch, how) for batch in islice(batches, 1)]


def _grade(grade: Callable[..., Iterator[Verdict]], batch: list[Submission], how: dict[str, Any]) -> list[Verdict]:
    return list(grade(batch, **how, workers=1))


def _batches(submissions: Iterator[Submission]) -> Iterator[list[Submission]]:
    while batch := list(islice(submissions, BATCH)):
        yield batch
