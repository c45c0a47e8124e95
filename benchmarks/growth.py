"""How sampling grows with the number of prompts, and grading with workers and machines.

    python benchmarks/growth.py [--sizes 1000 10000 100000] [--tokens 64] [--programs 2000]

Sampling: time, memory beyond the prompts themselves, and time to resume. The engine is instant; everything else is the
package's own: shards, records, soft targets, files. Each size runs in a process of its own, so that the memory is that
size's; resuming finds all but the last shard done, as after a kill. Grading: programs a second with 1 and 2 workers,
and on a Ray cluster of 2 nodes on this machine where Ray is installed, after a first batch that warms everything up.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfdistill.engines.base import Completion, Request, SparseTargets
from selfdistill.grading import Limits, Submission, grade
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import CallCase, CallTests, Prompt, Verdict
from selfdistill.steps.sampling.generate import Job, generate_samples

SHARD = 512
SUPPORT = 4  # entries of a soft target


@dataclass(frozen=True)
class InstantEngine:
    """Completions of a fixed length, at the cost of making the objects."""

    tokens: int
    context: int = 1 << 20

    def generate(self, requests: Sequence[Request], **_: Any) -> list[Completion]:
        ids = tuple(range(self.tokens))
        entries = np.tile(np.arange(SUPPORT, dtype=np.int32), self.tokens)
        targets = SparseTargets(
            np.full(self.tokens, SUPPORT, np.int32), entries, np.full(len(entries), 1 / SUPPORT, np.float32)
        )
        return [Completion(ids, "stop", (-0.5,) * self.tokens, targets) for _ in requests]

    def close(self) -> None:
        """Holds nothing."""


class Decoder:
    def decode(self, ids: list[int], **_: Any) -> str:
        return "x" * (3 * len(ids))


def sample(prompts: list[Prompt], tokens: int, directory: Path) -> tuple[float, float]:
    started, worked = time.perf_counter(), time.process_time()
    generate_samples(
        Job(prompts, 1, (Decoding(temperature=1, top_k=SUPPORT),), tokens, (0, "sample")),
        directory / "samples.jsonl",
        load_engine=lambda: InstantEngine(tokens),
        tokenizer=Decoder(),
        shard_size=SHARD,
        targets_dir=directory / "targets",
    )
    return time.perf_counter() - started, time.process_time() - worked


def cut_last_shard(path: Path, size: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: (size - 1) // SHARD * SHARD]))


def measure(size: int, tokens: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        prompts = [Prompt(f"p{number}", "prompt", tuple(range(50)), "statement") for number in range(size)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, cpu = sample(prompts, tokens, directory)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cut_last_shard(directory / "samples.jsonl", size)
        return {
            "seconds": seconds,
            "cpu": cpu,
            "grown": (peak - before) / 1024,
            "resume": sample(prompts, tokens, directory)[1],
        }


def submissions(count: int) -> list[Submission]:
    """Short functions with six calls each, three of four right: what the demo grades."""
    tests = CallTests("double", tuple(CallCase((n,), 2 * n) for n in range(6)))
    bodies = ("return 2 * x", "return x + x", "return x << 1", "return x * x")
    # Each differs, because equal programs are graded once.
    return [Submission(str(n), f"def double(x):\n    {bodies[n % 4]}  # {n}\n", tests) for n in range(count)]


@contextmanager
def two_nodes() -> Iterator[str]:
    """A Ray cluster's address: two nodes of one core each, and a head that does no work."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()


def programs_a_second(run: Callable[[list[Submission]], Iterable[Verdict]], count: int) -> float:
    work = submissions(count)
    sum(1 for _ in run(work[:128]))
    started = time.perf_counter()
    graded = sum(verdict.passed for verdict in run(work))
    assert graded == sum(n % 4 != 3 for n in range(count))
    return count / (time.perf_counter() - started)


def grading(count: int) -> None:
    how: dict[str, Any] = {"limits": Limits(), "isolation": "full"}
    print(f"\n{'graded on':>16} {'programs/s':>11}")
    for workers in (1, 2):
        rate = programs_a_second(lambda work, workers=workers: grade(work, **how, workers=workers), count)
        print(f"{workers:>9} worker{'s' if workers > 1 else ' '} {rate:>10.0f}")
    try:
        import ray
    except ModuleNotFoundError:
        print(f"{'2 Ray nodes':>16} not measured: pip install 'selfdistill[ray]'")
        return
    from selfdistill.engines.ray_cluster import cluster
    from selfdistill.steps.evaluation.cluster import grade_on_cluster

    with two_nodes() as address, cluster(address):
        rate = programs_a_second(lambda work: grade_on_cluster(address, work, **how), count)
        print(f"{'2 Ray nodes':>16} {rate:>10.0f}  (Ray {ray.__version__})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--programs", type=int, default=2000, help="0: sampling only")
    parser.add_argument("--one", action="store_true", help="measure one size here, print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.sizes[0], arguments.tokens)))
        return
    print(f"{'prompts':>9} {'seconds':>9} {'CPU us a prompt':>16} {'grown MB':>9} {'resume CPU s':>13}")
    for size in arguments.sizes:
        command = [sys.executable, __file__, "--one", "--sizes", str(size), "--tokens", str(arguments.tokens)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        numbers = f"{found['cpu'] / size * 1e6:>16.0f} {found['grown']:>9.0f} {found['resume']:>13.2f}"
        print(f"{size:>9,} {found['seconds']:>9.2f} {numbers}")
    if arguments.programs:
        grading(arguments.programs)


if __name__ == "__main__":
    main()
