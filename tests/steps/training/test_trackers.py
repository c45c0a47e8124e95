"""Trackers: TensorBoard for real, its files kept with the run; what is missing or unknown is said before sampling."""

from __future__ import annotations

import json

import pytest

from run.small import SMALL
from selfdistill.errors import UserError
from selfdistill.recipe import load_recipe
from selfdistill.run import start
from selfdistill.run.sampling import sample
from selfdistill.run.training import train
from selfdistill.steps.training import extras
from selfdistill.steps.training.extras import require_extras


def require(recipe) -> None:
    require_extras(recipe.model, recipe.training)


@pytest.mark.engines
@pytest.mark.filterwarnings("default")
def test_tensorboard_holds_every_step_of_the_log(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    recipe = load_recipe("demo", [*SMALL, "prompts.limit=32", "training.report_to=[tensorboard]"])
    directory = start.begin(recipe, tmp_path / "run")
    sample(recipe, directory)
    train(recipe, directory)
    assert not (directory.root / "checkpoints").exists()
    events = accumulator.EventAccumulator(str(directory.root / "tensorboard")).Reload()
    log = [json.loads(line) for line in directory.training_log.read_text().splitlines()]
    shown = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert shown == [(line["step"], pytest.approx(line["loss"], rel=1e-6)) for line in log]


def test_a_missing_tracker_is_one_line(monkeypatch):
    monkeypatch.setattr(extras.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"training.report_to wandb needs .*pip install 'selfdistill\[trackers\]'"):
        require(load_recipe("demo", ["training.report_to=[wandb]"]))


def test_an_unknown_tracker_is_one_line():
    with pytest.raises(UserError, match=r"no tracker abacus \(known: .*mlflow"):
        require(load_recipe("demo", ["training.report_to=[abacus]"]))


def test_nothing_is_reported_unless_it_is_asked_for():
    assert load_recipe("demo").training.report_to == ()
    require(load_recipe("demo"))
