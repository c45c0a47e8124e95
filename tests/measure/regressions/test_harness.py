"""lm-eval through its Python API: a task of our own on a tiny model, offline, against the model's own logits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfdistill.errors import UserError
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.regressions import RegressionSettings

pytestmark = pytest.mark.engines

ITEMS = [("The sky is", " blue", " seven"), ("def f(x): return", " x", " )"), ("one, two,", " three", " def")]
TASK = """\
task: own_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
target_delimiter: ""
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSettings:
    from tiny_models import make_model

    return ModelSettings(path=str(make_model(tmp_path_factory.mktemp("model"))), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RegressionSettings:
    pytest.importorskip("lm_eval")
    folder = tmp_path_factory.mktemp("tasks")
    rows = [{"question": q, "choices": [a, b], "answer": n % 2} for n, (q, a, b) in enumerate(ITEMS)]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "own.yaml").write_text(TASK.format(data=folder / "items.jsonl"))
    return RegressionSettings(task_directory=str(folder))


def answers(path: str) -> list[float]:
    """Whether the model finds the right choice likelier, from its logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    network = AutoModelForCausalLM.from_pretrained(path).eval()

    def likelihood(question: str, choice: str) -> float:
        start, ids = len(tokenizer(question)["input_ids"]), tokenizer(question + choice)["input_ids"]
        with torch.inference_mode():
            logprobs = network(torch.tensor([ids])).logits[0].log_softmax(-1)
        return sum(float(logprobs[place - 1, ids[place]]) for place in range(start, len(ids)))

    found = []
    for number, (question, *choices) in enumerate(ITEMS):
        scores = [likelihood(question, choice) for choice in choices]
        found.append(float(scores.index(max(scores)) == number % 2))
    return found


def test_items_are_scored_as_the_models_logits_say(model, settings):
    from selfdistill.measure.regressions.harness import run_task

    result = run_task("own_choice", model, None, settings, chat=False)
    assert (result.metric, result.higher_is_better) == ("acc", True)
    assert [score.item for score in result.scores] == ["own_choice/0", "own_choice/1", "own_choice/2"]
    assert [score.value for score in result.scores] == answers(model.path)


def test_the_limit_holds(model, settings):
    from selfdistill.measure.regressions.harness import run_task

    limited = settings.model_copy(update={"limit": 2})
    assert len(run_task("own_choice", model, model.path, limited, chat=False).scores) == 2


def test_an_unknown_task_is_one_line(model, settings):
    from selfdistill.measure.regressions.harness import run_task

    with pytest.raises(UserError, match=r"lm-eval:no_such_task: lm-eval cannot run this task"):
        run_task("no_such_task", model, None, settings, chat=False)


def test_measuring_writes_its_metric_and_scores(model, settings, tmp_path: Path):
    from selfdistill.directory import RunDirectory
    from selfdistill.measure.regressions.loading import load_task
    from selfdistill.measure.regressions.measure import measure
    from selfdistill.measure.regressions.registry import read_measured
    from selfdistill.problems.render import load_renderer
    from selfdistill.recipe import load_recipe
    from selfdistill.report.regressions import regressions
    from selfdistill.run.checks import how_to_measure

    recipe = load_recipe(
        "demo",
        [
            f"model.path={model.path}",
            "model.device=cpu",
            "checks.regressions.tasks=['lm-eval:own_choice']",
            f"checks.regressions.task_directory={settings.task_directory}",
        ],
    )
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    loaded = [load_task(recipe.checks.regressions, "validation", "lm-eval:own_choice", renderer, context)]
    directory = RunDirectory(tmp_path / "run")
    directory.root.mkdir()
    directory.student.symlink_to(model.path)
    measure(how_to_measure(recipe), directory, loaded, renderer, context, lambda *_: None)
    [task] = read_measured(directory)
    assert (task.form, task.score, task.higher_is_better) == ("lm-eval", "acc", True)
    [row] = regressions(directory, [], ["pass@1"], 0)["tasks"]
    assert (row["gain"]["value"], row["gain"]["problems"]) == (0, 3)
