"""How the overlap check grows: seconds and memory for more and more prompts against 1,000 problems.

    python benchmarks/contamination.py --prompts 100000 --problems 1000

Statements are 200 words of a vocabulary with the frequencies of natural language (Zipf), so that short runs of words
are often shared; one prompt in a thousand is a problem with two words changed, and all of them must be found.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np

from selfdistill.measure.contamination.check import compare
from selfdistill.measure.contamination.records import Reference
from selfdistill.recipe.contamination import ContaminationSettings

WORDS = 200
VOCABULARY = 20_000
PLANTED = 1_000  # one in so many


def statements(count: int, seed: int) -> Iterator[list[str]]:
    """Statements as words."""
    stream = np.random.default_rng(seed)
    chances = 1 / np.arange(1, VOCABULARY + 1)
    chances /= chances.sum()
    for _ in range(count):
        yield [f"w{word}" for word in stream.choice(VOCABULARY, WORDS, p=chances)]


def prompts(count: int, problems: list[list[str]]) -> Iterator[tuple[str, str]]:
    """(id, text), with planted near copies."""
    for number, words in enumerate(statements(count, 1)):
        if number % PLANTED == 0:
            words = list(problems[number // PLANTED % len(problems)])
            words[50] = words[150] = "changed"
        yield str(number), " ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--problems", type=int, default=1_000)
    arguments = parser.parse_args()
    problems = list(statements(arguments.problems, 0))
    references = [Reference(str(number), " ".join(words)) for number, words in enumerate(problems)]
    print("prompts | seconds | prompts/s | near copies found | peak MiB")
    for count in (arguments.prompts // 8, arguments.prompts // 4, arguments.prompts // 2, arguments.prompts):
        texts = list(prompts(count, problems))
        started = time.process_time()
        part = compare(texts, references, ContaminationSettings())
        seconds = time.process_time() - started
        found, planted = part.counts["near"].texts, -(-count // PLANTED)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{count:,} | {seconds:.0f} | {count / seconds:,.0f} | {found} of {planted} | {peak:,.0f}", flush=True)


if __name__ == "__main__":
    main()
