"""Existing texts as contexts: what the base thinks of them equals what it thinks while generating the same tokens."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from run.small import command, run, run_command
from selfdistill import embedded
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.files import read_json, read_records
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.problems.built_in import built_in_statements
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.targets import read_targets
from selfdistill.steps.sampling.texts import load_text_reader
from tests.decoded import decoded

STAGES = (Decoding(temperature=0.7, top_k=20, top_p=0.8),)
MODEL = ModelSettings(path="embedded", device="cpu")


def test_a_texts_targets_are_those_of_generating_it():
    tokenizer = load_tokenizer("embedded")
    prompts = {prompt_id: tuple(tokenizer(text)["input_ids"]) for prompt_id, text in embedded.prompts(40)}
    requests = [Request(ids, (0, "sample", prompt_id, 0)) for prompt_id, ids in prompts.items()]
    generated = load_engine(MODEL, EngineSettings()).generate(
        decoded(requests, STAGES), max_new_tokens=64, targets=True
    )
    texts = {key: tokenizer.decode(each.token_ids[:-1]) for key, each in zip(prompts, generated, strict=True)}
    reader = load_text_reader(load_model(MODEL), tokenizer, texts, end_of_turn_ids("embedded"))
    read = reader.generate(decoded(requests, STAGES), max_new_tokens=64, targets=True)
    same = [pair for pair in zip(generated, read, strict=True) if pair[0].token_ids == pair[1].token_ids]
    assert len(same) > 30  # the others are tokenised in another way, or were cut off
    for one, other in same:
        assert one.finish_reason == other.finish_reason == "stop"
        assert one.targets is not None
        assert other.targets is not None
        for field in ("support_sizes", "token_ids"):
            assert np.array_equal(getattr(one.targets, field), getattr(other.targets, field))
        assert np.allclose(one.targets.probabilities, other.targets.probabilities, atol=1e-5)


def test_a_text_that_is_cut_off_has_no_end():
    tokenizer = load_tokenizer("embedded")
    reader = load_text_reader(load_model(MODEL), tokenizer, {"a": "\n    return 1 + 2 + 3 + 4"}, (0,))
    request = Request((260, 261), (0, "sample", "a", 0))
    cut = reader.generate(decoded([request], STAGES), max_new_tokens=4, targets=True)[0]
    assert (len(cut.token_ids), cut.finish_reason) == (4, "length")
    assert cut.targets is not None
    assert len(cut.targets.support_sizes) == 4
    whole = reader.generate(decoded([request], STAGES), max_new_tokens=99, targets=True)[0]
    assert whole.token_ids[-1] == 0
    assert whole.finish_reason == "stop"


WHOLE = {  # of a hundred texts, how many compile: bugs are typing slips in about a third of the buggy ones
    "embedded": (85, 99),
    "embedded-clean": (100, 100),
    "embedded-buggy": (50, 90),
    "embedded-strings": (85, 99),
    "embedded-scalars": (85, 99),
    "standard-library": (100, 100),
}


@pytest.mark.parametrize("source", WHOLE)
def test_built_in_texts_are_programs(source):
    rows = []
    for row in built_in_statements(source, texts=True):
        rows.append(row)
        if len(rows) == 100:
            break
    assert len({row.prompt_id for row in rows}) == 100
    whole = [row.statement + row.continuation for row in rows]
    compiled = sum(_compiles(program) for program in whole)
    lowest, highest = WHOLE[source]
    assert lowest <= compiled <= highest


def _compiles(program: str) -> bool:
    try:
        compile(program, "text", "exec")
    except SyntaxError:
        return False
    return True


def test_texts_come_from_a_users_file_too(tmp_path):
    rows = [{"question": f"# task {n}\ndef f(x):", "text": f"\n    return x + {n}"} for n in range(5)]
    rows.append({"question": "# nothing after it\ndef f(x):", "text": " "})
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    sets = ["--set", f"prompts.source={path}", "--set", "sampling.source=texts", "--set", "prompts.limit=null"]
    done = run(command("sample", str(out), "--recipe", "demo", *sets))
    assert done.returncode == 0, done.stderr
    prompts = list(read_records(out / "prompts.jsonl", Prompt))
    samples = list(read_records(out / "samples.jsonl", Sample))
    assert [sample.text for sample in samples] == [row["text"] for row in rows[:5]] == [p.continuation for p in prompts]
    assert read_json(out / "prompts.json")["dropped"] == {"empty": 1}
    assert [len(t.support_sizes) for t in read_targets(out / "targets")] == [len(s.token_ids) for s in samples]


@pytest.mark.slow
def test_the_loop_runs_on_texts(tmp_path):
    done = run(run_command(tmp_path / "out", "sampling.source=texts"))
    assert done.returncode == 0, done.stderr
    assert "reading texts" in done.stderr
    assert read_json(tmp_path / "out" / "training-data.json")["targets"] == "soft"


def test_a_texts_tokens_are_never_targets(tmp_path):
    done = run([sys.executable, "-m", "selfdistill", "sample", str(tmp_path / "x"), "--recipe", "demo",
                "--set", "sampling.source=texts", "--set", "training.targets=hard"])  # fmt: skip
    assert done.returncode == 2
    assert "training.targets: soft" in done.stderr
    assert load_recipe("demo", ["sampling.source=texts"]).training.targets == "soft"
