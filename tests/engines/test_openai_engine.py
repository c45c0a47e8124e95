"""The server engine against a faulty server: nothing lost, nothing twice, one clear line for what is missing."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from engines.fake_server import ALL_FAULTS, END, FakeServer, completion_of, reply, status
from selfdistill.engines import asking
from selfdistill.engines.base import Request
from selfdistill.engines.load import engine_for, load_engine
from selfdistill.engines.on_demand import on_demand
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, Sample
from selfdistill.seeds import integer_seed
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.targets import read_targets
from tests.decoded import decoded
from tiny_models import make_model, make_tokenizer

SAMPLING = (Decoding(temperature=1.1, top_k=2, top_p=0.9),)
KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(asking, "FIRST_WAIT", 0.02)
    monkeypatch.setenv("SERVER_KEY", KEY)


@pytest.fixture
def server():
    running = FakeServer()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> ModelSettings:
    """Its end-of-turn id is the fake server's."""
    import json

    directory = make_model(tmp_path_factory.mktemp("model"))
    config = directory / "generation_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "eos_token_id": END}))
    return ModelSettings(path=str(directory))


def settings(server: FakeServer, **changes) -> EngineSettings:
    values = {"batch_size": 8, "timeout_seconds": 1.0, "patience_seconds": 20.0, "key_variable": "SERVER_KEY"}
    return EngineSettings(kind="openai", base_url=server.url, **{**values, **changes})


def requests(count: int) -> list[Request]:
    return [Request((10 + n, 11), (7, "sample", f"p{n}", 0)) for n in range(count)]


def expected(request: Request, tokens: int) -> tuple[list[int], str]:
    seed, *key = request.stream
    body = {"prompt": list(request.token_ids), "seed": integer_seed(seed, *key), "max_tokens": tokens}
    return completion_of({**body, "stop_token_ids": [END]})


def test_asks_exactly_and_within_its_bound(server, model):
    engine = load_engine(model, settings(server))
    probes = len(server.bodies)
    server.seconds = 0.02
    tokens, cut = [0], [0]

    def progress(_finished: int, count: int, cut_off: int = 0) -> None:
        tokens[0] += count
        cut[0] += cut_off

    completions = engine.generate(decoded(requests(40), SAMPLING), max_new_tokens=9, progress=progress)
    for request, completion in zip(requests(40), completions, strict=True):
        ids, reason = expected(request, 9)
        assert (list(completion.token_ids), completion.finish_reason) == (ids, reason)
        assert completion.logprobs == (-0.693147,) * len(ids)
    assert {completion.finish_reason for completion in completions} == {"stop", "length"}
    assert tokens[0] == sum(len(completion.token_ids) for completion in completions)
    assert cut[0] == sum(completion.finish_reason == "length" for completion in completions)
    assert 2 <= server.most_active <= 8
    body = server.bodies[probes]
    assert (body["temperature"], body["top_k"], body["top_p"]) == (1.1, 2, 0.9)
    assert set(body["stop_token_ids"]) >= {END}
    assert len({body["seed"] for body in server.bodies[probes:]}) == 40


def test_the_context_bounds_a_completion(server, model):
    engine = load_engine(model, settings(server))
    assert engine.context == 64  # the server's, smaller than the model's
    (completion,) = engine.generate(decoded([Request(tuple(range(10, 70)), (0, "a"))], SAMPLING), max_new_tokens=50)
    assert len(completion.token_ids) <= 4


def test_every_fault_is_outlived_and_leaves_no_trace(server, model):
    engine = load_engine(model, settings(server))
    first = len(server.bodies)
    server.fault = lambda number: ALL_FAULTS[(number - first) // 2] if number - first < 2 * len(ALL_FAULTS) else None
    completions = engine.generate(decoded(requests(30), SAMPLING), max_new_tokens=6)
    assert [list(c.token_ids) for c in completions] == [expected(request, 6)[0] for request in requests(30)]
    assert len(server.bodies) - first == 30 + 2 * len(ALL_FAULTS), "each request is answered once and no more"


def test_retry_after_is_honoured(server, model):
    engine = load_engine(model, settings(server))
    first = len(server.bodies)
    server.fault = lambda number: status(429, Retry_After="1") if number == first else None
    started = time.monotonic()
    engine.generate(decoded(requests(1), SAMPLING), max_new_tokens=3)
    assert 1.0 <= time.monotonic() - started < 5.0
    assert len(server.bodies) == first + 2


def sample_all(path: Path, model: ModelSettings, engine: EngineSettings) -> None:
    prompts = [Prompt(f"p{n}", "", (10 + n, 11)) for n in range(40)]
    with on_demand(model, engine) as load:
        generate_samples(
            Job(prompts, 1, SAMPLING, 6, (7, "sample")),
            path / "samples.jsonl",
            load_engine=load,
            tokenizer=make_tokenizer(chat=False),
            shard_size=16,
            targets_dir=path / "targets",
        )


def test_a_server_that_dies_and_comes_back_loses_nothing(tmp_path, server, model):
    sample_all(tmp_path / "whole", model, settings(server))
    port, returned = server.server_port, []
    first = len(server.bodies)

    def die(number: int):
        if number == first + 22:  # in the second shard
            threading.Thread(target=server.stop).start()

            def return_later() -> None:
                time.sleep(1.0)
                returned.append(FakeServer(port))

            threading.Thread(target=return_later).start()
        return None if number < first + 22 else status(500)

    server.fault = die
    sample_all(tmp_path / "killed", model, settings(server))
    assert returned, "the test must have killed the server"
    returned[0].stop()
    assert (tmp_path / "killed" / "samples.jsonl").read_bytes() == (tmp_path / "whole" / "samples.jsonl").read_bytes()
    for name in ("000000", "000001", "000002"):
        file = f"targets/{name}.safetensors"
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_a_run_that_gave_up_goes_on(tmp_path, server, model):
    sample_all(tmp_path / "whole", model, settings(server))
    first = len(server.bodies)
    server.fault = lambda number: None if number < first + 20 else status(503)
    with pytest.raises(UserError, match=r"still fails after 0\.5 s: status 503") as caught:
        sample_all(tmp_path / "stopped", model, settings(server, patience_seconds=0.5))
    assert KEY not in str(caught.value)
    half_done = list(read_records(tmp_path / "stopped" / "samples.jsonl", Sample))
    assert len(half_done) == 16
    server.fault = lambda number: None
    before = server.answered
    sample_all(tmp_path / "stopped", model, settings(server))
    assert server.answered - before == 2 + 24, "two probes and what was missing"
    assert (tmp_path / "stopped" / "samples.jsonl").read_bytes() == (tmp_path / "whole" / "samples.jsonl").read_bytes()
    assert sum(1 for _ in read_targets(tmp_path / "stopped" / "targets")) == 40


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path, server, model):
    sample_all(tmp_path, model, settings(server))
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY.encode() in path.read_bytes() for path in written)
    server.fault = lambda number: status(401)
    with pytest.raises(UserError, match="SERVER_KEY") as caught:
        load_engine(model, settings(server))
    assert KEY not in str(caught.value)


def test_a_refusal_stops_at_once(server, model):
    engine = load_engine(model, settings(server))
    server.fault = lambda number: status(400)
    started = time.monotonic()
    with pytest.raises(UserError, match="the server refuses: 400 made to fail with 400"):
        engine.generate(decoded(requests(20), SAMPLING), max_new_tokens=3)
    assert time.monotonic() - started < 2


def without(field: str):
    def answer(body):
        choice = reply(body)["choices"][0]
        choice[field] = None
        if field == "token_ids":
            choice["logprobs"]["tokens"] = ["as", "text"]
            choice["logprobs"]["top_logprobs"] = [{"as": -0.1}] * 2
        return {"choices": [choice]}

    return answer


def test_a_server_without_token_ids_is_refused(server, model):
    server.reply = without("token_ids")
    with pytest.raises(UserError, match="returns no token ids"):
        load_engine(model, settings(server))


def test_token_ids_named_by_the_log_probabilities_are_enough(server, model):
    def named(body):
        choice = reply(body)["choices"][0]
        del choice["token_ids"]
        return {"choices": [choice]}

    server.reply = named
    (completion,) = load_engine(model, settings(server)).generate(decoded(requests(1), SAMPLING), max_new_tokens=5)
    assert list(completion.token_ids) == expected(requests(1)[0], 5)[0]


def test_a_server_that_ignores_top_k_is_refused(server, model):
    server.reply = lambda body: reply({**body, "top_k": 0})
    with pytest.raises(UserError, match="ignores top_k"):
        load_engine(model, settings(server))


@pytest.mark.parametrize("kind", ["raw", "none"])
def test_without_processed_log_probabilities_only_soft_targets_are_refused(server, model, kind):
    def raw(body):
        answer = reply(body)
        for position in answer["choices"][0]["logprobs"]["top_logprobs"]:
            position["token_id:99"] = -1.0
        return answer

    server.reply = raw if kind == "raw" else without("logprobs")
    engine = load_engine(model, settings(server))
    (completion,) = engine.generate(decoded(requests(1), SAMPLING), max_new_tokens=5)
    assert list(completion.token_ids) == expected(requests(1)[0], 5)[0]
    assert completion.logprobs == (), "not those of the decoded distribution, so none"
    with pytest.raises(UserError, match="processed_logprobs"):
        engine.generate(decoded(requests(1), SAMPLING), max_new_tokens=5, targets=True)


def test_a_server_that_hides_the_end_of_turn_is_refused(server, model):
    def hiding(body):
        answer = reply(body)
        choice = answer["choices"][0]
        if choice["finish_reason"] == "stop" and len(choice["token_ids"]) > 1:
            del choice["token_ids"][-1], choice["logprobs"]["token_logprobs"][-1]
        return answer

    server.reply = hiding
    engine = load_engine(model, settings(server))
    with pytest.raises(UserError, match="end-of-turn"):
        engine.generate(decoded(requests(30), SAMPLING), max_new_tokens=6)


def test_soft_targets_are_the_listed_distribution(server, model):
    engine = load_engine(model, settings(server))
    (completion,) = engine.generate(decoded(requests(1), SAMPLING), max_new_tokens=5, targets=True)
    targets = completion.targets
    assert targets.support_sizes.tolist() == [2] * len(completion.token_ids)
    assert targets.probabilities.tolist() == [0.5] * (2 * len(completion.token_ids))
    assert targets.token_ids[::2].tolist() == list(completion.token_ids)


@pytest.mark.parametrize(
    ("models", "served", "message"),
    [(["a", "b"], None, "lists 2 models: a, b"), (["a"], "b", "has no model b; it lists a")],
)
def test_the_model_is_found_or_asked_for(server, model, models, served, message):
    server.models = models
    with pytest.raises(UserError, match=message):
        load_engine(model, settings(server, served_model=served))


def test_a_dead_server_is_one_line(model):
    dead = FakeServer()
    dead.stop()
    with pytest.raises(UserError, match=r"still fails after 0\.2 s: ConnectError"):
        load_engine(model, settings(dead, patience_seconds=0.2))


def test_the_student_needs_a_server_of_its_own(server, model):
    with pytest.raises(UserError, match="no server has it yet") as caught:
        load_engine(model, settings(server), "runs/x/student")
    assert "student_base_url" in str(caught.value)


def test_two_stages_run_elsewhere(server, model):
    chosen = settings(server)
    assert engine_for(chosen, SAMPLING) == chosen
    assert engine_for(chosen, SAMPLING * 2).kind == "transformers"
    with pytest.raises(ValueError, match="unpack"):
        load_engine(model, chosen).generate(decoded(requests(1), SAMPLING * 2), max_new_tokens=2)
