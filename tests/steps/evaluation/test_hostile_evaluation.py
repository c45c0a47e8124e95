"""Hostile completions among good ones, through the evaluation's own grading: every good one is still graded right."""

from __future__ import annotations

from collections import Counter

from selfdistill.files import append_records, read_records
from selfdistill.recipe.evaluation import GradingSettings
from selfdistill.records import CallCase, CallTests, Outcome, Problem, Sample, Verdict
from selfdistill.steps.evaluation.grade import grade_systems
from tests.grading.hostile import WRONG_CALLS

TESTS = CallTests("solve", (CallCase((3,), 13), CallCase((10,), 27)))
PROBLEM = Problem("solve", "Twice n, plus seven.", TESTS)
SETTINGS = GradingSettings(seconds_per_test=2.0, workers=2)
GOOD = "def solve(n):\n    return 2 * n + 7  # take {}\n"


def test_good_programs_among_hostile_ones_are_graded_right(tmp_path):
    texts = []
    for number, hostile in enumerate(WRONG_CALLS.values()):
        texts += [hostile, GOOD.format(number)]  # each good one is another text, so that none is remembered
    samples = [Sample("solve", index, (), "stop", (), text) for index, text in enumerate(texts)]
    names = ("base-T1", "student-T1")
    systems = [(name, tmp_path / f"{name}.samples.jsonl", tmp_path / f"{name}.verdicts.jsonl") for name in names]
    for _, path, _ in systems:
        append_records(path, [sample for sample in samples if "\ud800" not in sample.text])
    counted = Counter[str]()

    def progress(items: int = 0, there: int = 0) -> None:
        counted["verdicts"] += items + there

    grade_systems(systems, [PROBLEM], SETTINGS, chat=False, progress=progress)
    for _, path, verdicts in systems:
        found = {verdict.key: verdict for verdict in read_records(verdicts, Verdict)}
        written = list(read_records(path, Sample))
        assert set(found) == {sample.key for sample in written}
        for sample in written:
            verdict = found[sample.key]
            assert verdict.outcome is not Outcome.HARNESS_ERROR, (sample.text, verdict)
            if sample.text.startswith("def solve(n):\n    return 2 * n + 7  # take"):
                assert verdict.outcome is Outcome.PASSED, (sample.text, verdict)
            else:
                assert verdict.outcome is not Outcome.PASSED, (sample.text, verdict)
    assert counted["verdicts"] == sum(len(list(read_records(path, Sample))) for _, path, _ in systems)


def test_grading_goes_on_from_what_is_there(tmp_path):
    samples = [Sample("solve", index, (), "stop", (), GOOD.format(index)) for index in range(6)]
    system = ("base", tmp_path / "s.jsonl", tmp_path / "v.jsonl")
    append_records(system[1], samples)
    kept = [Verdict(samples[index].key, Outcome.WRONG_ANSWER, "as it was") for index in (4, 1)]
    append_records(system[2], kept)
    grade_systems([system], [PROBLEM], SETTINGS, chat=False)
    found = {verdict.key: verdict for verdict in read_records(system[2], Verdict)}
    assert len(found) == 6
    assert [found[verdict.key] for verdict in kept] == kept
    assert Counter(verdict.outcome for verdict in found.values()) == {Outcome.WRONG_ANSWER: 2, Outcome.PASSED: 4}
