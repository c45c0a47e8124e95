"""Which engine runs a decoding: a server only what its API can say, vLLM all that needs no text so far."""

from __future__ import annotations

import pytest

from selfdistill.engines.load import engine_for
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.decoding_rules import MinP, PythonSyntax
from selfdistill.recipe.engine import EngineSettings

PLAIN = Decoding(temperature=0.7, top_k=20)
MIN_P = MinP(rule="min-p", min_p=0.1)
SYNTAX = PythonSyntax(rule="python-syntax")
ENGINES = {
    "transformers": EngineSettings(kind="transformers"),
    "vllm": EngineSettings(kind="vllm"),
    "openai": EngineSettings(kind="openai", base_url="http://127.0.0.1:1/v1"),
}


@pytest.mark.parametrize(
    ("stages", "here_instead_of"),
    [
        ((PLAIN,), set()),
        ((PLAIN, PLAIN), {"openai"}),
        ((MIN_P,), {"openai"}),
        ((MIN_P, PLAIN), {"openai"}),
        ((SYNTAX, PLAIN), {"openai", "vllm"}),
        ((SYNTAX, MIN_P), {"openai", "vllm"}),
    ],
)
def test_what_an_engine_cannot_do_runs_on_transformers_here(stages, here_instead_of):
    for kind, settings in ENGINES.items():
        chosen = engine_for(settings, stages)
        assert chosen.kind == ("transformers" if kind in here_instead_of else kind)
        assert chosen.batch_size == settings.batch_size
