"""Two Ray nodes on this machine, one killed in the middle: the run's records are the single machine's, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.fake_server import FakeServer
from selfdistill.engines.on_demand import on_demand
from selfdistill.errors import UserError
from selfdistill.grading import Limits, Submission, grade
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, StdinCase, StdinTests
from selfdistill.steps.evaluation.cluster import grade_on_cluster
from selfdistill.steps.sampling.generate import Job, generate_samples
from tiny_models import make_model

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]


@pytest.fixture
def cluster():
    """A head without processors, so that all work is on nodes that can be killed; then two nodes of one each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes()
    yield made
    made.shutdown()


def kill_when(cluster, ready: Callable[[], bool]) -> threading.Thread:
    """Kill a node, as a power cut would, once something is true."""

    def wait_and_kill() -> None:
        while not ready():
            time.sleep(0.01)
        cluster.remove_node(cluster.nodes[0], allow_graceful=False)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def sample_all(path: Path, model: ModelSettings, engine: EngineSettings, cluster: str | None) -> None:
    prompts = [Prompt(f"p{n}", "", tuple(range(10, 12 + n % 7))) for n in range(80)]
    with on_demand(model, engine, cluster=cluster) as load:
        generate_samples(
            Job(prompts, 1, (Decoding(temperature=1.1, top_k=20, top_p=0.9),), 60, (7, "sample")),
            path / "samples.jsonl",
            load_engine=load,
            tokenizer=load_tokenizer(model.path),
            shard_size=8,
            targets_dir=path / "targets",
        )


def test_a_node_killed_in_mid_sampling_changes_no_record(tmp_path, cluster):
    model = ModelSettings(path=str(make_model(tmp_path / "model")), dtype="float32", device="cpu")
    engine = EngineSettings(batch_size=8, shard_size=8, replicas=2)
    sample_all(tmp_path / "one", model, engine, None)
    path = tmp_path / "two" / "samples.jsonl"
    killer = kill_when(cluster, lambda: lines_of(path) >= 8)
    sample_all(tmp_path / "two", model, engine, cluster.address)
    killer.join(timeout=30)
    assert not killer.is_alive(), "the node must have died while there was work"
    assert path.read_bytes() == (tmp_path / "one" / "samples.jsonl").read_bytes()
    names = sorted(file.name for file in (tmp_path / "one" / "targets").iterdir())
    assert len(names) == 10
    for name in names:
        assert (tmp_path / "two" / "targets" / name).read_bytes() == (tmp_path / "one" / "targets" / name).read_bytes()


def test_a_node_killed_in_mid_grading_changes_no_verdict(cluster):
    tests = StdinTests((StdinCase("3\n", "6\n"), StdinCase("5\n", "10\n")))
    programs = ["print(2 * int(input()))", "print(3 * int(input()))", "print(1 / 0)", "def"]
    endless = "while True: pass"
    submissions = [
        Submission(str(n), f"{endless if n % 40 == 7 else programs[n % 4]}\n# {n}", tests) for n in range(256)
    ]
    how = {"limits": Limits(seconds_per_test=1.0), "isolation": "full"}
    one = {v.key: (v.outcome, v.tests) for v in grade(submissions, **how)}
    two: dict = {}
    killer = kill_when(cluster, lambda: len(two) >= 64)
    for verdict in grade_on_cluster(grade, cluster.address, submissions, **how):
        assert verdict.key not in two
        two[verdict.key] = (verdict.outcome, verdict.tests)
    killer.join(timeout=30)
    assert not killer.is_alive()
    assert two == one


def test_mistakes_on_a_node_are_one_line(tmp_path, cluster):
    with (
        pytest.raises(UserError, match="no such model directory"),
        on_demand(ModelSettings(path="./nowhere"), EngineSettings(), cluster=cluster.address) as load,
    ):
        load().generate([], max_new_tokens=1)


def test_no_cluster_is_one_line():
    server = FakeServer()
    server.stop()
    address = f"127.0.0.1:{server.server_port}"
    with (
        pytest.raises(UserError, match="no Ray cluster can be reached"),
        on_demand(ModelSettings(path="embedded"), EngineSettings(), cluster=address) as load,
    ):
        load()
