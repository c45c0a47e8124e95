"""Models that are damaged, of another kind, or put together wrongly: one line that names what, and what to do."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run.damaged import said
from run.small import command, run
from selfdistill.embedded.directory import model_dir
from selfdistill.recipe import load_recipe
from selfdistill.run.pipeline import run_recipe

Fault = Callable[[Path], None]


def config(**changes: Any) -> Fault:
    """With these keys of config.json changed; None takes one out."""

    def change(model: Path) -> None:
        path = model / "config.json"
        values = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))

    return change


def holding(name: str, data: str | bytes) -> Fault:
    return lambda model: (model / name).write_bytes(data if isinstance(data, bytes) else data.encode()) and None


def halved(name: str) -> Fault:
    return lambda model: os.truncate(model / name, (model / name).stat().st_size // 2)


def without(*names: str) -> Fault:
    def remove(model: Path) -> None:
        for name in names:
            (model / name).unlink()

    return remove


def empty_vocabulary(model: Path) -> None:
    path = model / "tokenizer.json"
    values = json.loads(path.read_text())
    values["model"] |= {"vocab": {}, "merges": []}
    path.write_text(json.dumps(values | {"added_tokens": []}))


def more_tokens(model: Path) -> None:
    """Words of its own beyond the embedding, as where somebody has extended the tokenizer and not the model."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens([f"w{number}" for number in range(20)])
    tokenizer.save_pretrained(model)


def a_shard_short(model: Path) -> None:
    (model / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": "model-00001-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))


def pickled(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


SMALL_BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
SEEN_AT_ONCE: dict[str, tuple[Fault, str]] = {
    "BERT": (
        holding("config.json", json.dumps({"model_type": "bert", "vocab_size": 1000, **SMALL_BERT})),
        "bert reads texts in both directions, which is no causal language model (choose a model that continues",
    ),
    "T5": (
        holding("config.json", json.dumps({"model_type": "t5", "vocab_size": 1000, "d_model": 32, "num_layers": 2})),
        "transformers has no causal language model of the kind T5 (choose",
    ),
    "CLIP": (holding("config.json", '{"model_type": "clip"}'), "no causal language model of the kind CLIP (choose"),
    "an unknown kind": (config(model_type="frobnicator"), "`frobnicator`"),
    "no kind": (config(model_type=None), "Should have a `model_type` key in its config.json. (check config.json"),
    "a configuration of a wrong type": (config(hidden_size="big"), "'hidden_size'"),
    "no heads": (config(num_attention_heads=0), "(check config.json"),
    "an empty configuration": (holding("config.json", ""), "damaged or incomplete: config.json (fetch"),
    "half a configuration": (halved("config.json"), "damaged or incomplete: config.json (fetch"),
    "no configuration": (without("config.json"), "not a model directory: it has no config.json"),
    "another vocabulary": (config(vocab_size=100), "the tokenizer gives the token id 639, and the model has only 100"),
    "an empty tokenizer file": (holding("tokenizer.json", ""), "damaged or incomplete: tokenizer.json (fetch"),
    "an empty tokenizer": (holding("tokenizer.json", "{}"), "cannot load the tokenizer: it lacks 'added_tokens' (put"),
    "half a tokenizer": (halved("tokenizer.json"), "damaged or incomplete: tokenizer.json (fetch"),
    "no tokenizer": (without("tokenizer.json", "tokenizer_config.json"), "has no tokenizer: none of tokenizer.json, "),
    "an empty vocabulary": (empty_vocabulary, "the tokenizer makes no token of a text (take the tokenizer that"),
}
"""Before anything is written."""
SEEN_WHEN_READ: dict[str, tuple[Fault, str]] = {
    "half of the weights": (halved("model.safetensors"), "damaged or incomplete: model.safetensors (fetch"),
    "no weights in it": (holding("model.safetensors", b""), "damaged or incomplete: model.safetensors (fetch"),
    "an endless header": (
        holding("model.safetensors", struct.pack("<Q", 2**60) + bytes(50)),
        "damaged or incomplete: model.safetensors (fetch",
    ),
    "no weights": (without("model.safetensors"), "no file named model.safetensors"),
    "pickled weights": (pickled, "pickled ones are never read"),
    "a missing shard": (a_shard_short, "model-00001-of-00002.safetensors (fetch"),
    "a wider model": (config(hidden_size=64), "weights have another shape than config.json says"),
    "a deeper model": (config(num_hidden_layers=9), "of the model's weights are not in the checkpoint"),
    "a shallower model": (config(num_hidden_layers=1), "of the checkpoint's tensors have no place in LlamaForCausalLM"),
    "half a generation configuration": (halved("generation_config.json"), "damaged or incomplete: generation_config"),
}
"""When the model is loaded, the first thing that sampling does."""


def recipe_of(folder: Path, fault: Fault, statement: str = "def f(x):\n    return") -> tuple[list[str], Path]:
    """Overrides for a run of few tokens on a copy of the embedded model with a fault, and the copy."""
    model = folder / "model"
    shutil.copytree(model_dir(), model)
    fault(model)
    prompts = folder / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"question": f"{statement} {number}"}) + "\n" for number in range(4)))
    few = ["prompts.limit=null", "sampling.max_new_tokens=8", "evaluation.limit=2", "checks.regressions.tasks=[]"]
    return [f"model.path={model}", f"prompts.source={prompts}", *few], model


@pytest.mark.parametrize(("fault", "expected"), SEEN_AT_ONCE.values(), ids=SEEN_AT_ONCE)
def test_what_shows_without_the_weights_is_refused_before_anything_is_written(tmp_path, fault, expected):
    overrides, model = recipe_of(tmp_path, fault)
    line = said(lambda: run_recipe(load_recipe("demo", overrides), tmp_path / "out"))
    assert line is not None
    assert line.startswith(f"{model}: ")
    assert expected in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "expected"), SEEN_WHEN_READ.values(), ids=SEEN_WHEN_READ)
def test_what_is_wrong_with_the_weights_is_one_line(tmp_path, fault, expected):
    overrides, model = recipe_of(tmp_path, fault)
    line = said(lambda: run_recipe(load_recipe("demo", overrides), tmp_path / "out"))
    assert line is not None
    assert line.startswith(f"{model}: ")
    assert expected in line
    assert line.endswith(")"), "says what to do"
    assert not (tmp_path / "out" / "samples.jsonl").exists()


@pytest.mark.slow
def test_a_token_that_the_model_does_not_have_is_the_tokenizers_fault(tmp_path):
    overrides, _ = recipe_of(tmp_path, more_tokens, statement="w17")
    line = said(lambda: run_recipe(load_recipe("demo", overrides), tmp_path / "out"))
    assert (
        line == "model.path: a token id is beyond the model's vocabulary (take the tokenizer that belongs to the model)"
    )


def test_wrong_modules_of_lora_are_named_with_those_that_there_are(tmp_path):
    overrides, _ = recipe_of(tmp_path, lambda model: None)
    overrides += ["training.method=lora", "training.lora.target_modules=[c_attn]"]
    line = said(lambda: run_recipe(load_recipe("demo", overrides), tmp_path / "out"))
    assert line is not None
    assert line.startswith(
        "training.lora.target_modules: no weight of the model is named c_attn; there are self_attn.q"
    )
    assert not (tmp_path / "out").exists()


# Limits of the machine, through the command line ----------------------------------------------------------------------

LIMITS = {
    "files": ("ulimit -n 48", "too few file descriptors: this process may have 48 files open (raise the limit (ulimit"),
    "memory": ("ulimit -v 1200000", "memory"),
    "size of files": ("ulimit -f 2", "File too large (choose another --out"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "expected"), LIMITS.values(), ids=LIMITS)
def test_a_limit_is_one_line_with_how_to_raise_it(tmp_path, limit, expected):
    overrides, _ = recipe_of(tmp_path, lambda model: None)
    sets = [part for override in overrides for part in ("--set", override)]
    arguments = command("run", "demo", "--out", str(tmp_path / "out"), *sets)
    done = run(["bash", "-c", f'{limit}; exec "$@"', "bash", *arguments])
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert expected in last
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_directory_with_too_long_a_name_is_one_line(tmp_path):
    done = run(command("run", "demo", "--out", str(tmp_path / ("x" * 300)), "--set", "prompts.limit=4"))
    assert done.returncode == 2
    assert "is too long for a name: over 255 bytes" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [1, 5, 9])
def test_a_disk_that_is_full_is_one_line_and_the_run_continues_elsewhere(tmp_path, megabytes):
    """A real file system of few megabytes: full while targets, a checkpoint or the student is written."""
    from selfdistill.grading.bubblewrap import bubblewrap_path

    bubblewrap = bubblewrap_path()
    if bubblewrap is None:
        pytest.skip("needs bubblewrap, to mount a small file system")
    overrides, _ = recipe_of(tmp_path, lambda model: None)
    overrides += ["training.batch_size=2", "training.micro_batch_size=2", "training.checkpoint_every=1"]
    sets = [part for override in overrides for part in ("--set", override)]
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    arguments = command("run", "demo", "--out", str(disk / "run"), *sets)
    script = f'"$@"; code=$?; cp -r {disk}/run {kept}; exit $code'
    small = ["--dev-bind", "/", "/", "--size", str(megabytes * 2**20), "--tmpfs", str(disk)]
    done = run([bubblewrap, *small, "bash", "-c", script, "bash", *arguments])
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "No space left on device" in last or "the disk is full" in last
    assert "Traceback" not in done.stderr
    shutil.copytree(kept, disk / "run")
    again = run(arguments)
    assert again.returncode == 0, again.stderr
