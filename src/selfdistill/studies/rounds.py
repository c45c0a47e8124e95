"""Several rounds of self-distillation: each samples from, and trains, the last round's student. Does it collapse?

Every round is an ordinary run directory. What is watched, beside the scores: how many different programs the samples
and the solutions hold, and on the first round's contexts how certain each round's model has become (entropy) and how
much of its mass lies on the first base's retained support.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from selfdistill.decoding.distribution import decode
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.engines.stream import Contexts, stream_logits
from selfdistill.files import read_records
from selfdistill.measure.evaluated import describe
from selfdistill.models.load import load_model
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.load import parse_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Prompt, Sample
from selfdistill.report.pages.page import Page
from selfdistill.report.pages.rounds import rounds_page
from selfdistill.report.results import Rounds, Watched
from selfdistill.run import pipeline as loop
from selfdistill.run import reporting, start
from selfdistill.run.integrity import check
from selfdistill.steps.evaluation.evaluate import systems_of
from selfdistill.studies import share
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.scores import differences, over_seeds, read_runs

CONTEXTS = 200
"""Of the first round's samples, on which entropy and kept mass are measured."""
CHUNK_LOGITS = 2**24


def run_rounds(recipe: Recipe, out: Path) -> list[RunDirectory]:
    """All rounds of a recipe, from where they stand.

    Raises:
        UserError: a mistake in the recipe, its data or the machine's set-up.
    """
    done: list[RunDirectory] = []
    for number in range(1, recipe.rounds.count + 1):
        each = round_recipe(recipe, number, [directory.root for directory in done])
        if number == 1:
            start.check_recipe(each)
        directory = start.begin(each, round_directory(out, number).root)
        with exclusive(directory):
            loop.run_stage("sample", each, directory)
            loop.run_stage("train", each, directory)
            if done:
                _take_over(done[-1], directory, each)
            loop.run_stage("evaluate", each, directory)
            reporting.write_report(directory)
        done.append(directory)
    return done


def study(recipes: Sequence[Recipe], out: Path) -> tuple[Rounds, Page]:
    """The rounds of each seed, then the page over all of them.

    Args:
        recipes: one a seed, otherwise the same.
        out: holds the rounds, or a directory of rounds a seed where there are several.
    """
    places = [out / f"seed-{recipe.seed}" if len(recipes) > 1 else out for recipe in recipes]
    for recipe, place in zip(recipes, places, strict=True):
        run_rounds(recipe, place)
    summary = summarise(recipes[0], places)
    return summary, rounds_page(summary)


def round_directory(out: Path, number: int) -> RunDirectory:
    """Where one round is, counted from 1."""
    return StudyDirectory(out).run(f"round-{number}")


def round_recipe(recipe: Recipe, number: int, earlier: Sequence[Path]) -> Recipe:
    """One round's recipe: what is trained, who samples, which prompts."""
    tree = recipe.model_dump(mode="json")
    settings = recipe.rounds
    tree["rounds"] = {**tree["rounds"], "count": 1, "number": number}
    if earlier:
        tree["model"] = {**tree["model"], "path": str(RunDirectory(earlier[-1]).student), "revision": None}
        if settings.sample_from == "base":
            tree["sampling"]["model"] = recipe.model.path
        if settings.prompts == "fresh":
            tree["prompts"]["skip"] = recipe.prompts.skip + (number - 1) * (recipe.prompts.limit or 0)
        if settings.mix_first:
            tree["sampling"]["mix"] = {"run": str(earlier[0]), "share": settings.mix_first}
    return parse_recipe(tree, "rounds")


def summarise(recipe: Recipe, outs: Sequence[Path]) -> Rounds:
    """Scores and diversity round by round, averaged over seeds; `rounds.json`.

    Args:
        recipe: of any of the seeds.
        outs: one directory of rounds a seed.
    """
    count = recipe.rounds.count
    numbers = range(1, count + 1)
    directories = {(seed, number): round_directory(out, number) for seed, out in enumerate(outs) for number in numbers}
    runs = read_runs(directories, recipe.evaluation.pass_at)
    seeds = range(len(outs))
    first = [runs[seed, 1].default("base") for seed in seeds]
    scores = [first] + [[runs[seed, number].default("student") for seed in seeds] for number in numbers]
    watched = [_watch(recipe, out) for out in outs]
    return {
        "name": recipe.name,
        "settings": recipe.rounds.model_dump(mode="json", exclude={"number"}),
        "seeds": len(outs),
        "problems": len(runs[0, 1].task_ids),
        "measures": [f"pass@{k}" for k in recipe.evaluation.pass_at],
        "rounds": [
            {
                "round": number,
                "scores": over_seeds(found),
                "minus_base": differences(found, first) if number else None,
                **_averaged([each[number] for each in watched]),
            }
            for number, found in enumerate(scores)
        ],
    }


def _take_over(before: RunDirectory, directory: RunDirectory, recipe: Recipe) -> None:
    """The last round's student is this round's base: its programs are there already where the decoding is the same."""
    known = {
        system.stages: system
        for system in systems_of(recipe.evaluation, recipe.sampling.decoding)
        if system.model == "student" and before.system_verdicts(system.name).is_file()
    }
    for system in systems_of(recipe.evaluation, recipe.sampling.decoding):
        source = known.get(system.stages)
        if system.model == "base" and source and not directory.system_verdicts(system.name).is_file():
            share.take_system(before, directory, source, system)


def _watch(recipe: Recipe, out: Path) -> list[Watched]:
    """Per model, the first base and then each round's student: diversity of its programs, certainty, kept mass."""
    count = recipe.rounds.count
    first = round_directory(out, 1)
    check(first, "prompts", "samples")
    for number in range(1, count + 1):
        check(round_directory(out, number), "student")
    prompts = {p.prompt_id: p.token_ids for p in read_records(first.prompts, Prompt)}
    samples = list(read_records(first.samples, Sample))[:CONTEXTS]
    contexts = [Contexts(prompts[sample.prompt_id], sample.token_ids) for sample in samples]
    models = [recipe.model.path] + [str(round_directory(out, n + 1).student) for n in range(count)]
    rows: list[Watched] = []
    for number, path in enumerate(models):
        directory = round_directory(out, max(number, 1))
        system = next(
            s
            for s in systems_of(recipe.evaluation, recipe.sampling.decoding)
            if s.model == ("student" if number else "base") and "default" in s.roles
        )
        programs = describe(directory.system_samples(system.name))
        entropy, kept = measure_certainty(recipe.model, path, recipe.sampling.decoding, contexts)
        distinct = programs.distinct / max(1, programs.count)
        rows.append({"distinct_programs": distinct, "entropy": entropy, "kept_mass": kept})
    return rows


@torch.inference_mode()
def measure_certainty(
    base_model: ModelSettings, path: str, decoding: Decoding, contexts: Sequence[Contexts]
) -> tuple[float, float]:
    """Means over positions: a model's entropy (nats, T 1, no truncation), its mass on the first base's support."""
    base, model = load_model(base_model), load_model(base_model, path)
    entropy = kept = 0.0
    positions = 0
    for chunk in stream_logits((base, model), contexts, CHUNK_LOGITS):
        ranked = decode(chunk.logits[0], (decoding,))
        own = chunk.logits[1].float().log_softmax(-1)
        retained = own.gather(-1, ranked.token_ids).exp() * (ranked.probabilities > 0)
        entropy += float(-(own.exp() * own).sum())
        kept += float(retained.sum())
        positions += len(chunk.rows)
    return entropy / max(1, positions), kept / max(1, positions)


def _averaged(rows: Sequence[Watched]) -> Watched:
    return {
        "distinct_programs": _mean([row["distinct_programs"] for row in rows]),
        "entropy": _mean([row["entropy"] for row in rows]),
        "kept_mass": _mean([row["kept_mass"] for row in rows]),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
