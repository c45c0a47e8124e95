"""Measure a model under a protocol and put the score beside the published one. Resumes; compares nothing by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selfdistill import seeds
from selfdistill.engines.on_demand import on_demand
from selfdistill.files import read_records
from selfdistill.measure.published.protocols import Protocol
from selfdistill.measure.statistics import SHARE, Estimate, intervals
from selfdistill.measure.tally import tally
from selfdistill.models.configs import context_length, load_config
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.problems.benchmarks import limited, load_benchmark
from selfdistill.problems.prompted import check_lengths
from selfdistill.problems.render import Renderer
from selfdistill.progress import progress
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.evaluation import GradingSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.prompts import PromptSettings
from selfdistill.records import CallTests, Problem, Prompt, Sample, Verdict
from selfdistill.steps.evaluation.grade import grade_systems
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.watch import Limit

SEED = 0


@dataclass(frozen=True, slots=True)
class Score:
    """What was measured on one benchmark."""

    benchmark: str
    estimate: Estimate
    """pass@1 with its interval over problems."""
    samples: int
    ended: dict[str, int]
    """Samples by finish reason."""
    outcomes: dict[str, int]
    passed: dict[str, int]
    """Programs that passed, under the protocol's rule of answers and under the other."""


def measure(
    model: ModelSettings,
    engine: EngineSettings,
    protocol: Protocol,
    sources: Mapping[str, str],
    out: Path,
    *,
    limit: int | None = None,
) -> list[Score]:
    """Sample and grade benchmarks with one loaded model.

    A release of EvalPlus gives two scores: on its base inputs, and on all.

    Args:
        model: the model.
        engine: what generates.
        protocol: how.
        sources: by the benchmark's name in the published scores, a file, or a name that is loaded from the hub.
        out: a directory; what is there already is not made again.
        limit: use this many of each benchmark's problems.

    Raises:
        UserError: the model or a benchmark cannot be read, or the sandbox is missing.
    """
    tokenizer = load_tokenizer(model.path, model.revision)
    renderer = Renderer(tokenizer, _prompt_settings(protocol))
    context = context_length(load_config(model.path, model.revision))
    problems = {name: limited(load_benchmark(source), limit) for name, source in sources.items()}
    prompts = {name: [_prompt(each, protocol, renderer) for each in problems[name]] for name in sources}
    for each in prompts.values():
        check_lengths(each, context)
    longest = min(protocol.max_new_tokens, context)
    with on_demand(model, engine, ends=renderer.end_of_answer) as load:
        for name in sources:
            job = _job(prompts[name], protocol, name)
            with progress(f"sampling {name}", job.size, "samples", longest) as update:
                generate_samples(
                    job,
                    samples_path(out, name),
                    load_engine=load,
                    tokenizer=tokenizer,
                    shard_size=engine.shard_size,
                    progress=update,
                )
    settings = GradingSettings(answers=protocol.answers, rules=protocol.rules)
    return [
        _score(
            name, variant, samples_path(out, benchmark), out / f"{name}.verdicts.jsonl", settings, chat=protocol.chat
        )
        for benchmark in sources
        for name, variant in _variants(benchmark, problems[benchmark])
    ]


def samples_path(out: Path, benchmark: str) -> Path:
    """Where a benchmark's samples are kept."""
    return out / f"{benchmark}.samples.jsonl"


def _job(prompts: Sequence[Prompt], protocol: Protocol, benchmark: str) -> Job:
    return Job(
        prompts,
        protocol.samples_per_problem,
        (protocol.decoding,),
        protocol.max_new_tokens,
        (SEED, "check-base"),
        protocol.stop,
        Limit(f"sampling {benchmark}", "the protocol's max_new_tokens"),
    )


def _prompt_settings(protocol: Protocol) -> PromptSettings:
    return PromptSettings(
        source="benchmark",
        chat="always" if protocol.chat else "never",
        system=protocol.system,
        prefill=protocol.prefill,
    )


def _prompt(problem: Problem, protocol: Protocol, renderer: Renderer) -> Prompt:
    rendered = renderer.render(problem.statement, instruction=protocol.ask(problem))
    return Prompt(
        problem.task_id, rendered.text, rendered.token_ids, problem.statement, answer_start=rendered.answer_start
    )


def _variants(benchmark: str, problems: Sequence[Problem]) -> list[tuple[str, Sequence[Problem]]]:
    """The benchmark, or the two that EvalPlus makes of one set of inputs: its base inputs alone, and all."""
    if not all("base_cases" in problem.metadata for problem in problems):
        return [(benchmark, problems)]
    name = benchmark.removesuffix("+")
    base = [_cut(problem) for problem in problems]
    return [(name, base), (f"{name}+", problems)]


def _cut(problem: Problem) -> Problem:
    assert isinstance(problem.tests, CallTests)
    cases = problem.tests.cases[: problem.metadata["base_cases"]]
    return replace(problem, tests=replace(problem.tests, cases=cases))


def _score(
    benchmark: str,
    problems: Sequence[Problem],
    samples: Path,
    verdicts: Path,
    settings: GradingSettings,
    *,
    chat: bool,
) -> Score:
    done = sum(1 for _ in read_records(samples, Sample))
    with progress(f"grading {benchmark}", done, "programs") as update:
        grade_systems([(benchmark, samples, verdicts)], problems, settings, chat=chat, progress=update)
    counts = tally(read_records(verdicts, Verdict))
    scores = counts.scores([problem.task_id for problem in problems], 1)
    (estimate,) = intervals(scores[:, None], seeds.generator(SEED, "check-base", benchmark), SHARE)
    ended: Counter[str] = Counter(sample.finish_reason for sample in read_records(samples, Sample))
    outcomes = {outcome.value: count for outcome, count in counts.outcomes.items()}
    passed = {str(rule): count for rule, count in counts.passed_under.items()}
    return Score(benchmark, estimate, sum(outcomes.values()), dict(ended), outcomes, passed)
