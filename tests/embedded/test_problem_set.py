"""The problem set: references pass, wrong chains fail, splits do not meet, and nothing changes by accident."""

from __future__ import annotations

import copy
import json
from collections import Counter
from itertools import chain as joined
from itertools import islice
from random import Random
from typing import Any

import pytest

from selfdistill import embedded
from selfdistill.embedded import bugs, cases, chains, corpus, near_misses, operations, programs, splits
from selfdistill.embedded.chain import Chain, run
from selfdistill.records import CallTests, Problem

FAMILIES = ("lists", "scalars", "strings")
SPLITS = ("validation", "test")
EVALUATION_SETS = [(split, family) for split in SPLITS for family in FAMILIES]


def results(program: str, tests: CallTests) -> list[Any]:
    """What the program gives for each case; ours, so it runs in this process."""
    namespace: dict[str, Any] = {}
    exec(program, namespace)
    return [namespace[tests.entry_point](*copy.deepcopy(case.args)) for case in tests.cases]


def passes(program: str, problem: Problem) -> bool:
    assert isinstance(problem.tests, CallTests)
    wanted = [case.expected for case in problem.tests.cases]
    found = results(program, problem.tests)
    return found == wanted and list(map(type, found)) == list(map(type, wanted))


@pytest.mark.parametrize(("split", "family"), EVALUATION_SETS)
def test_every_reference_passes_its_own_tests(split, family):
    for problem in embedded.problems(split, family):
        assert passes(problem.reference, problem), problem.reference


@pytest.mark.parametrize("style", programs.STYLES)
def test_every_style_passes_the_tests(style):
    """Meaning and rendering are written separately; each style must agree with the meaning."""
    for family in FAMILIES:
        for problem, chain in zip(
            embedded.problems("validation", family), drawn_chains("validation", family), strict=True
        ):
            argument = problem.statement.rsplit("(", 1)[1].removesuffix("):")
            body = programs.write(chain, argument, Random(problem.task_id), style)
            assert passes(problem.program_prefix + body, problem), problem.program_prefix + body


def drawn_chains(split, family):
    problems = embedded.problems(split, family)
    lengths = chains.TASK_LENGTHS if family == "lists" else chains.SIDE_LENGTHS
    wanted = {problem.metadata["chain"] for problem in problems}
    drawn = chains.draw_distinct(Random(f"{split}/{family}"), family, split, lengths)
    return tuple(islice((chain for chain in drawn if chain.key in wanted), len(problems)))


@pytest.mark.slow
def test_tests_tell_a_wrong_chain_from_a_right_one():
    """Of mutated chains that a large pool of arguments can tell apart, the problem's own tests tell at least 99 %."""
    caught = missed = 0
    pools: dict[str, list[Any]] = {}
    for family in FAMILIES:
        problems = embedded.problems("test", family)
        for problem, chain in zip(problems, drawn_chains("test", family), strict=True):
            arguments = [case.args[0] for case in problem.tests.cases]
            pool = pools.setdefault(chain.source, [])
            pool.extend(arguments)
            rng = Random(problem.task_id)
            for mutant in {near_misses.wrong_chain(chain, rng) for _ in range(6)} - {None}:
                if any(_differ(mutant, chain, each) for each in arguments):
                    caught += 1
                elif any(_differ(mutant, chain, each) for each in pool[-400:]):
                    missed += 1
    assert caught > 3_000
    assert caught / (caught + missed) >= 0.99, (caught, missed)


def _differ(mutant: Chain, chain: Chain, argument: Any) -> bool:
    try:
        return bool(run(mutant, argument) != run(chain, argument))
    except ZeroDivisionError:  # a confused operation may have been given the constant 0
        return True


def test_buggy_programs_mostly_fail():
    """A bug may by chance change nothing; most must not."""
    failed = total = 0
    for problem, chain in zip(embedded.problems("validation"), drawn_chains("validation", "lists"), strict=True):
        argument = problem.statement.rsplit("(", 1)[1].removesuffix("):")
        program = problem.program_prefix + bugs.write_buggy(chain, argument, Random(problem.task_id))
        if _loops_forever(program):
            continue
        total += 1
        try:
            failed += not passes(program, problem)
        except Exception:
            failed += 1
    assert failed / total > 0.85


def _loops_forever(program: str) -> bool:
    """A list that is appended to while it is looped over (a slip in a name does that)."""
    appended = {line.strip().split(".append")[0] for line in program.splitlines() if ".append" in line}
    looped = {line.strip().removesuffix(":").split(" in ")[-1] for line in program.splitlines() if "for " in line}
    return bool(appended & looped)


def test_sizes_and_difficulties():
    test = embedded.problems("test")
    assert len(test) == 700
    assert len(embedded.problems("validation")) == 400
    counts = Counter(problem.difficulty for problem in test)
    assert all(counts[difficulty] >= 100 for difficulty in ("easy", "medium", "hard"))


def test_every_problem_tries_the_empty_argument_and_no_constant_answer_passes():
    problems = [*embedded.problems("validation"), *embedded.problems("test")]
    assert all(problem.tests.cases[-1].args == ([],) for problem in problems)
    assert all(len(problem.tests.cases) == cases.CASES for problem in problems)
    commonest = [max(Counter(repr(case.expected) for case in problem.tests.cases).values()) for problem in problems]
    assert max(commonest) <= cases.CASES // 2  # no constant answer comes near to passing


def test_tests_are_plain_json():
    for problem in joined(*(embedded.problems(split, family) for split, family in EVALUATION_SETS)):
        for case in problem.tests.cases:
            again = json.loads(json.dumps([list(case.args), case.expected]))
            assert again == [list(case.args), case.expected]


def english(prompt: str) -> str:
    """The task in words: every comment line."""
    return "\n".join(line for line in prompt.splitlines() if line.startswith("#"))


@pytest.mark.slow
def test_splits_share_no_chain_and_no_statement():
    """Chains differ by construction; statements must differ too, or a chain would have leaked."""
    statements: dict[str, set[str]] = {
        split: {english(problem.statement) for family in FAMILIES for problem in embedded.problems(split, family)}
        for split in SPLITS
    }
    keys = {split: {problem.metadata["chain"] for problem in embedded.problems(split)} for split in SPLITS}
    statements["prompts"] = {english(prompt) for _, prompt in embedded.prompts()}
    documents = [*corpus.pretraining(15_000), *corpus.instruct(2_000)]
    statements["pretraining"] = {english(document.prompt) for document in documents}
    # "Remove duplicates, ..." is said of numbers and of strings alike, and those two chains may be in different splits.
    assert len(statements["pretraining"] & statements["prompts"]) <= 5
    for split in SPLITS:
        assert not statements[split] & statements["prompts"]
        assert not statements[split] & statements["pretraining"]
    assert not statements["validation"] & statements["test"]
    assert len(keys["test"]) == 700
    assert not keys["test"] & keys["validation"]
    assert all(splits.split_of(key) == split for split in SPLITS for key in keys[split])


def test_a_statement_names_one_chain():
    """No two chains can read the same: the phrases of operations on one type are all different."""
    for takes in ("ints", "strs", "text"):
        phrases = [phrase for each in operations.OPERATIONS if each.takes == takes for phrase in each.phrases]
        assert len(phrases) == len(set(phrases))


def test_prompts_hold_no_solution_and_are_distinct():
    prompts = list(embedded.prompts())
    assert len(prompts) == 16_000
    assert all(prompt.count("\n") == 1 and prompt.endswith("):") for _, prompt in prompts)
    assert len({prompt_id for prompt_id, _ in prompts}) == len(prompts)
    assert all(prompt_id.startswith("prompts/lists/") for prompt_id, _ in prompts)


def test_prompts_are_a_prefix_of_more_prompts():
    assert list(embedded.prompts(50)) == list(islice(embedded.prompts(), 50))


def test_texts_go_with_the_prompts():
    for (prompt_id, prompt), text in zip(embedded.prompts(200), embedded.texts(200), strict=True):
        assert (text.prompt_id, text.prompt) == (prompt_id, prompt)
        assert text.program.startswith("\n    ")
    assert len(list(embedded.texts(20, "strings"))) == 20


def test_hard_chains_are_rare_in_pretraining_and_common_in_the_task():
    share = corpus.PRETRAINING_LENGTHS[4] / sum(corpus.PRETRAINING_LENGTHS.values())
    tests = [problem.difficulty for problem in embedded.problems("test")]
    assert share < 0.1 < 0.35 < tests.count("hard") / len(tests)
