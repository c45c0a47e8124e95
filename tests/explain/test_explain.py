"""The token view on real models: streaming against one plain forward pass, sums against numpy, breaks by hand."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from tiny_run import SAMPLING, TinyRun
from transformers import AutoModelForCausalLM

from selfdistill.decoding.distribution import decode, dense
from selfdistill.engines.stream import Contexts, stream_logits
from selfdistill.errors import UserError
from selfdistill.explain.breaks import find_breaks, token_class
from selfdistill.explain.choose import evenly
from selfdistill.explain.explain import explain_models
from selfdistill.explain.records import Band, ExplainResult, Graded
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.explain import AnalysisSettings
from selfdistill.records import Sample
from selfdistill.report.pages import explain_words as words
from tiny_models import make_model

SETTINGS = AnalysisSettings(programs=4, movers=5, temperatures=(0.7, 1.5))


@pytest.fixture(scope="session")
def result(tiny_run: TinyRun) -> ExplainResult:
    return explain(tiny_run, SETTINGS)


def explain(run: TinyRun, settings: AnalysisSettings, **options) -> ExplainResult:
    options.setdefault("graded", run.graded)
    return explain_models(
        str(run.base), str(run.student), run.prompts, run.samples, SAMPLING, settings, device="cpu", **options
    )


def contexts(run: TinyRun) -> list[Contexts]:
    prompts = {prompt.prompt_id: prompt.token_ids for prompt in run.prompts}
    return [Contexts(prompts[sample.prompt_id], sample.token_ids) for sample in run.samples]


def plain_logits(directory, run: TinyRun) -> list[torch.Tensor]:
    """One unbatched forward pass a sample, the whole sequence at once."""
    model = AutoModelForCausalLM.from_pretrained(directory).eval()
    with torch.inference_mode():
        return [
            model(torch.tensor([[*each.prompt_ids, *each.token_ids]])).logits[0, len(each.prompt_ids) - 1 : -1]
            for each in contexts(run)
        ]


@pytest.mark.parametrize("chunk_logits", [261 * 7, 261 * 90, 2**24], ids=["slices of 7", "90 positions", "all at once"])
def test_stream_equals_plain_forward_passes(tiny_run: TinyRun, chunk_logits: int) -> None:
    base, student = (AutoModelForCausalLM.from_pretrained(each).eval() for each in (tiny_run.base, tiny_run.student))
    expected = [plain_logits(each, tiny_run) for each in (tiny_run.base, tiny_run.student)]
    seen = [np.zeros(len(sample.token_ids), bool) for sample in tiny_run.samples]
    for chunk in stream_logits((base, student), contexts(tiny_run), chunk_logits):
        assert chunk.logits[0].numel() <= max(chunk_logits, 261 * len(chunk.rows.unique()))
        for entry, (row, offset) in enumerate(zip(chunk.rows.tolist(), chunk.offsets.tolist(), strict=True)):
            assert not seen[row][offset]
            seen[row][offset] = True
            assert int(chunk.drawn[entry]) == tiny_run.samples[row].token_ids[offset]
            assert torch.allclose(chunk.logits[0][entry], expected[0][row][offset], atol=2e-4)
            assert torch.allclose(chunk.logits[1][entry], expected[1][row][offset], atol=2e-4)
    assert all(row.all() for row in seen)


def test_no_chunk_exceeds_its_bound(tiny_run: TinyRun) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_run.base).eval()
    sizes = [len(chunk.rows) for chunk in stream_logits((model, model), contexts(tiny_run), 261 * 20)]
    assert max(sizes) <= 20
    assert sum(sizes) == sum(len(sample.token_ids) for sample in tiny_run.samples)


def test_means_equal_a_plain_computation(tiny_run: TinyRun, result: ExplainResult) -> None:
    logits = [torch.cat(plain_logits(each, tiny_run)).double() for each in (tiny_run.base, tiny_run.student)]
    q = dense(decode(logits[0], (SAMPLING,)), logits[0].shape[-1])
    fork = torch.special.entr(q).sum(-1).exp() >= SETTINGS.fork_tokens
    rows = {row.kind: row for row in result.kinds}
    assert rows["fork"].positions == int(fork.sum())
    assert rows["lock"].positions + rows["fork"].positions == rows["all"].positions == len(q)
    for name, own in zip(("base", "student"), logits, strict=True):
        p = own.softmax(-1)
        kept = (p * (q > 0)).sum(-1)
        cross_entropy = -(q * own.log_softmax(-1)).sum(-1)
        head = torch.special.entr(p * (q > 0) / kept.unsqueeze(-1)).sum(-1)
        for kind, where in (("lock", ~fork), ("fork", fork), ("all", fork | ~fork)):
            measures = rows[kind].measures
            assert measures[f"{name}_kept"].value == pytest.approx(float(kept[where].mean()), abs=1e-5)
            assert measures[f"{name}_cross_entropy"].value == pytest.approx(
                float(cross_entropy[where].mean()), abs=1e-4
            )
            assert measures[f"{name}_head_entropy"].value == pytest.approx(float(head[where].mean()), abs=1e-4)
            entropy = float(torch.special.entr(p[where]).sum(-1).mean())
            assert measures[f"{name}_entropy"].value == pytest.approx(entropy, abs=1e-4)
    moved = (logits[0].softmax(-1) - logits[1].softmax(-1)).abs().sum(-1).mean() / 2
    assert rows["all"].measures["moved"].value == pytest.approx(float(moved), abs=1e-5)
    flipped = (logits[0].argmax(-1) != logits[1].argmax(-1)).double().mean()
    assert rows["all"].measures["flipped"].value == pytest.approx(float(flipped), abs=2e-3)


def test_curves_equal_a_plain_computation(tiny_run: TinyRun, result: ExplainResult) -> None:
    student = torch.cat(plain_logits(tiny_run.student, tiny_run))
    curves = {(curve.name, curve.model, curve.kind): curve for curve in result.curves}
    mass = student.softmax(-1).sort(descending=True).values.cumsum(-1)[:, :20].mean(0)
    shown = [band.value for band in curves["mass", "student", "all"].bands]
    assert np.allclose(shown, mass, atol=1e-5)
    for index, temperature in enumerate(SETTINGS.temperatures):
        decoded = decode(student, (Decoding(temperature=temperature, top_k=20, top_p=0.9),))
        survivors = curves["survivors", "student", "all"].bands[index].value
        assert survivors == pytest.approx(float(decoded.support_sizes.double().mean()), abs=0.01)
        entropy = torch.special.entr(decoded.probabilities).sum(-1).mean()
        assert curves["entropy", "student", "all"].bands[index].value == pytest.approx(float(entropy), abs=1e-3)


def test_identities_sum_on_real_distributions(result: ExplainResult) -> None:
    assert 0 < result.residual < 1e-6
    for row in result.kinds:
        means = {name: band.value for name, band in row.measures.items()}
        for model in ("base", "student"):
            terms = sum(means[f"{model}_{term}"] for term in ("support", "reshaping", "anchor", "constant"))
            assert terms == pytest.approx(means[f"{model}_cross_entropy"], abs=1e-6)
            split = sum(means[f"{model}_{term}"] for term in ("gate", "head", "tail"))
            assert split == pytest.approx(means[f"{model}_entropy"], abs=1e-6)
        assert means["base_anchor"] == pytest.approx(0, abs=1e-6)


def test_training_on_q_moved_the_student_towards_it(result: ExplainResult) -> None:
    rows = {row.kind: row.measures for row in result.kinds}
    assert rows["all"]["fit"].value < rows["all"]["base_fit"].value
    assert rows["lock"]["kept_change"].low > 0
    assert words.headline(result).startswith("Locks became spikes")


def test_chunk_size_changes_nothing_but_rounding(tiny_run: TinyRun, result: ExplainResult) -> None:
    small = explain(tiny_run, SETTINGS.model_copy(update={"chunk_logits": 261 * 16}))
    for one, other in zip(result.kinds, small.kinds, strict=True):
        assert one.positions == other.positions
        for name, band in one.measures.items():
            assert band.value == pytest.approx(other.measures[name].value, abs=1e-4), name
    assert [asdict(row) for row in small.breaks] == [asdict(row) for row in result.breaks]


def test_threshold_moves_positions_between_the_kinds(tiny_run: TinyRun) -> None:
    shares = [explain(tiny_run, SETTINGS.model_copy(update={"fork_tokens": t})).kinds[2].share for t in (1.05, 4.0)]
    assert shares[0] > shares[1]


def test_sensitivity_agrees_with_the_main_table_at_its_threshold(result: ExplainResult) -> None:
    row = next(row for row in result.sensitivity if row.fork_tokens == SETTINGS.fork_tokens)
    kinds = {kind.kind: kind for kind in result.kinds}
    assert row.fork_share == pytest.approx(kinds["fork"].share)
    assert row.means["lock_student_kept"] == pytest.approx(kinds["lock"].measures["student_kept"].value)
    shares = [each.fork_share for each in result.sensitivity]
    assert shares == sorted(shares, reverse=True)


def test_programs_hold_their_tokens_in_order(tiny_run: TinyRun, result: ExplainResult) -> None:
    texts = {(s.prompt_id, s.sample_index, len(s.token_ids)): s for s in tiny_run.samples}
    sampled = [program for program in result.programs if program.origin == "sampled from the base"]
    assert sampled
    for program in sampled:
        sample = texts[program.prompt.prompt_id, program.sample_index, program.tokens]
        assert [position.offset for position in program.positions] == list(range(len(sample.token_ids)))
        for position in program.positions:
            assert sum(choice.drawn for choice in position.choices) == 1
            drawn = next(choice for choice in position.choices if choice.drawn)
            assert drawn.target > 0  # it was drawn from q_s
            assert sum(choice.base for choice in position.choices) <= 1 + 1e-5
            assert 1 <= position.effective <= position.support + 1e-6


def test_movers_are_sorted_and_differ(result: ExplainResult) -> None:
    moved = [mover.position.moved for mover in result.movers]
    assert moved == sorted(moved, reverse=True)
    assert len({(mover.before, mover.position.text) for mover in result.movers}) == len(result.movers) == 5
    assert sum(mover.position.kind == "lock" for mover in result.movers) == 3


def test_result_is_json(result: ExplainResult) -> None:
    assert json.loads(json.dumps(asdict(result)))["fork_tokens"] == SETTINGS.fork_tokens


def graded(model: str, prompt: str, tokens: tuple[int, ...], passed: bool) -> Graded:
    sample = Sample(prompt, 0, tokens, "stop", (), "")
    return Graded(model, sample, passed, "passed" if passed else "wrong answer")  # type: ignore[arg-type]


def test_breaks_are_where_every_passing_program_is_left() -> None:
    programs = [
        graded("base", "a", (1, 2, 3, 4), True),
        graded("student", "a", (1, 5, 6), True),
        graded("base", "a", (1, 5, 7), False),  # follows the student's way to offset 2
        graded("base", "a", (9,), False),
        graded("student", "a", (1, 2, 3), False),  # only cut short
        graded("student", "b", (1,), False),  # no passing program to compare with
    ]
    assert [(each.graded.sample.token_ids, each.offset) for each in find_breaks(programs)] == [
        ((1, 5, 7), 2),
        ((9,), 0),
        ((1, 2, 3), 3),
    ]


def test_break_table_counts(result: ExplainResult, tiny_run: TinyRun) -> None:
    for row in result.breaks:
        mine = [each for each in tiny_run.graded if each.model == row.model]
        assert row.programs == len(mine)
        assert row.failing == sum(not each.passed for each in mine)
        assert row.locks + row.forks == row.located <= row.failing
        assert sum(sum(counts.values()) for counts in row.classes.values()) == row.located
    assert sum(row.located for row in result.breaks) > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" for", "keyword"),
        ("total", "name"),
        (" 12", "number"),
        ("1.5", "number"),
        (" +=", "operator"),
        ("):\n", "operator"),
        ("\n    ", "white space"),
        ("'abc", "text"),
        ("x1 = 2", "text"),
        ("", "end of turn"),
    ],
)
def test_token_classes(text: str, expected: str) -> None:
    assert token_class(text) == expected


def test_evenly_keeps_order_and_ends() -> None:
    assert evenly([1, 2, 3], 5) == [1, 2, 3]
    chosen = evenly(list(range(100)), 10)
    assert chosen == sorted(set(chosen))
    assert (len(chosen), chosen[0]) == (10, 0)


def with_changes(result: ExplainResult, kept: float, head: float) -> ExplainResult:
    changes = {"lock": ("kept_change", kept), "fork": ("head_entropy_change", head), "all": ("moved", 0.0)}
    rows = [
        replace(row, measures={**row.measures, changes[row.kind][0]: Band(*[changes[row.kind][1]] * 3)})
        for row in result.kinds
    ]
    return replace(result, kinds=tuple(rows))


@pytest.mark.parametrize(
    ("kept", "head", "said"),
    [
        (0.1, 0, "Locks became spikes, and forks stayed open."),
        (0.1, 0.2, "Locks became spikes, and forks opened wider."),
        (0.1, -0.2, "Locks became spikes, and forks narrowed too."),
        (0, 0, "Locks hardly changed, and forks stayed as they were."),
        (-0.1, -0.2, "Locks got leakier, while forks narrowed."),
    ],
)
def test_headline_says_what_was_measured(result: ExplainResult, kept: float, head: float, said: str) -> None:
    assert words.headline(with_changes(result, kept, head)) == said


def test_mistakes_are_one_line(tiny_run: TinyRun, tmp_path) -> None:
    arguments = (str(tiny_run.base), str(tiny_run.student), tiny_run.prompts)
    with pytest.raises(UserError, match="no samples to explain"):
        explain_models(*arguments, (), SAMPLING, SETTINGS)
    with pytest.raises(UserError, match="greedy sampling"):
        explain_models(*arguments, tiny_run.samples, Decoding(temperature=0), SETTINGS)
    other = make_model(tmp_path / "other", chat=True)
    model = AutoModelForCausalLM.from_pretrained(other)
    model.resize_token_embeddings(300)
    model.save_pretrained(other)
    with pytest.raises(UserError, match="vocabularies of 261 and 300"):
        explain_models(
            str(tiny_run.base), str(other), tiny_run.prompts, tiny_run.samples, SAMPLING, SETTINGS, device="cpu"
        )
