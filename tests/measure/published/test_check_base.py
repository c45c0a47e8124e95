"""`check-base`: protocols word for word, published numbers, the interval of a difference, and a whole check."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from scipy.stats import binomtest

from selfdistill.cli.check_base import check_base
from selfdistill.errors import UserError
from selfdistill.measure.published.check import _prompt, _prompt_settings
from selfdistill.measure.published.protocols import load_protocol, protocol_names
from selfdistill.measure.published.scores import difference, published_model, published_names
from selfdistill.measure.statistics import Estimate
from selfdistill.problems.render import Renderer
from selfdistill.records import AssertTests, Problem, Prompt
from tiny_models import make_model, make_tokenizer


def asked(problem: Problem, name: str, template: str | None = None) -> Prompt:
    tokenizer = make_tokenizer(chat=True)
    tokenizer.chat_template = template or tokenizer.chat_template
    protocol = load_protocol(name)
    return _prompt(problem, protocol, Renderer(tokenizer, _prompt_settings(protocol)))


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HUMANEVAL = Problem("HumanEval/0", '\ndef f(x):\n    """{x} Say x."""\n', AssertTests("", "f"))


def test_every_protocol_names_its_source_and_every_score_its_protocol() -> None:
    for name in protocol_names():
        protocol = load_protocol(name)
        assert protocol.source
        assert "{statement}" in protocol.message
    assert set(published_names("qwen2.5-coder-instruct")) == {
        f"qwen2.5-coder-{size}-instruct" for size in ("0.5b", "1.5b", "3b", "7b")
    }
    with pytest.raises(UserError, match="did you mean human-eval"):
        load_protocol("humaneval")


def test_qwens_prompt_is_theirs_to_the_letter() -> None:
    prompt = asked(HUMANEVAL, "qwen2.5-coder-instruct", CHATML)
    assert prompt.text == (
        "<|im_start|>system\n"
        "You are an intelligent programming assistant to produce Python algorithmic solutions<|im_end|>\n"
        "<|im_start|>user\nCan you complete the following Python function?\n"
        '```python\ndef f(x):\n    """{x} Say x."""\n```\n<|im_end|>\n<|im_start|>assistant\n```python\n'
    )
    assert prompt.answer_start == "```python\n"
    mbpp = Problem(
        "MBPP/1", "", AssertTests(""), metadata={"task": "Add {statement}.", "first_test": "assert f(1) == 2"}
    )
    assert (
        '```python\n"""\nAdd {statement}.\nassert f(1) == 2\n"""\n```\n'
        in asked(mbpp, "qwen2.5-coder-instruct", CHATML).text
    )


def test_plain_completion_is_the_prompt_itself() -> None:
    prompt = asked(HUMANEVAL, "human-eval")
    assert prompt.text == HUMANEVAL.statement
    assert asked(HUMANEVAL, "qwen2.5-coder-base").text == (HUMANEVAL.statement.strip() + "\n")


def test_starter_code_has_its_own_message() -> None:
    problem = Problem("L", "Sort.", AssertTests(""), starter_code="class Solution: ...")
    message = load_protocol("livecodebench").ask(problem)
    assert message.startswith("### Question:\nSort.\n\n### Format: You will use the following starter code")
    assert "```python\nclass Solution: ...\n```" in message
    assert "# YOUR CODE HERE" in load_protocol("livecodebench").ask(HUMANEVAL)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """56 of 70 against 48 of 80: 0.2000, 0.0524 to 0.3339 (Newcombe 1998, Table II, method 10)."""
    low, high = binomtest(56, 70).proportion_ci(method="wilson")
    apart = difference(Estimate(0.8, low, high, 70), 0.6, 80)
    assert (apart.value, apart.low, apart.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def config(width: int, layers: int) -> SimpleNamespace:
    text = SimpleNamespace(hidden_size=width, num_hidden_layers=layers)
    return SimpleNamespace(get_text_config=lambda decoder: text)


def test_the_row_is_found_by_name_and_checked_by_shape() -> None:
    protocol = "qwen2.5-coder-instruct"
    row = published_model(protocol, "Qwen/Qwen2.5-Coder-0.5B-Instruct", config(896, 24))
    assert row is not None
    assert row.scores == pytest.approx({"humaneval": 0.616, "humaneval+": 0.573, "mbpp": 0.524, "mbpp+": 0.437})
    assert published_model(protocol, "./mine", config(896, 24)) is None
    assert published_model(protocol, "./mine", config(896, 24), "qwen2.5-coder-0.5b-instruct") == row
    with pytest.raises(UserError, match="28 layers of width 1536; this model has 24 of width 896"):
        published_model(protocol, "./mine", config(896, 24), "qwen2.5-coder-1.5b-instruct")
    with pytest.raises(UserError, match=r"known: qwen2\.5-coder-0\.5b-instruct"):
        published_model(protocol, "./mine", config(896, 24), "qwen3")


EVALPLUS = [
    {
        "task_id": f"HumanEval/{number}",
        "prompt": f"def f{number}(x):\n",
        "entry_point": f"f{number}",
        "canonical_solution": "    return x\n",
        "base_input": [[1]],
        "plus_input": [[2], [3]],
    }
    for number in range(3)
]


def test_a_check_from_end_to_end_and_again(tmp_path: Path, sandbox_works: None, capsys) -> None:
    model = make_model(tmp_path / "model", chat=True)
    problems = tmp_path / "plus.jsonl"
    problems.write_text("".join(json.dumps(row) + "\n" for row in EVALPLUS))
    protocol = tmp_path / "short.yaml"
    protocol.write_text(
        "title: short\nsource: here\nchat: true\nmessage: '{statement}'\nprefill: '```python\n\n  '\nstop: [\"~\"]\n"
        "decoding: {temperature: 0}\nsamples_per_problem: 1\nmax_new_tokens: 12\nanswers: needed\n"
        "benchmarks: [humaneval]\n"
    )
    given = {"benchmarks": [f"humaneval+={problems}"], "protocol": str(protocol), "out": tmp_path / "out"}
    options = {"published": None, "limit": None, "engine": "transformers", "batch_size": 4, "dtype": "float32"}
    check_base(str(model), **given, **options)
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "check-base.json").read_text())
    assert [row["benchmark"] for row in found["benchmarks"]] == ["humaneval", "humaneval+"]
    assert all(row["samples"] == 3 and sum(row["ended"].values()) == 3 for row in found["benchmarks"])
    assert "no published score is known" in printed
    samples = (tmp_path / "out" / "humaneval+.samples.jsonl").read_bytes()
    check_base(str(model), **given, **options)
    assert (tmp_path / "out" / "humaneval+.samples.jsonl").read_bytes() == samples
    with pytest.raises(UserError, match="other settings: limit"):
        check_base(str(model), **given, **{**options, "limit": 2})
    with pytest.raises(UserError, match="--engine is 'x'"):
        check_base(str(model), **given, **{**options, "engine": "x"})
