"""Nats per token against the model's own loss, and against what a uniform model must give."""

from __future__ import annotations

import json
import math

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from selfdistill import embedded
from selfdistill.errors import UserError
from selfdistill.measure.regressions import likelihood
from selfdistill.measure.regressions.likelihood import score_documents
from selfdistill.measure.regressions.texts import task_documents
from selfdistill.recipe.tasks import task
from tiny_models import make_model

DOCUMENTS = [(str(number), text) for number, text in enumerate(embedded.held_out(12))]


@pytest.fixture(scope="module")
def base():
    directory = embedded.model_dir()
    return AutoModelForCausalLM.from_pretrained(directory).eval(), AutoTokenizer.from_pretrained(directory)


@pytest.mark.parametrize("logits", [2**24, 640 * 10])
def test_scores_are_the_models_own_loss(base, monkeypatch, logits):
    """Whole documents at once, and in slices of ten tokens."""
    monkeypatch.setattr(likelihood, "_LOGITS", logits)
    model, tokenizer = base
    found = score_documents(model, tokenizer, DOCUMENTS, context=512, ends=True)
    for (name, text), score in zip(DOCUMENTS, found, strict=True):
        ids = torch.tensor([[*tokenizer(text)["input_ids"], tokenizer.eos_token_id]])
        with torch.inference_mode():
            expected = float(model(input_ids=ids, labels=ids).loss)
        assert score.item == name
        assert score.value == pytest.approx(expected, abs=1e-4)


def test_a_uniform_model_needs_the_logarithm_of_its_vocabulary(tmp_path):
    directory = make_model(tmp_path)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(directory), AutoTokenizer.from_pretrained(directory)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    scores = score_documents(model, tokenizer, [("a", "any text"), ("b", "x")], context=512, ends=False)
    assert scores[0].value == pytest.approx(math.log(len(tokenizer)))
    assert scores[1].value is None, "one byte: nothing is predicted"


def test_documents_are_cut_at_the_context(base):
    model, tokenizer = base
    [whole] = score_documents(model, tokenizer, [("a", DOCUMENTS[0][1])], context=8, ends=False)
    ids = torch.tensor([tokenizer(DOCUMENTS[0][1])["input_ids"][:8]])
    with torch.inference_mode():
        assert whole.value == pytest.approx(float(model(input_ids=ids, labels=ids).loss), abs=1e-4)


def test_own_documents_come_from_the_column_text(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("one", "", "two", "three")))
    assert task_documents(task(f"text:{path}"), 2) == [("row 1", "one"), ("row 2", "two")]
    path.write_text("")
    with pytest.raises(UserError, match="holds no text"):
        task_documents(task(f"text:{path}"), 2)
