"""Each kind of overlap against texts whose overlap is known by construction, or by an oracle that is slow and plain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from selfdistill import embedded
from selfdistill.measure.contamination.check import compare, overlaps
from selfdistill.measure.contamination.index import Index
from selfdistill.measure.contamination.near import MISSED, PERMUTATIONS, bands
from selfdistill.measure.contamination.records import Reference
from selfdistill.measure.contamination.shingles import jaccard, runs, shingles, words
from selfdistill.measure.contamination.sources import solutions, statements
from selfdistill.recipe.contamination import KINDS, ContaminationSettings

SETTINGS = ContaminationSettings()
TEXT = (
    "You are given a list of integers. Return the largest sum of a contiguous part of it, or zero where every "
    "number is negative. The list has at most ten thousand entries, each between minus a million and a million."
)
PROSE = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]), max_size=40)


def kind_of(text: str, *references: str, **settings: object) -> str | None:
    index = Index([Reference(str(n), r) for n, r in enumerate(references)], ContaminationSettings(**settings))
    found = index.compare("text", text)
    return min((match.kind for match in found), key=KINDS.index, default=None)


def test_the_four_kinds_by_construction():
    assert kind_of(TEXT, TEXT) == "exact"
    assert kind_of(TEXT.replace(". ", ".\n\n  "), TEXT) == "normalised"
    assert kind_of(TEXT.replace("ten thousand", "five thousand"), TEXT) == "near"
    assert kind_of(TEXT.upper().replace(".", "!"), TEXT) == "near", "case and punctuation are no words"
    assert kind_of("Something else. " + " ".join(TEXT.split()[3:17]) + ", but as a tree.", TEXT) == "ngram"
    assert kind_of("Given a tree, return its depth.", TEXT) is None
    assert kind_of("", TEXT, "") is None


def test_one_word_in_twenty_five_is_near_and_two_are_not():
    """The figures of docs/contamination.md."""
    original = [f"word{n}" for n in range(25)]
    changed = [*original[:8], "x", *original[9:]]
    twice = [*changed[:17], "y", *changed[18:]]
    sets = [shingles(text, 3) for text in (original, changed, twice)]
    assert (jaccard(sets[0], sets[1]), jaccard(sets[0], sets[2])) == (20 / 26, 17 / 29)
    assert kind_of(" ".join(changed), " ".join(original), words=20) == "near"
    assert kind_of(" ".join(twice), " ".join(original), words=20) is None


@given(PROSE, PROSE, st.integers(2, 6))
def test_shared_runs_are_those_of_a_plain_search(one, other, length):
    expected = {
        tuple(one[i : i + length])
        for i in range(len(one) - length + 1)
        for j in range(len(other) - length + 1)
        if one[i : i + length] == other[j : j + length]
    }
    index = Index([Reference("other", " ".join(other))], ContaminationSettings(words=length, similarity=1.0))
    found = index.compare("one", " ".join(one))
    assert sum(match.shared for match in found) == len(expected)
    if expected:
        assert tuple(found[0].evidence.split()) in expected


@given(PROSE, st.text(max_size=200))
def test_a_text_always_overlaps_with_itself_and_white_space_never_matters(prose, noise):
    for text in (" ".join(prose), noise):
        if not text.split():
            continue
        assert kind_of(text, text) == "exact"
        assert kind_of("\t" + "  \n".join(text.split()), text) in ("exact", "normalised")


@given(st.floats(0.05, 1.0))
def test_bands_keep_the_chance_of_missing_small(threshold):
    count, rows = bands(threshold)
    assert count * rows <= PERMUTATIONS
    if rows > 1:
        assert (1 - threshold**rows) ** count <= MISSED


def test_near_duplicates_are_those_of_an_exhaustive_search():
    """Texts that share templates, so that similarities of every size occur."""
    asked = statements(embedded.problems("validation"))[:150]
    prompts = list(embedded.prompts(600))
    sets = {name: shingles(words(text), 3) for name, text in [*prompts, *((r.task_id, r.text) for r in asked)]}
    for threshold in (0.35, 0.7):
        expected = {
            (name, r.task_id) for name, _ in prompts for r in asked if jaccard(sets[name], sets[r.task_id]) >= threshold
        }
        found = compare(prompts, asked, ContaminationSettings(similarity=threshold)).matches
        near = {(match.text_id, match.task_id) for match in found if match.kind == "near"}
        assert near <= expected
        assert len(near) >= 0.97 * len(expected)
        if threshold < 0.5:
            assert len(expected) > 20


def test_boilerplate_does_not_count():
    lead = "The first line of the input holds the number of test cases and then each one follows: "
    problems = [Reference(str(n), lead + " ".join(f"own{n}{m}" for m in range(30))) for n in range(12)]
    part = compare([("p", lead + "something quite different")], problems, ContaminationSettings(common=11))
    assert part.matches == ()
    assert part.boilerplate == len(runs(words(lead), 13))
    assert len(compare([("p", lead)], problems, ContaminationSettings(common=12)).matches) == 12


def test_counts_are_of_the_strongest_kind_once():
    part = compare(
        [("copy", TEXT), ("almost", TEXT.replace("ten thousand", "five")), ("other", "nothing in common")],
        [Reference("a", TEXT), Reference("b", TEXT.replace("largest", "least")), Reference("c", "short")],
        SETTINGS,
    )
    assert {kind: (c.texts, c.problems) for kind, c in part.counts.items()} == {
        "exact": (1, 1),
        "normalised": (0, 0),
        "near": (1, 1),
        "ngram": (0, 0),
    }
    assert (part.compared, part.problems, part.short) == (3, 3, 1)


def test_drop_takes_the_kind_and_the_stronger_ones():
    references = [Reference("a", TEXT)]
    near = TEXT.replace("ten thousand", "five thousand")
    words_in_common = "Other. " + " ".join(TEXT.split()[3:17]) + " tree."
    for drop, expected in (("exact", [1, 0, 0]), ("near", [1, 1, 0]), ("ngram", [1, 1, 1]), (None, [0, 0, 0])):
        test = overlaps(references, ContaminationSettings(drop=drop))
        assert [int(test(text)) for text in (TEXT, near, words_in_common)] == expected


def test_solutions_are_without_the_statement_they_begin_with():
    problems = embedded.problems("validation")[:5]
    for problem, solution in zip(problems, solutions(problems), strict=True):
        assert problem.program_prefix + solution.text == problem.reference
