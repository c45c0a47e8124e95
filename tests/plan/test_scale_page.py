"""docs/scale.md and docs/engines.md say what works: keys and files exist, and every command that a CPU can run is run.

`make test-engines` runs the steps of the page one after the other, word for word, in a small `recipe.yaml`; the step
with vLLM is in tests/engines, because vLLM has an environment of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from run.small import SMALL, command, environment, results, run
from selfdistill.recipe import load_recipe
from selfdistill.recipe.schema import Recipe
from tests.conftest import REPOSITORY

PAGES = ("docs/scale.md", "docs/engines.md")
LAPTOP = ("selfdistill plan recipe.yaml", "selfdistill run recipe.yaml --out runs/laptop")
TWO_PROCESSES = (
    "selfdistill sample runs/two --recipe recipe.yaml",
    "accelerate launch --config_file configs/accelerate/cpu.yaml -m selfdistill train runs/two",
    "selfdistill evaluate runs/two",
    "selfdistill report runs/two",
)
QLORA = "selfdistill run recipe.yaml --out runs/qlora --set training.method=qlora"
RAY = "selfdistill run recipe.yaml --out runs/ray --set cluster=auto --set engine.replicas=2"
VLLM = "selfdistill run recipe.yaml --out runs/one-gpu --set engine.kind=vllm"
PLANS = "selfdistill plan qwen3"
NOT_RUN = {
    "pip install": "the tests' environments are made by scripts/test-engines.sh",
    "ray start": "the tests start nodes of their own, which they may kill",
    "selfdistill recipes demo > recipe.yaml": "the tests' recipe.yaml is the demo's, made smaller",
    "tensor_parallel_size": "eight GPUs",
    "fsdp.yaml": "eight GPUs; tests/steps/training runs it with two CPU processes",
    "runs/eight": "eight GPUs",
    "engine.gpus_per_replica": "sixteen GPUs",
    "s3://": "a bucket; tests/run/storage runs it on other stores of fsspec's",
    "selfdistill push": "an account; tests/run/hub runs it on a hub on loopback",
}
"""What makes a line one that the tests do not run as it stands, and why."""


def lines_of(page: str) -> list[str]:
    text = (REPOSITORY / page).read_text()
    code = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    return [" ".join(words) for line in code.splitlines() if (words := shlex.split(line, comments=True))]


def known(key: str) -> bool:
    section: type = Recipe
    for part in key.split("."):
        if not issubclass(section, BaseModel) or part not in section.model_fields:
            return False
        section = section.model_fields[part].annotation if part != key.split(".")[-1] else object
    return True


def test_every_key_and_file_that_the_pages_name_exists():
    code = "\n".join(line for page in PAGES for line in lines_of(page))
    keys = set(re.findall(r"--set ([a-z_.]+)=", code))
    assert len(keys) >= 8
    assert [key for key in sorted(keys) if not known(key)] == []
    text = "\n".join((REPOSITORY / page).read_text() for page in PAGES)
    files = set(re.findall(r"(?:configs|benchmarks|scripts|tests)/[\w./-]+\w", text))
    files |= {f"configs/accelerate/{name}" for name in re.findall(r"`([\w-]+\.yaml)`", text)}
    assert len(files) >= 5
    assert [file for file in sorted(files) if not (REPOSITORY / file).exists()] == []


def test_every_command_of_the_page_is_run_or_has_a_reason_not_to_be():
    run_somewhere = {*LAPTOP, *TWO_PROCESSES, QLORA, RAY, VLLM}
    lines = lines_of("docs/scale.md")
    assert run_somewhere <= set(lines), "what the tests run is not what the page says"
    left = [line for line in lines if line not in run_somewhere and not line.startswith(PLANS)]
    assert [line for line in left if not any(part in line for part in NOT_RUN)] == []


@pytest.mark.slow
def test_the_calculations_of_the_page_come_out_as_it_shows_them(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    shown = re.findall(r"```text\n(.*?)```", (REPOSITORY / "docs/scale.md").read_text(), re.DOTALL)
    plans = [line for line in lines_of("docs/scale.md") if line.startswith(PLANS)]
    assert len(plans) == len(shown) == 2
    for line, text in zip(plans, shown, strict=True):
        done = run(command(*shlex.split(line)[1:]))
        assert done.returncode == 0, done.stderr
        printed = [row.rstrip() for row in done.stdout.splitlines()]
        assert [row for row in text.splitlines() if row not in printed] == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where a reader of the page stands: a small recipe.yaml, and the repository's configs."""
    made = tmp_path_factory.mktemp("reader")
    (made / "configs").symlink_to(REPOSITORY / "configs")
    recipe = load_recipe("demo", [*SMALL, "evaluation.grid.temperatures=[1.0]", "training.micro_batch_size=4"])
    (made / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    return made


def follow(folder: Path, line: str, **variables: str) -> str:
    """Type a line of the page."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env={**environment(), "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.engines
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("default")
class TestTheReadersSteps:
    """Each step leaves a run; the later ones are held against the laptop's."""

    @pytest.fixture(scope="class")
    def laptop(self, folder) -> dict:
        for line in LAPTOP:
            follow(folder, line)
        return results(folder / "runs" / "laptop")

    def test_two_processes_train_the_laptops_student(self, folder, laptop):
        for line in TWO_PROCESSES:
            follow(folder, line)
        two = results(folder / "runs" / "two")
        assert two["samples"]["samples.jsonl"] == laptop["samples"]["samples.jsonl"]
        losses = [[step["loss"] for step in each["losses"]] for each in (laptop, two)]
        assert len(losses[0]) > 4
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)

    def test_a_cluster_gives_the_laptops_records(self, folder, laptop):
        from ray.cluster_utils import Cluster

        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        try:
            nodes.add_node(num_cpus=1)
            nodes.wait_for_nodes()
            follow(folder, RAY, RAY_ADDRESS=nodes.address)
        finally:
            nodes.shutdown()
        assert results(folder / "runs" / "ray") == laptop

    def test_qlora_makes_a_student_that_is_evaluated(self, folder, laptop):
        follow(folder, QLORA)
        qlora = results(folder / "runs" / "qlora")
        assert qlora["samples"]["samples.jsonl"] == laptop["samples"]["samples.jsonl"]
        assert qlora["losses"] != laptop["losses"]
        assert qlora["verdicts"].keys() == laptop["verdicts"].keys()
