"""The model card: whatever a run or a model is called, the card is the card."""

from __future__ import annotations

import pytest
import yaml

from selfdistill.recipe import load_recipe
from selfdistill.report.card import code, escaped, model_card

WILD = [
    "a|b",
    "x\n---\ny",
    "<script>alert(1)</script>",
    "[home](http://example.org)",
    "`rm -rf`",
    "*bold* _it_",
    "# top",
]


@pytest.mark.parametrize("name", WILD)
def test_a_name_is_one_line_of_plain_text(name):
    shown = escaped(name)
    assert "\n" not in shown
    assert shown.replace("\\", "") == " ".join(name.split())
    for mark in "|<[`*_#":
        assert all(shown[place - 1] == "\\" for place, letter in enumerate(shown) if letter == mark)


def test_a_code_span_ends_where_it_should():
    assert code("plain") == "`plain`"
    assert code("a`b``c") == "``` a`b``c ```"


@pytest.mark.parametrize("base", ["me/`evil`", "a\n# Results"])
def test_the_card_has_one_header_and_two_headings_whatever_the_names(base):
    recipe = load_recipe("demo").model_copy(update={"name": "n\n# Results\n```"})
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"path": base})})
    card = model_card(recipe, None)
    _, header, text = card.split("---\n", 2)
    assert yaml.safe_load(header)["base_model"] == base
    before, _, listed = text.partition("## Recipe")
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        "# n \\# Results \\`\\`\\`: a self-distilled model",
        "## Results",
    ]
    fence, *inside, last = listed.strip().splitlines()
    assert fence == last + "yaml"
    assert yaml.safe_load("\n".join(inside))["model"]["path"] == base
