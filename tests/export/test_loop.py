"""From a GGUF file through the whole loop to a GGUF file, and to an adapter that PEFT reads."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel

from export.small_models import make_model
from run.small import command, run, run_command
from run.test_other_models import overrides
from selfdistill.export.student import export_gguf
from selfdistill.models.load import load_model
from selfdistill.recipe.model import ModelSettings


def logits(model) -> torch.Tensor:
    ids = torch.randint(4, 500, (1, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(ids).logits


def opened(path) -> torch.nn.Module:
    return load_model(ModelSettings(path=str(path), device="cpu", dtype="float32"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT still reads it
def test_from_gguf_to_gguf_and_to_an_adapter(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = export_gguf(make_model(tmp_path / "base", "qwen3"), tmp_path / "base.gguf", "q8_0")
    settings = [
        *(each for each in overrides(tmp_path, "qwen3") if not each.startswith("model.path")),
        f"model.path={base}",
        "training.method=lora",
        "training.learning_rate=0.01",
        "training.warmup_steps=0",
        "training.lora.target_modules=[q_proj,down_proj]",
    ]
    out = tmp_path / "out"
    done = run(run_command(out, *settings))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("base.gguf: Q8_0 dequantised by transformers") == 1
    student = opened(out / "student")

    exported = run(command("export", str(out), "--gguf", "f16", "--out", str(tmp_path / "student.gguf")))
    assert exported.returncode == 0, exported.stderr
    assert (logits(opened(tmp_path / "student.gguf")) - logits(student)).std() < 0.002 * logits(student).std()

    exported = run(command("export", str(out), "--adapter", "--out", str(tmp_path / "adapter")))
    assert exported.returncode == 0, exported.stderr
    wrapped = PeftModel.from_pretrained(opened(base), tmp_path / "adapter")
    assert wrapped.peft_config["default"].base_model_name_or_path == str(base)
    moved = (logits(opened(base)) - logits(student)).std()
    assert (logits(wrapped) - logits(student)).std() < 0.05 * moved != 0
    assert (tmp_path / "adapter" / "tokenizer.json").is_file()

    again = run(command("export", str(out), "--adapter", "--out", str(tmp_path / "adapter")))
    assert again.returncode == 2
    assert "exists already" in again.stderr
    neither = run(command("export", str(out), "--out", str(tmp_path / "x")), cwd=tmp_path)
    assert "say what to export" in neither.stderr
