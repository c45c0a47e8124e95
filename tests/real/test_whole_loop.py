"""The whole loop on a real model with a real tokenizer and template: SmolLM2-135M-Instruct (`make test-real`).

It is too weak to gain anything in four steps. What is asked is whether what was sampled, trained on and measured is
what was meant: compared with transformers' own template, generate and loss.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample, Verdict
from selfdistill.run.pipeline import run_recipe

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

MODEL = Path(__file__).resolve().parents[2] / ".models" / "smollm2-135m"
LIMIT = 64
TASKS = (
    "returns the sum of a list of numbers",
    "returns the largest number of a list",
    "counts the vowels of a word",
    "reverses a string",
    "checks whether a number is even",
    "returns the factorial of a number",
    "joins words with a comma",
    "returns the squares of a list of numbers",
    "counts how often a letter occurs in a word",
    "returns the first three items of a list",
    "checks whether a word is a palindrome",
    "returns the smaller of two numbers",
    "turns a word into capital letters",
    "returns the mean of a list of numbers",
    "removes the spaces of a text",
    "returns the last digit of a number",
)
RECIPE = """
name: real
model: {{path: {model}, device: cpu, dtype: float32}}
engine: {{batch_size: 8, shard_size: 16}}
prompts: {{source: {prompts}, template: plain, prefill: "```python\\n", stop: ["\\n```"]}}
sampling: {{decoding: {{temperature: 0.8, top_k: 20, top_p: 0.9}}, max_new_tokens: {limit}}}
training: {{targets: soft, steps: 4, warmup_steps: 1, batch_size: 4, micro_batch_size: 2, precision: fp32,
  learning_rate: 1.0e-5, min_learning_rate: 1.0e-6, gradient_checkpointing: false, max_length: 512}}
evaluation: {{benchmark: {problems}, base: {{temperature: 0.0}}, student: {{temperature: 0.0}},
  grid: {{temperatures: [0.0]}}, samples_per_problem: 2, pass_at: [1], max_new_tokens: {limit}}}
checks: {{contamination: {{check: true}}}}
"""


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    if not MODEL.is_dir():
        pytest.skip("needs the real model: make test-real fetches it")
    folder = tmp_path_factory.mktemp("real")
    prompts = write(folder / "prompts.jsonl", [{"question": f"Write a Python function that {task}."} for task in TASKS])
    tests = {"kind": "call", "entry_point": "f", "cases": [{"args": [2], "expected": 4}, {"args": [3], "expected": 9}]}
    words = ("squares a number", "multiplies a number by itself", "returns x * x", "computes the square of x")
    statements = [f"Write a Python function f(x) that {what}{end}" for what in words for end in (".", ", in one line.")]
    problems = write(
        folder / "problems.jsonl",
        [{"task_id": f"P/{n}", "statement": statement, "tests": tests} for n, statement in enumerate(statements)],
    )
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(model=MODEL, prompts=prompts, problems=problems, limit=LIMIT))
    return run_recipe(load_recipe(str(recipe)), folder / "run")


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MODEL)


@pytest.fixture(scope="module")
def base():
    return AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()


def test_prompts_are_the_templates_own(run: RunDirectory, tokenizer) -> None:
    prompts = list(read_records(run.prompts, Prompt))
    assert len(prompts) == 16
    for prompt in prompts:
        message = [{"role": "user", "content": prompt.statement}]
        text = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True) + "```python\n"
        assert prompt.text == text
        assert prompt.token_ids == tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
        assert prompt.answer_start == "```python\n"
        assert prompt.text.count("<|im_start|>") == 3  # system, user, assistant: no second beginning


def test_samples_end_as_they_say(run: RunDirectory, tokenizer) -> None:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    prompts = {prompt.prompt_id: prompt for prompt in read_records(run.prompts, Prompt)}
    samples = list(read_records(run.samples, Sample))
    assert [sample.prompt_id for sample in samples] == list(prompts)
    for sample in samples:
        completion = tokenizer.decode(sample.token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert end not in sample.token_ids[:-1]
        assert (sample.token_ids[-1] == end) == (sample.finish_reason == "stop")
        assert ("\n```" in completion) == (sample.finish_reason == "stop_string")
        assert (len(sample.token_ids) == LIMIT) >= (sample.finish_reason == "length")
        assert sample.text == "```python\n" + completion.partition("\n```")[0]
    assert {sample.finish_reason for sample in samples} >= {"length", "stop_string"}


def test_greedy_answers_are_those_of_generate(run: RunDirectory, tokenizer, base) -> None:
    samples = list(read_records(run.system_samples("base-greedy"), Sample))
    problems = [json.loads(line) for line in run.problems.read_text().splitlines()]
    recipe = load_recipe(str(run.root.parent / "recipe.yaml"))
    from selfdistill.problems.benchmarks import load_problems
    from selfdistill.problems.prompted import render_problem
    from selfdistill.problems.render import load_renderer

    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    prompts = [render_problem(problem, renderer) for problem in load_problems(recipe.evaluation)]
    assert len(problems) == len(prompts) == 8
    for prompt, sample in zip(prompts, samples[::2], strict=True):
        given = torch.tensor([prompt.token_ids])
        count = len(sample.token_ids)
        with torch.inference_mode():
            made = base.generate(given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=count)
            tokens = torch.tensor([[*prompt.token_ids, *sample.token_ids]])
            logits = base(tokens).logits[0, len(prompt.token_ids) - 1 : -1]
        drawn = logits.gather(1, torch.tensor(sample.token_ids)[:, None]).squeeze(1)
        assert (logits.max(-1).values - drawn).max() < 1e-3  # the most probable token, up to a near tie
        assert tuple(made[0, given.shape[1] :].tolist()) == sample.token_ids


def test_training_began_at_the_bases_own_loss(run: RunDirectory, base) -> None:
    """Soft targets under the base: the cross-entropy of q_s to the base, from logits of one sequence at a time."""
    from selfdistill.steps.sampling.targets import read_targets

    prompts = {prompt.prompt_id: prompt for prompt in read_records(run.prompts, Prompt)}
    losses = []
    counts = []
    for sample, target in zip(read_records(run.samples, Sample), read_targets(run.targets), strict=True):
        prompt = prompts[sample.prompt_id].token_ids
        with torch.inference_mode():
            logits = base(torch.tensor([[*prompt, *sample.token_ids]])).logits[0, len(prompt) - 1 : -1]
        log_p = logits.log_softmax(-1)
        rows = torch.repeat_interleave(torch.arange(len(sample.token_ids)), torch.tensor(target.support_sizes))
        entries = log_p[rows, torch.tensor(target.token_ids).long()]
        losses.append(-(torch.tensor(target.probabilities) * entries).sum().item())
        counts.append(len(sample.token_ids))
    steps = [json.loads(line) for line in run.training_log.read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2, 3, 4]
    mean = sum(losses) / sum(counts)
    # A step holds 4 of 16 sequences: the mean over all four steps is near the mean over all, as little has been learnt.
    assert sum(step["loss"] for step in steps) / 4 == pytest.approx(mean, rel=0.1)
    facts = read_json(run.training_data)
    assert facts["completion_tokens"] == sum(counts)
    assert facts["sequences"] == 16


def test_the_student_is_the_base_in_all_but_its_weights(run: RunDirectory, tokenizer) -> None:
    files = {path.name for path in MODEL.iterdir()}
    assert {path.name for path in run.student.iterdir()} >= files
    student = AutoModelForCausalLM.from_pretrained(run.student)
    original = AutoModelForCausalLM.from_pretrained(MODEL)
    assert student.dtype == original.dtype == torch.bfloat16
    assert student.config.to_diff_dict() == original.config.to_diff_dict()
    assert student.generation_config.eos_token_id == original.generation_config.eos_token_id
    changed = [
        name
        for (name, new), old in zip(student.named_parameters(), original.parameters(), strict=True)
        if not torch.equal(new, old)
    ]
    assert changed
    assert all(torch.isfinite(weight).all() for weight in student.parameters())
    assert AutoTokenizer.from_pretrained(run.student).chat_template == tokenizer.chat_template


def test_the_report_counts_what_was_sampled(run: RunDirectory) -> None:
    summary = read_json(run.summary)
    assert (run.root / "report.html").stat().st_size > 10_000
    for system in summary["systems"]:
        samples = list(read_records(run.system_samples(system["name"]), Sample))
        verdicts = list(read_records(run.system_verdicts(system["name"]), Verdict))
        assert len(samples) == len(verdicts) == 16
        assert system["completions"]["truncated"] == sum(sample.finish_reason == "length" for sample in samples)
        assert all(verdict.answers == "needed" for verdict in verdicts)
