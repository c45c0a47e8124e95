"""A run asks for the systems that answer the question; the grid of temperatures comes when it is asked for."""

from __future__ import annotations

import pytest

from run.small import command, run, run_command
from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, read_records
from selfdistill.recipe import changed_keys, load_recipe, with_whole_grid
from selfdistill.records import Sample
from selfdistill.run.manifest import update_manifest
from selfdistill.run.own_recipe import open_manifest, read_recipe
from selfdistill.run.timing import timed_together
from selfdistill.steps.evaluation.evaluate import systems_of


def test_without_a_grid_there_are_the_defaults_the_baselines_and_greedy():
    recipe = load_recipe("demo", ["evaluation.grid={}"])
    assert [(system.model, system.roles) for system in systems_of(recipe.evaluation, recipe.sampling.decoding)] == [
        ("base", ("default",)),
        ("base", ("sampling",)),
        ("base", ("preview",)),
        ("student", ("default",)),
        ("base", ("grid",)),
        ("student", ("grid",)),
    ]
    whole = with_whole_grid(recipe)
    assert whole.evaluation.grid.temperatures == (0.0, 0.5, 0.7, 0.9, 1.1, 1.3)
    assert changed_keys(recipe, whole) == (), "a finished run may be extended"


def test_a_run_remembers_the_grid_that_it_was_extended_by(tmp_path):
    directory, recipe = RunDirectory(tmp_path / "run"), load_recipe("demo", ["evaluation.grid={}"])
    open_manifest(directory, recipe)
    open_manifest(directory, with_whole_grid(recipe))
    assert read_recipe(directory) == with_whole_grid(recipe)


def test_systems_that_share_batches_share_the_time_by_what_each_gained(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    open_manifest(directory, load_recipe("demo"))
    update_manifest(directory, "stages", {"evaluate a": {"tokens": 100, "seconds": 7.0}})
    with timed_together(directory, ("evaluate a", "evaluate b", "evaluate c")) as facts:
        for name, tokens in (("evaluate a", 100), ("evaluate b", 30), ("evaluate c", 10)):
            facts[name]["tokens"] = tokens
        end = sum(range(10**6))
    assert end
    stages = read_json(directory.manifest)["stages"]
    assert stages["evaluate a"] == {"tokens": 100, "seconds": 7.0, "waited_seconds": 0.0}, "it was there already"
    assert stages["evaluate b"]["seconds"] == pytest.approx(3 * stages["evaluate c"]["seconds"], abs=0.003)
    assert stages["evaluate b"]["seconds"] > 0.003


@pytest.mark.slow
def test_a_finished_run_is_extended_by_the_grid(tmp_path):
    out = tmp_path / "run"
    assert run(run_command(out, "evaluation.grid.temperatures=[]")).returncode == 0
    directory = RunDirectory(out)
    names = [system["name"] for system in read_json(directory.systems)]
    assert len(names) == 4
    before = {name: directory.system_samples(name).read_bytes() for name in names}
    assert run(command("evaluate", str(out), "--grid")).returncode == 0
    assert run(command("report", str(out))).returncode == 0
    systems = read_json(directory.summary)["systems"]
    assert sum("grid" in system["roles"] for system in systems) == 2 * 6
    assert {name: directory.system_samples(name).read_bytes() for name in names} == before
    greedy = list(read_records(directory.system_samples("student-greedy"), Sample))
    assert len(greedy) == 32
    assert len({(s.prompt_id, s.token_ids) for s in greedy}) == 16
