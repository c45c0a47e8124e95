"""A real model as GGUF and back: the same tokens, and the same answers up to 16 bits (`make test-real`)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from export.small_models import HARD, messages
from selfdistill.export.student import export_gguf
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.model import ModelSettings

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

MODEL = Path(__file__).resolve().parents[2] / ".models" / "smollm2-135m"


def test_there_and_back(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = str(export_gguf(MODEL, tmp_path / "model.gguf", "f16"))
    before, after = load_tokenizer(str(MODEL)), load_tokenizer(file)
    chat = [
        each.apply_chat_template(messages(HARD[0]), add_generation_prompt=True).input_ids for each in (before, after)
    ]
    assert chat[0] == chat[1]
    assert [after(text).input_ids for text in HARD] == [before(text).input_ids for text in HARD]
    models = [load_model(ModelSettings(path=path, device="cpu", dtype="float32")) for path in (str(MODEL), file)]
    with torch.no_grad():
        wanted, got = (model(torch.tensor([chat[0]])).logits[0] for model in models)
    assert (wanted - got).std() < 0.005 * wanted.std()
