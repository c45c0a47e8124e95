"""The server engine against vLLM's real server on loopback, and the whole loop with base and student served.

`make test-engines` runs this in vLLM's own environment.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.agreement import check_distributions, check_draws, check_stops
from run.small import run, run_command
from run.test_other_models import overrides
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.files import read_json
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from tests.decoded import decoded
from tiny_models import make_model

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]

SAMPLING = Decoding(temperature=0.9, top_k=16, top_p=0.9)
FEW = ["evaluation.grid.temperatures=[1.0]", "evaluation.samples_per_problem=1", "evaluation.pass_at=[1]"]
REQUESTS = [Request(tuple(range(10, 10 + length)), (3, "sample", length)) for length in (1, 9, 9, 40)]


@contextmanager
def serving(model: Path, log: Path, *, mode: str = "processed_logprobs") -> Iterator[str]:
    """vLLM's server; its own process group, so that nothing stays behind."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (
        f"--model {model} --host 127.0.0.1 --port {port} --dtype float32 --max-model-len 512 --enforce-eager "
        f"--max-num-seqs 32 --max-logprobs 64 --logprobs-mode {mode}"
    )
    output = log.open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments.split()],
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until_ready(server, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        output.close()


def wait_until_ready(server: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    pytest.fail(log.read_text()[-3000:])


def test_distributions_and_draws_are_ours(tmp_path):
    directory = make_model(tmp_path / "model", architecture="qwen3", head_dim=32)
    # The server takes defaults from this file for whatever a request leaves open; ours leave nothing open.
    config = directory / "generation_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "repetition_penalty": 1.7, "top_k": 3}))
    model = ModelSettings(path=str(directory), dtype="float32")
    reference = load_model(model)
    with serving(directory, tmp_path / "log") as url:
        engine = load_engine(model, EngineSettings(kind="openai", base_url=url, batch_size=16))
        assert engine.processed
        for decoding in (SAMPLING, Decoding(temperature=1.6, top_k=20), Decoding(temperature=0)):
            completions = engine.generate(decoded(REQUESTS, (decoding,)), max_new_tokens=24, targets=True)
            for request, completion in zip(REQUESTS, completions, strict=True):
                assert check_distributions(reference, request, completion, (decoding,)) <= 1e-5
        assert check_draws(engine, reference, (20, 30, 40), (SAMPLING,), 1500) > 1e-3
        assert check_draws(engine, reference, (20, 30, 40), (Decoding(temperature=1),), 1500) > 1e-3
        check_stops(engine, load_tokenizer(model.path), REQUESTS, (SAMPLING,))
        once = engine.generate(decoded(REQUESTS, (SAMPLING,)), max_new_tokens=16)
        assert [c.token_ids for c in engine.generate(decoded(REQUESTS, (SAMPLING,)), max_new_tokens=16)] == [
            c.token_ids for c in once
        ]


def test_the_loop_runs_on_servers(tmp_path):
    out = tmp_path / "out"
    made = [line for line in overrides(tmp_path, "qwen3", head_dim=32) if "top_k" not in line]
    recipe = [*made, "sampling.decoding.top_k=20", "engine.kind=openai", "training.targets=soft", *FEW]
    with serving(tmp_path / "model", tmp_path / "base.log") as base:
        first = run(run_command(out, *recipe, f"engine.base_url={base}"))
    assert first.returncode == 2
    assert "student_base_url" in first.stderr, "the student exists and is served nowhere yet"
    assert len(first.stderr.strip().splitlines()[-1]) < 400
    # What the base's server had to give is on disk: it is gone when the student's is there, as on a single GPU.
    with serving(out / "student", tmp_path / "student.log") as student:
        urls = [f"engine.base_url={base}", f"engine.student_base_url={student}"]
        second = run(run_command(out, *recipe, *urls))
    assert second.returncode == 0, second.stderr[-4000:]
    stages = read_json(out / "manifest.json")["stages"]
    engines = {name: stage["engine"] for name, stage in stages.items() if "engine" in stage}
    assert {engine for name, engine in engines.items() if "-then-" in name} == {"transformers"}
    assert {engine for name, engine in engines.items() if "-then-" not in name} == {"openai"}
