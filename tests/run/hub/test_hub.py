"""Models and prompts from the hub, then from its cache without a network; a student to the hub, only when asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from run.hub.fake_hub import KEY, FakeHub
from run.small import command, environment
from run.small import run as run_it
from selfdistill.files import read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample
from selfdistill.report.card import model_card
from tiny_models import make_model


@pytest.fixture
def hub():
    made = FakeHub()
    yield made
    made.stop()


@pytest.fixture
def run(hub, tmp_path, monkeypatch):
    """Runs a command as a user of this hub, with a home of its own."""
    for name in [name for name in environment() if name.startswith("HF_")]:
        monkeypatch.delenv(name)
    user = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": KEY}
    for name, value in user.items():
        monkeypatch.setenv(name, value)
    return run_it


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def made_run(tmp_path: Path) -> Path:
    """A run directory with a student, and with things that are nobody's business."""
    root = tmp_path / "run"
    make_model(root / "student")
    recipe = load_recipe("demo", [f"model.path={root / 'student'}"])
    (root / "student" / "README.md").write_text(model_card(recipe, None))
    (root / "samples.jsonl").write_text("private\n")
    return root


@pytest.mark.slow
def test_push_puts_the_student_and_nothing_else_there_privately(tmp_path, hub, run):
    root = made_run(tmp_path)
    done = run(command("push", str(root), "me/student"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/me/student"
    repository = hub.repositories["models/me/student"]
    assert repository.private
    assert repository.files == files_of(root / "student")
    assert run(command("push", str(root), "me/student")).returncode == 0, "again, into the same repository"
    assert KEY not in done.stdout + done.stderr


@pytest.mark.slow
def test_push_makes_public_only_what_is_said_to_be(tmp_path, hub, run):
    root = made_run(tmp_path)
    assert run(command("push", str(root), "me/open", "--public")).returncode == 0
    repository = hub.repositories["models/me/open"]
    assert not repository.private
    commits = repository.commits
    refused = run(command("push", str(root), "me/open"))
    assert refused.returncode == 2
    assert "me/open: the repository is public already" in refused.stderr
    assert repository.commits == commits


@pytest.mark.slow
def test_push_mistakes_are_one_line(tmp_path, hub, run, monkeypatch):
    root = made_run(tmp_path)
    for arguments, expected in (
        (["push", str(tmp_path), "me/x"], "there is no student to push"),
        (["push", str(root), "a/b/c"], "a/b/c: the hub did not take it: Repo id must be in the form"),
    ):
        done = run(command(*arguments))
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
        assert expected in done.stderr
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    done = run(command("push", str(root), "me/x"))
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert "log in with `hf auth login`" in done.stderr
    assert "hf_wrong" not in done.stderr
    assert hub.repositories == {}


@pytest.mark.slow
def test_a_run_uses_the_hub_and_later_its_cache_without_a_network(tmp_path, hub, run, monkeypatch):
    rows = [{"question": f"Add {n} to a number."} for n in range(12)]
    hub.add("models/me/base", files_of(make_model(tmp_path / "base", chat=True)))
    hub.add("datasets/me/prompts", {"train.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode()})
    sets = ["model.path=me/base", "prompts.source=me/prompts", "prompts.template=auto", "prompts.chat=auto"]
    sets += ["prompts.limit=null", "sampling.max_new_tokens=16"]
    arguments = ["--recipe", "demo", *[part for line in sets for part in ("--set", line)]]
    online = run(command("sample", str(tmp_path / "online"), *arguments))
    assert online.returncode == 0, online.stderr
    prompts = list(read_records(tmp_path / "online" / "prompts.jsonl", Prompt))
    assert [prompt.statement for prompt in prompts] == [row["question"] for row in rows]
    manifest = read_json(tmp_path / "online" / "manifest.json")
    assert manifest["fingerprints"]["model"] == f"me/base@{hub.repositories['models/me/base'].commit}"

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    offline = run(command("sample", str(tmp_path / "offline"), *arguments))
    assert offline.returncode == 0, offline.stderr
    first, second = (list(read_records(tmp_path / name / "samples.jsonl", Sample)) for name in ("online", "offline"))
    assert len(first) == len(rows)
    assert first == second

    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    nothing = run(command("sample", str(tmp_path / "nothing"), *arguments))
    assert (nothing.returncode, len(nothing.stderr.strip().splitlines())) == (2, 1), nothing.stderr
    assert "me/base: cannot load the" in nothing.stderr
    assert not (tmp_path / "nothing").exists()
