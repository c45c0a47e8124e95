"""Bad recipes, by kind: each is one line that names where it is and what it is, and is refused before anything runs.

A run's whole way with a mistake, exit code and empty directory included, is in `tests/cli/test_mistakes.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from selfdistill.errors import UserError
from selfdistill.recipe import load_recipe, recipe_text
from selfdistill.recipe.schema import Recipe


def refused(*overrides: str, source: str | Path = "demo") -> str:
    with pytest.raises(UserError) as caught:
        load_recipe(source, overrides)
    line = str(caught.value)
    assert "\n" not in line
    assert re.search(r"\bvalid\b|dictionary|tuple", line) is None, "words of pydantic's"
    return line


# Every number has both ends -------------------------------------------------------------------------------------------


def numbers(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Keys that take a number, and how one is written there."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from numbers(annotation, f"{prefix}{name}.")
        elif {int, float} & set(parts(annotation)):
            yield f"{prefix}{name}", "[{}]" if get_origin(annotation) is tuple else "{}"


def parts(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is not Literal:
        yield from (part for inner in get_args(annotation) for part in parts(inner))
    yield annotation


WHOLE = "prompts.self_written.decoding.temperature=1"
"""The one decoding that a recipe need not have."""


@pytest.mark.parametrize(("key", "form"), list(numbers(Recipe)))
def test_every_number_has_a_range_and_is_a_number(key, form):
    for value in ("1.0e+300", "100000000000000000000", ".inf", ".nan", "-1", "true", "many"):
        line = refused(WHOLE, f"{key}={form.format(value)}")
        assert line.startswith(f"--set {key}={form.format(value)}: {key}"), line
        assert re.search("must be (a whole number|a number|less than|greater than|a finite number)", line), line


# Tables of mistakes ---------------------------------------------------------------------------------------------------

WRONG_TYPES = [
    ("seed=1.5", "seed is 1.5, must be a whole number"),
    ("seed=null", "seed is null, must be a whole number"),
    ("seed=[1]", "seed is [1], must be a whole number"),
    ("seed=2025-02-31", 'seed is "2025-02-31", must be a whole number'),
    ("name=5", "name is 5, must be text"),
    ("name=null", "name is null, must be text"),
    ("name=2025-01-01", "name is a date to YAML, must be text (put it in quotes: '2025-01-01')"),
    ("description=[a]", 'description is ["a"], must be text'),
    ("model=embedded", 'model is "embedded", must be a section of keys'),
    ("model=null", "model is null, must be a section of keys"),
    ("model.path=[a]", 'model.path is ["a"], must be text'),
    ("model.path=", "model.path is null, must be text"),
    ("model.revision=5", "model.revision is 5, must be text"),
    ("model.attention=true", "model.attention is true, must be text"),
    ("engine.batch_size=1e3", 'engine.batch_size is "1e3", must be a whole number'),
    ("engine.batch_size=2.5", "engine.batch_size is 2.5, must be a whole number"),
    ("engine.options=[1]", "engine.options is [1], must be a section of keys"),
    ("engine.options={1: 2}", "'1' is no name of a key"),
    ("engine.batch_invariant=maybe", 'engine.batch_invariant is "maybe", must be true or false'),
    ("cluster=5", "cluster is 5, must be text"),
    ("storage=[s3]", 'storage is ["s3"], must be text'),
    ("storage=s3://", 'storage is "s3://", must be a folder, such as s3://bucket/runs'),
    ("storage=gs:///runs", "names no bucket: gs://BUCKET/runs"),
    ("prompts.columns=question", 'prompts.columns is "question", must be a section of keys'),
    ("prompts.prefill=null", "prompts.prefill is null, must be text"),
    ("prompts.stop=x", 'prompts.stop is "x", must be a list'),
    ("prompts.stop=[5]", "prompts.stop.0 is 5, must be text"),
    ("prompts.stop=['']", 'prompts.stop is [""], must be a list of texts that are not empty'),
    ("prompts.deduplicate=2", "prompts.deduplicate is 2, must be true or false"),
    ("prompts.mixture={source: a}", "prompts.mixture is a section, must be a list"),
    ("prompts.self_written.topics=x", 'prompts.self_written.topics is "x", must be a list'),
    ("sampling.decoding=hot", 'sampling.decoding is "hot", must be a section of keys'),
    ("sampling.decoding.temperature=[1]", "sampling.decoding.temperature is [1], must be a number"),
    ("training.targets=null", "training.targets is null, must be text"),
    ("training.lora.target_modules=5", "training.lora.target_modules is 5, must be text"),
    ("training.lora.target_modules=[]", "target_modules is [], must be names of weights"),
    ("training.learning_rate=fast", 'training.learning_rate is "fast", must be a number'),
    ("training.shuffled=7", "training.shuffled is 7, must be true or false"),
    ("training.report_to=wandb", 'training.report_to is "wandb", must be a list'),
    ("training.agreement.inputs=types", 'training.agreement.inputs is "types", must be a list'),
    ("evaluation.benchmark=null", "evaluation.benchmark is null, must be text"),
    ("evaluation.grid.temperatures=0.7", "evaluation.grid.temperatures is 0.7, must be a list"),
    ("evaluation.pass_at=5", "evaluation.pass_at is 5, must be a list"),
    ("evaluation.baselines=min-p", 'evaluation.baselines is "min-p", must be a list'),
    ("checks.contamination.check=5", "checks.contamination.check is 5, must be true or false"),
    ("checks.regressions.tasks=embedded", 'checks.regressions.tasks is "embedded", must be a list'),
    ("checks.regressions.decodings={temperature: 1}", "checks.regressions.decodings is a section, must be a list"),
]
WRONG_CHOICES = [
    ("model.dtype=float64", "model.dtype is \"float64\", must be 'auto', 'float32', 'bfloat16' or 'float16'"),
    ("engine.kind=vlm", "engine.kind is \"vlm\", must be 'auto', 'transformers', 'vllm' or 'openai'"),
    ("prompts.template=fancy", "prompts.template is \"fancy\", must be 'auto', 'plain', 'function' or 'stdin'"),
    ("prompts.chat=true", "prompts.chat is true, must be 'auto', 'always' or 'never'"),
    ("sampling.source=txt", "sampling.source is \"txt\", must be 'model' or 'texts'"),
    ("training.targets=both", "training.targets is \"both\", must be 'hard' or 'soft'"),
    ("training.soft_targets=kept", "training.soft_targets is \"kept\", must be 'stored' or 'recomputed'"),
    ("training.method=loRA", "training.method is \"loRA\", must be 'full', 'lora' or 'qlora'"),
    ("training.optimizer=sgd", "training.optimizer is \"sgd\", must be 'adamw' or 'adamw_8bit'"),
    ("training.precision=fp16", "training.precision is \"fp16\", must be 'fp32' or 'bf16'"),
    ("training.packing=2", "training.packing is 2, must be 'auto', True or False"),
    ("training.gradient_checkpointing=half", 'training.gradient_checkpointing is "half", must be True, False or'),
    ("training.kernels=triton", "training.kernels is \"triton\", must be 'none' or 'liger'"),
    ("training.keep=best", "training.keep is \"best\", must be 'all', 'compiles', 'lint', 'agreement' or 'passing'"),
    ("training.agreement.inputs=[magic]", "training.agreement.inputs.0 is \"magic\", must be 'examples', 'mutations'"),
    ("training.agreement.choose=two", "training.agreement.choose is \"two\", must be 'one' or 'all'"),
    ("evaluation.split=tset", "the embedded problems have validation and test"),
    ("evaluation.grading.rules=lenient", "evaluation.grading.rules is \"lenient\", must be 'judge' or"),
    ("evaluation.grading.answers=half", "evaluation.grading.answers is \"half\", must be 'needed' or 'whole'"),
    ("evaluation.grading.isolation=ful", "evaluation.grading.isolation is \"ful\", must be 'full' or 'process'"),
    ("evaluation.grading.isolation=null", "evaluation.grading.isolation is null, must be 'full' or 'process'"),
    ("evaluation.baselines=[{rule: max-p}]", "evaluation.baselines.0.0: unknown rule; known: min-p, top-n-sigma"),
    ("checks.contamination.drop=all", "checks.contamination.drop is \"all\", must be 'exact', 'normalised', 'near' or"),
    ("rounds.prompts=new", "rounds.prompts is \"new\", must be 'same' or 'fresh'"),
    ("rounds.sample_from=teacher", "rounds.sample_from is \"teacher\", must be 'student' or 'base'"),
]
OUT_OF_RANGE = [
    ("engine.batch_size=0", "engine.batch_size is 0, must be greater than 0"),
    ("engine.shard_size=0", "engine.shard_size is 0, must be greater than 0"),
    ("sampling.decoding.temperature=101", "sampling.decoding.temperature is 101, must be less than or equal to 100"),
    ("sampling.decoding.temperature=-1", "sampling.decoding.temperature is -1, must be greater than or equal to 0"),
    ("sampling.decoding.top_p=0", "sampling.decoding.top_p is 0, must be greater than 0"),
    ("evaluation.base.top_p=1.5", "evaluation.base.top_p is 1.5, must be less than or equal to 1"),
    ("sampling.mix={run: x, share: 0}", "sampling.mix.share is 0, must be greater than 0"),
    ("sampling.mix={run: x, share: 1.5}", "sampling.mix.share is 1.5, must be less than or equal to 1"),
    ("sampling.mix={run: x, share: .nan}", "sampling.mix.share is nan, must be a finite number"),
    ("prompts.mixture=[{source: a, weight: 0}]", "prompts.mixture.0.weight is 0, must be greater than 0"),
    ("prompts.mixture=[{source: a, weight: .inf}]", "prompts.mixture.0.weight is inf, must be a finite number"),
    ("training.max_length=1", "training.max_length is 1, must be greater than or equal to 2"),
    ("training.learning_rate=1.0e+10", "training.learning_rate is 10000000000.0, must be less than or equal to 1"),
    ("training.epochs=0", "training.epochs is 0, must be greater than 0"),
    ("training.adam_beta1=1", "training.adam_beta1 is 1, must be less than 1"),
    ("training.lora.dropout=1", "training.lora.dropout is 1, must be less than 1"),
    ("training.drop_shortest=1", "training.drop_shortest is 1, must be less than 1"),
    ("training.agreement.min_size=1", "training.agreement.min_size is 1, must be greater than or equal to 2"),
    ("evaluation.grading.memory_mb=8", "evaluation.grading.memory_mb is 8, must be greater than or equal to 16"),
    ("evaluation.grading.seconds_per_test=0", "evaluation.grading.seconds_per_test is 0, must be greater than 0"),
    ("evaluation.grading.workers=0", "evaluation.grading.workers is 0, must be greater than 0"),
    ("evaluation.baselines=[{rule: min-p, min_p: 2}]", "evaluation.baselines.0.0.min_p is 2, must be less than or"),
    ("evaluation.baselines=[{rule: min-p, min_p: 0.1, temperature: 0}]", "baselines.0.0.temperature is 0, must be"),
    ("evaluation.baselines=[{rule: top-n-sigma, n: .inf}]", "baselines.0.0.n is inf, must be"),
    ("evaluation.baselines=[{rule: python-syntax, depth: 0}]", "evaluation.baselines.0.0.depth is 0, must be"),
    ("analysis.fork_tokens=1", "analysis.fork_tokens is 1, must be greater than 1"),
    ("analysis.temperatures=[0]", "analysis.temperatures.0 is 0, must be greater than 0"),
    ("checks.contamination.words=1", "checks.contamination.words is 1, must be greater than or equal to 2"),
    ("checks.contamination.similarity=0", "checks.contamination.similarity is 0, must be greater than 0"),
    ("checks.regressions.decodings=[{temperature: -1}]", "checks.regressions.decodings.0.temperature is -1, must be"),
    ("rounds.mix_first=1", "rounds.mix_first is 1, must be less than 1"),
    ("rounds.number=0", "rounds.number is 0, must be greater than 0"),
]
UNKNOWN = [
    ("sampling.decoding.temprature=1", "unknown key sampling.decoding.temprature (did you mean temperature?)"),
    ("trainning.targets=soft", "unknown key trainning (did you mean training?)"),
    ("training.lr=1", "unknown key training.lr"),
    ("training.lora.r=8", "unknown key training.lora.r (known keys: rank, alpha, dropout, target_modules)"),
    ("prompts.columns.titel=x", "unknown key prompts.columns.titel"),
    ("prompts.mixture=[{source: a, wieght: 1}]", "unknown key prompts.mixture.0.wieght"),
    ("sampling.decoding.rule=min-p", "unknown key sampling.decoding.rule (known keys: temperature, top_k, top_p)"),
    ("5=x", "unknown key 5"),
    ("model.my-key=x", "unknown key model.my-key"),
]
MISSING = [
    ("sampling.decoding={}", "sampling.decoding.temperature is missing (set sampling.decoding.temperature)"),
    ("evaluation.student={top_k: 20}", "evaluation.student.temperature is missing"),
    ("sampling.mix={share: 0.5}", "sampling.mix.run is missing"),
    ("prompts.mixture=[{weight: 1}]", "prompts.mixture.0.source is missing"),
    ("evaluation.baselines=[{rule: min-p}]", "evaluation.baselines.0.0.min_p is missing"),
    ("checks.regressions.decodings=[{}]", "checks.regressions.decodings.0.temperature is missing"),
]
CANNOT_BE = [
    ("training.steps=5", "training: set exactly one of steps and epochs"),
    ("training.epochs=null", "training: set exactly one of steps and epochs"),
    ("training.micro_batch_size=5", "training: micro_batch_size 5 does not divide batch_size 32"),
    ("training.min_learning_rate=0.5", "training: min_learning_rate is above learning_rate"),
    ("training.verifier=tests.jsonl", "training: verifier goes with keep: passing"),
    ("training.keep=agreement", "training: keep: agreement needs targets: hard"),
    ("training.agreement.inputs=[]", "training.agreement: inputs is a list of sources, each once"),
    ("training.agreement.inputs=[types, types]", "training.agreement: inputs is a list of sources, each once"),
    ("evaluation.samples_per_problem=3", "evaluation: pass@5 needs samples_per_problem of at least 5"),
    ("evaluation.pass_at=[1, 1]", "evaluation.pass_at is [1, 1], must be a list of different numbers, at least one"),
    ("evaluation.pass_at=[]", "evaluation.pass_at is [], must be a list of different numbers, at least one"),
    ("evaluation.since=2025-01-01", "evaluation: since and until: the embedded problems have no dates"),
    ("evaluation.baselines=[[]]", "evaluation.baselines.0 is [], must be at least one stage"),
    ("evaluation.baselines=[{rule: python-syntax}]", "rule python-syntax first, and a stage after it"),
    ("evaluation.baselines=[[{temperature: 1}, {rule: python-syntax}]]", "must be rule python-syntax first"),
    ("evaluation.base={temperature:0.7, top_k: 20}", "a space after the colon: temperature: 0.7"),
    ("evaluation.base={nonsense:0.7}", "unknown key evaluation.base.nonsense:0.7"),
    ("evaluation={base.temperature: 0.7}", "unknown key evaluation.base.temperature"),
    ("seed={a.b: {c.d: 1}}", "seed is a section"),
    ("nowhere={'x.y:0.5': 1}", "unknown key nowhere"),
    ("engine.kind=openai", "engine: base_url goes with kind: openai, which needs it"),
    ("engine.base_url=http://x/v1", "engine: base_url goes with kind: openai, which needs it"),
    ("engine={kind: openai, base_url: nonsense}", "engine: base_url nonsense is no http:// or https:// address"),
    ("engine={kind: openai, base_url: 'ftp://x'}", "engine: base_url ftp://x is no http:// or https:// address"),
    ("engine={kind: transformers, options: {a: 1}}", "engine: options goes with kind: vllm or auto"),
    ("engine={kind: vllm, cuda_graphs: true}", "engine: cuda_graphs goes with kind: transformers or auto"),
    ("engine={kind: transformers, batch_invariant: true}", "engine: batch_invariant goes with kind: vllm or auto"),
    ("prompts.source=mixture", "prompts: mixture goes with source: mixture"),
    ("prompts.mixture=[{source: a}]", "prompts: mixture goes with source: mixture"),
    ("rounds={mix_first: 0.5, prompts: fresh}", "rounds: mix_first needs prompts: same"),
    ("checks.regressions.tasks=[embedded, embedded]", "must be a list of different tasks"),
    (
        "training={targets: hard, steps: 1, soft_targets: recomputed}",
        "soft_targets: recomputed goes with targets: soft",
    ),
]
DATES = [
    ("evaluation.since=2025-02-31", 'evaluation.since is "2025-02-31", must be a date such as 2025-02-01'),
    ("evaluation.since=yesterday", 'evaluation.since is "yesterday", must be a date such as 2025-02-01'),
    ("evaluation.since=5", "evaluation.since is 5, must be text"),
    ("evaluation.until=2025-13-01", 'evaluation.until is "2025-13-01", must be a date such as 2025-02-01'),
    ("evaluation.until=2025-02-01T10:00:00", 'evaluation.until is "2025-02-01 10:00:00", must be a date such as'),
    ("evaluation={since: 2025-02-31}", "2025-02-31 is no date: day is out of range for month"),
]
NAMES = [
    ("name=../elsewhere", "must be a name that can be a folder's: no slash, no dot in front, at most 200 bytes"),
    ("name=/etc", "must be a name that can be a folder's"),
    ("name=a/b", "must be a name that can be a folder's"),
    ("name=a\\b", "must be a name that can be a folder's"),
    ("name=..", "must be a name that can be a folder's"),
    ("name=.hidden", "must be a name that can be a folder's"),
    ("name='C:evil'", "must be a name that can be a folder's"),
    ('name="a\\nb"', "must be a name that can be a folder's"),
    ("name=''", "must be a name that can be a folder's"),
    (f"name={'x' * 201}", "must be a name that can be a folder's"),
]
SET = [
    ("no-equals-sign", "write key=value"),
    ("=5", "write key=value"),
    ("model.path.x=1", "path is a value, not a section"),
    ("model..path=x", "model..path is no name of a key (one dot between a section and its key)"),
    (".=x", ". is no name of a key"),
    ("seed=&a [*a]", "an anchor stands inside itself"),
    ("engine.options=&a {b: *a}", "an anchor stands inside itself"),
    ("evaluation.base={temperature: 1, temperature: 2}", "temperature is there twice"),
    (f"seed={'[' * 50}{']' * 50}", "is nested too deeply"),
    (f"seed={'[' * 5000}{']' * 5000}", "seed is"),
    ("training.epochs=!!python/object:os.system x", "training.epochs is"),
]
TABLE = [
    *WRONG_TYPES, *WRONG_CHOICES, *OUT_OF_RANGE, *UNKNOWN, *MISSING, *CANNOT_BE, *DATES, *NAMES, *SET,
]  # fmt: skip


@pytest.mark.parametrize(("override", "expected"), TABLE, ids=[override[:40] for override, _ in TABLE])
def test_a_mistake_is_one_line_that_names_the_key(override, expected):
    line = refused(override)
    assert expected in line
    assert line.startswith(f"--set {override}")


# Files ----------------------------------------------------------------------------------------------------------------

BILLION = "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefg"))
"""A few lines that stand for millions."""
FILES = [
    ("a: [1", "broken YAML"),
    ("a: 'x\n", "broken YAML"),
    ("\ta: 1\n", "broken YAML"),
    ("name: x\n  model: y\n", "broken YAML"),
    ("a: *nowhere\n", "broken YAML"),
    ("- 1\n- 2\n", "a recipe is a mapping"),
    ("just words\n", "a recipe is a mapping"),
    ("", "a recipe is a mapping"),
    ("# nothing\n", "a recipe is a mapping"),
    ("a: 1\n---\nb: 2\n", "broken YAML"),
    ("name: x\n", "is missing"),
    ("name: x\nname: y\n", "broken.yaml:2: name is there twice, first in line 1 (keep one of them)"),
    ("prompts: {limit: 1, limit: 2}\n", "broken.yaml:1: prompts.limit is there twice"),
    ("prompts.limit: 1\nprompts: {limit: 2}\n", "prompts.limit is given twice"),
    ("name: x\n5: y\n", "broken.yaml:2: '5' is no name of a key"),
    ("name: x\ntrue: y\n", "broken.yaml:2: 'true' is no name of a key"),
    ("name: x\nnull: y\n", "broken.yaml:2: 'null' is no name of a key"),
    ("name: x\n? [a]\n: y\n", "is no name of a key"),
    ("name: x\nmodel..path: y\n", "model..path is no name of a key"),
    ("name: &x [*x]\n", "broken.yaml:1: an anchor stands inside itself"),
    ("a: &a {b: *a}\n", "broken.yaml:1: an anchor stands inside itself"),
    ("a: &a {b: &b {c: *a}}\n", "an anchor stands inside itself"),
    ("a: &a\n  <<: *a\n", "an anchor stands inside itself"),
    ("a: " + "[" * 50 + "]" * 50, "nested too deeply"),
    (
        "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefg")),
        "too long",
    ),
    ("name: x\nevaluation: {since: 2025-02-31}\n", "broken.yaml:2: 2025-02-31 is no date"),
    ("name: x\nevaluation: {since: 2025-02-31T10:00:00Z}\n", "broken.yaml:2: 2025-02-31T10:00:00Z is no date"),
    ("a: !!python/object:os.system x\n", "broken YAML"),
    ("a: !!float x\n", "broken YAML"),
    (b"name: x\nmodel: \xff\n", "broken.yaml:2: is not UTF-8 (save it as UTF-8)"),
    ("name: größe\n".encode("latin-1"), "broken.yaml:1: is not UTF-8"),
    ("name: x\n".encode("utf-16"), "broken.yaml:1: is not UTF-8"),
    (b"name: \x00\n", "broken YAML"),
    (b"PK\x03\x04\x14\x00", "broken YAML"),
]


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_a_broken_file_is_one_line_that_names_it(tmp_path, text, expected):
    path = tmp_path / "broken.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    line = refused(source=path)
    assert expected in line
    assert line.startswith(str(path))


def test_brackets_by_the_thousand_are_one_line(tmp_path):
    path = tmp_path / "deep.yaml"
    path.write_text("a: " + "[" * 5000 + "]" * 5000)
    assert re.search("broken YAML|nested too deeply", refused(source=path))


def test_a_mistake_in_a_file_names_its_line(tmp_path):
    text = recipe_text("demo").replace("temperature: 0.7", "temperatur: 0.7", 1)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "temperatur:" in row)
    assert f"mine.yaml:{line}: unknown key sampling.decoding.temperatur " in refused(source=path)


@pytest.mark.parametrize(("added", "expected"), [("seed: x\n", 'seed is "x"'), ("seed: yes\n", "seed is true")])
def test_a_files_own_fault_is_the_files_whatever_is_set(tmp_path, added, expected):
    path = tmp_path / "mine.yaml"
    path.write_text(recipe_text("demo") + added)
    assert re.match(rf"{re.escape(str(path))}:\d+: {expected}", refused("training.batch_size=7", source=path))


# What is to blame -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "blamed"),
    [
        (["seed=1", "training.batch_size=7"], "--set training.batch_size=7: training: micro_batch_size 32"),
        (["training.batch_size=7", "training.limit=5"], "--set training.batch_size=7: training: micro_batch_size 32"),
        (["seed=-1", "seed=-2"], "--set seed=-2: seed is -2"),
        (["evaluation.base={temperature: nan}", "seed=2"], "--set evaluation.base={temperature: nan}: evaluation.base"),
        (
            ["training.keep=agreement", "training.targets=hard", "seed=1"],
            "--set training.keep=agreement: training.keep agreement: of 1 samples",
        ),
    ],
)
def test_of_several_overrides_the_one_that_brought_it_is_named(overrides, blamed):
    assert refused(*overrides).startswith(blamed)


def test_until_comes_after_since():
    human = "evaluation.benchmark=humaneval"
    line = refused(human, "evaluation.since=2025-03-01", "evaluation.until=2025-02-01")
    assert line.startswith(
        "--set evaluation.until=2025-02-01: evaluation: since 2025-03-01 is not before until 2025-02-01"
    )


def test_a_long_value_is_not_repeated_whole():
    assert len(refused("seed=" + "9" * 10_000)) < 10_300
    assert len(refused(f"model.dtype={'x' * 10_000}").partition(": ")[2]) < 200
