"""The same recipe on other model directories: random Qwen3 and Llama models with chat templates, made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from run.small import command, run, run_command
from selfdistill.files import read_json, read_records
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.records import Prompt, Sample, Verdict
from tiny_models import make_model

PROBLEM = {
    "task_id": "Made/0",
    "prompt": "def double(x):\n    '''Twice x.'''\n",
    "entry_point": "double",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}


def overrides(tmp_path: Path, architecture: str, head_dim: int = 8) -> list[str]:
    model = make_model(tmp_path / "model", architecture=architecture, chat=True, head_dim=head_dim)
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"question": f"Add {n} to a number."}) + "\n" for n in range(12)))
    benchmark = tmp_path / "made.jsonl"
    benchmark.write_text("".join(json.dumps({**PROBLEM, "task_id": f"Made/{n}"}) + "\n" for n in range(3)))
    return [
        f"model.path={model}",
        f"prompts.source={prompts}",
        "prompts.template=auto",
        "prompts.chat=auto",
        "prompts.limit=null",
        f"evaluation.benchmark={benchmark}",
        "evaluation.limit=null",
        "sampling.decoding.temperature=1.5",
        "sampling.decoding.top_k=0",
        "sampling.decoding.top_p=1",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
def test_the_loop_runs_on_a_chat_model(tmp_path, architecture):
    out = tmp_path / "out"
    done = run(run_command(out, *overrides(tmp_path, architecture)))
    assert done.returncode == 0, done.stderr
    prompts = list(read_records(out / "prompts.jsonl", Prompt))
    assert all(prompt.text.startswith("<|user|>") and prompt.text.endswith("<|assistant|>") for prompt in prompts)
    samples = list(read_records(out / "samples.jsonl", Sample))
    assert [sample.prompt_id for sample in samples] == [prompt.prompt_id for prompt in prompts]
    tokenizer = load_tokenizer(str(out / "student"))
    assert tokenizer.chat_template == load_tokenizer(str(tmp_path / "model")).chat_template
    summary = read_json(out / "summary.json")
    assert {system["model"] for system in summary["systems"]} == {"base", "student"}
    for path in (out / "evaluation").glob("*.verdicts.jsonl"):
        verdicts = list(read_records(path, Verdict))
        assert len(verdicts) == 6
        assert {verdict.outcome for verdict in verdicts} <= {"no code", "syntax error", "exception"}
    again = run(command("report", str(out)))
    assert again.returncode == 0, again.stderr
    card = (out / "student" / "README.md").read_text()
    assert "95 % intervals" in card


@pytest.mark.slow
@pytest.mark.parametrize("change", ["training.method=lora", "training.packing=true", "training.targets=hard"])
def test_the_loop_trains_in_other_ways_too(tmp_path, change):
    done = run(run_command(tmp_path / "out", *overrides(tmp_path, "qwen3"), change))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "student" / "adapter").exists() == ("lora" in change)
