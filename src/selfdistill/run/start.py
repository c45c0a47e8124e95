"""A run before its steps: is the recipe possible here, and what are its prompts?"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.agreement.model_inputs import asks_for_inputs, require_chat
from selfdistill.checked import checked
from selfdistill.decoding.syntax import require_syntax
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.engines.ray_cluster import require_cluster
from selfdistill.errors import UserError
from selfdistill.files import record_line, write_bytes, write_json
from selfdistill.grading.isolation import require
from selfdistill.measure.contamination.run import prompt_filter
from selfdistill.measure.regressions.loading import load_task
from selfdistill.models.attention import check_attention
from selfdistill.models.devices import resolve_device
from selfdistill.models.paths import resolve_path
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.prepare import prepare_prompts
from selfdistill.problems.prompted import check_lengths, render_problem
from selfdistill.problems.render import load_renderer
from selfdistill.recipe.decoding import split_syntax
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Prompt
from selfdistill.run import apart
from selfdistill.run.engine import settled
from selfdistill.run.fingerprints import fingerprint_file, fingerprint_model
from selfdistill.run.integrity import check, check_student, seal, sealed
from selfdistill.run.manifest import finished, set_fingerprint
from selfdistill.run.mirror import pull
from selfdistill.run.own_recipe import open_manifest
from selfdistill.run.prediction import predict
from selfdistill.run.self_written import check_self, is_self_written, write_self
from selfdistill.run.timing import timed_stage
from selfdistill.steps.training.extras import require_extras
from selfdistill.steps.training.keep import require_judge

if TYPE_CHECKING:
    from selfdistill.problems.prepare import PromptCounts


def check_recipe(recipe: Recipe) -> None:
    """Find the mistakes that would show after hours, before anything is written.

    Raises:
        UserError: the model has no tokenizer, prompts, problems or other tasks cannot be read, the sandbox is missing,
            or so is what training filters by, or a cluster.
    """
    resolve_device(recipe.model.device)
    check_attention(recipe.model.attention)
    require_extras(recipe.model, recipe.training)
    require_judge(recipe.training, recipe.prompts.source)
    if any(split_syntax(stages)[0] for stages in recipe.evaluation.baselines):
        require_syntax()
    if recipe.cluster:
        require_cluster(recipe.cluster)
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    _ = renderer.chat  # raises where a template is demanded and absent
    if asks_for_inputs(recipe.training):
        require_chat(renderer)
    problems = load_problems(recipe.evaluation)
    check_lengths([render_problem(problem, renderer) for problem in problems], context)
    require(recipe.evaluation.grading.isolation)
    for name in recipe.checks.regressions.tasks:
        load_task(recipe.checks.regressions, recipe.evaluation.split, name, renderer, context)


def _check_models(recipe: Recipe, *, sampled: bool) -> None:
    """The base, and what samples in its place until that is done: of another run, they are as it has left them."""
    other_model, mix = (None, None) if sampled else (recipe.sampling.model, recipe.sampling.mix)
    for path in filter(None, (recipe.model.path, other_model)):
        check_student(Path(resolve_path(path)))
    if mix is not None:
        other = RunDirectory(Path(mix.run))
        if not other.samples.is_file():
            raise UserError("holds no samples to mix in", where=mix.run, fix="set sampling.mix.run to a run")
        check(other, "samples", "targets")


def _require_short(out: Path) -> None:
    """Before a directory above it is made, which would stay behind."""
    longest = os.pathconf("/", "PC_NAME_MAX")
    for name in out.parts:
        if len(os.fsencode(name)) > longest:
            raise UserError(f"{name[:20]}... is too long for a name: over {longest} bytes", where="--out")


@checked
def begin(recipe: Recipe, out: Path) -> RunDirectory:
    """Open or create a run directory, with prepared prompts in it; from the recipe's storage, if the run is there."""
    _require_short(out)
    directory = RunDirectory(out)
    pull(recipe, directory)
    _check_models(recipe, sampled=finished(directory, "sample"))
    fresh = not directory.prompts.is_file()
    if fresh and is_self_written(recipe.prompts):
        _write_self(recipe, directory)
    if fresh:
        prompts, counts = read_prompts(recipe, directory.self_written)
    open_manifest(directory, recipe)
    set_fingerprint(directory, "model", fingerprint_model(resolve_path(recipe.model.path), recipe.model.revision))
    if fresh:
        write_json(directory.prompt_counts, asdict(counts))
        write_bytes(directory.prompts, b"".join(record_line(prompt) for prompt in prompts))
        predict(recipe, directory, prompts)
    check(directory, "prompts")
    set_fingerprint(directory, "prompts", fingerprint_file(directory.prompts))
    if not sealed(directory, "prompts"):
        seal(directory, "prompts")
    return directory


def write_prompts(recipe: Recipe, directory: RunDirectory) -> None:
    """The source `self`: the base writes its users' turns."""
    with timed_stage(directory, "prompts"):
        write_self(settled(recipe, directory), directory.self_samples, directory.self_written)


def read_prompts(recipe: Recipe, written: Path | None = None) -> tuple[list[Prompt], PromptCounts]:
    """The recipe's prompts, rendered, and what was dropped; writes nothing.

    Args:
        recipe: of the run.
        written: what the base wrote itself, for the source `self`.
    """
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    texts = recipe.sampling.source == "texts"
    drop = prompt_filter(recipe.checks.contamination, recipe.evaluation)
    return prepare_prompts(renderer, seed=recipe.seed, context=context, texts=texts, drop=drop, written=written)


def _write_self(recipe: Recipe, directory: RunDirectory) -> None:
    """Begin the run with its prompts: in a process of its own where the model would hold a GPU."""
    check_self(recipe)
    open_manifest(directory, recipe)
    with exclusive(directory):
        if not directory.self_written.is_file():
            apart.run("prompts", write_prompts, recipe, directory)
