"""A benchmark's texts, indexed so that comparing one more text costs time linear in that text, not in the benchmark."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from selfdistill.measure.contamination.near import NearIndex
from selfdistill.measure.contamination.records import Match, Reference
from selfdistill.measure.contamination.shingles import jaccard, runs, shingles, words
from selfdistill.problems.statement import normalised
from selfdistill.recipe.contamination import ContaminationSettings, Kind


class Index:
    """The references in four forms: as they are, without white space, as sets of shingles, as runs of words."""

    def __init__(self, references: Sequence[Reference], settings: ContaminationSettings) -> None:
        self._references, self._settings = references, settings
        self._same: defaultdict[str, set[int]] = defaultdict(set)
        postings: defaultdict[str, list[int]] = defaultdict(list)
        self._sets: list[frozenset[str]] = []
        self.short = 0
        """References with fewer words than a run has."""
        for position, reference in enumerate(references):
            found = words(reference.text)
            self._same[normalised(reference.text)].add(position)
            self._sets.append(shingles(found, settings.shingle))
            self.short += len(found) < settings.words
            for run in dict.fromkeys(runs(found, settings.words)):
                postings[run].append(position)
        self._postings = {run: where for run, where in postings.items() if len(where) <= settings.common}
        self.boilerplate = len(postings) - len(self._postings)
        """Runs left out because too many references have them."""
        self._near = NearIndex(self._sets, settings.similarity)

    def compare(self, text_id: str, text: str) -> list[Match]:
        """Every reference that the text overlaps with, once, in the references' order."""
        found = words(text)
        own = shingles(found, self._settings.shingle)
        shared, evidence = self._shared(found)
        kinds: dict[int, Kind] = dict.fromkeys(shared, "ngram")
        kinds |= dict.fromkeys(self._near.search(own), "near")
        squeezed = normalised(text)
        if squeezed:
            for position in self._same.get(squeezed, ()):
                kinds[position] = "exact" if self._references[position].text == text else "normalised"
        return [
            Match(
                text_id,
                self._references[position].task_id,
                kinds[position],
                round(jaccard(own, self._sets[position]), 4),
                shared[position],
                evidence.get(position, ""),
            )
            for position in sorted(kinds)
        ]

    def _shared(self, found: Sequence[str]) -> tuple[Counter[int], dict[int, str]]:
        """How many different runs each reference shares with these words, and the first of them."""
        shared: Counter[int] = Counter()
        evidence: dict[int, str] = {}
        for run in dict.fromkeys(runs(found, self._settings.words)):
            for position in self._postings.get(run, ()):
                shared[position] += 1
                evidence.setdefault(position, run)
        return shared, evidence
