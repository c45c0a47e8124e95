"""Chat templates of real families: where an answer ends; and those that refuse, break or swallow what they get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.fake_server import END, FakeServer
from problems.families import CHATML, FAMILIES, GEMMA, Family, family_tokenizer
from run.small import command, run
from selfdistill import events
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.errors import UserError
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.problems.render import Renderer, load_renderer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.prompts import PromptSettings
from tests.decoded import decoded
from tiny_models import make_model

SYSTEM = "Be brief."


def renderer(family: Family, **settings: object) -> Renderer:
    plain = {"source": "x", "template": "plain", "chat_template_arguments": family.arguments}
    return Renderer(family_tokenizer(family), PromptSettings(**{**plain, **settings}))


def of(template: object, **settings: object) -> Renderer:
    tokens = ("<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>")
    made = renderer(Family(CHATML, tokens, "<|im_end|>"), **settings)
    made.tokenizer.chat_template = template
    return made


@pytest.mark.parametrize("name", FAMILIES)
def test_the_token_that_ends_an_answer_is_the_templates(name):
    family = FAMILIES[name]
    made = renderer(family)
    ends = made.tokenizer.convert_ids_to_tokens(list(made.end_of_answer))
    assert ends == ([family.end] if family.end else [])
    assert renderer(family, chat="never").end_of_answer == ()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_shows_the_whole_prompt_to_the_model(name):
    statement = "Sort a list.\n\n    for x in xs:\n        print(x)"
    made = renderer(FAMILIES[name])
    rendered = made.render(statement)
    assert rendered.text.count(statement) == 1
    assert made.tokenizer.decode(list(rendered.token_ids)) == rendered.text


@pytest.mark.parametrize("name", ["chatml", "llama 3", "phi 3", "glm 4", "deepseek", "harmony"])
def test_the_system_message_changes_no_end(name):
    made = renderer(FAMILIES[name], system=SYSTEM)
    assert SYSTEM in made.render("Sort.").text
    assert made.tokenizer.convert_ids_to_tokens(list(made.end_of_answer)) == [FAMILIES[name].end]


@pytest.mark.parametrize("name", ["gemma", "mistral"])
def test_a_template_that_refuses_the_system_message_names_its_key(name):
    renderer(FAMILIES[name]).render("Sort.")
    with pytest.raises(UserError, match=r"^prompts.system: .* refuses the system message: .*(not supported|Only user)"):
        renderer(FAMILIES[name], system=SYSTEM).render("Sort.")


@pytest.mark.parametrize("name", ["llama 2", "instruction"])
def test_a_template_that_swallows_the_system_message_names_its_key(name):
    with pytest.raises(UserError, match=r"^prompts.system: .* leaves the system message out \(unset it\)"):
        renderer(FAMILIES[name], system=SYSTEM).render("Sort.")


BROKEN = {
    "a syntax error": ("{% for m in messages %}{{ m.content }}", "fails: .*endfor"),
    "an argument that is not given": (
        "{{ raise_exception('give a date') if not date }}{{ messages[0].content }}",
        "fails: give a date",
    ),
    "arithmetic on what is not there": ("{{ messages[0].content + tools.name }}", "fails: "),
    "a prompt that is not shown": ("{% for m in messages %}{{ m.text }}{% endfor %}", "leaves the prompt out"),
    "an endless range": ("{% for i in range(10**9) %}{% endfor %}", "fails: "),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_template_that_does_not_work_is_one_line_that_names_its_arguments(name):
    template, expected = BROKEN[name]
    made = of(template)
    with pytest.raises(UserError, match=expected) as caught:
        made.render("Sort.")
    assert str(caught.value).startswith("prompts.chat_template_arguments: the tokenizer's chat template ")
    assert "\n" not in str(caught.value)
    assert made.end_of_answer == ()
    assert of(template, chat="never").render("Sort.").text == "Sort."


def test_an_argument_that_the_template_asks_for_is_given_to_it():
    template = BROKEN["an argument that is not given"][0]
    assert of(template, chat_template_arguments={"date": "today"}).render("Sort.").text == "Sort."


def test_of_several_templates_without_a_default_one_must_be_chosen():
    several = {"chat": CHATML, "other": GEMMA.replace("{{ bos_token }}", "")}
    expected = r"^prompts.chat_template_arguments: .* several chat templates and no default one: chat, other"
    with pytest.raises(UserError, match=expected):
        of(several).render("Sort.")
    chosen = of(several, chat_template_arguments={"chat_template": "other"})
    assert chosen.render("Sort.").text == "<start_of_turn>user\nSort.<end_of_turn>\n<start_of_turn>model\n"
    assert chosen.tokenizer.convert_ids_to_tokens(list(chosen.end_of_answer)) == ["<end_of_turn>"]
    assert of({**several, "default": CHATML}).render("Sort.").text.startswith("<|im_start|>user\nSort.")


def test_a_tokenizer_of_another_model_is_refused_before_its_ids_are_looked_up(tmp_path):
    directory = make_model(tmp_path / "model")
    family_tokenizer(FAMILIES["gemma"]).save_pretrained(directory)  # the template's tokens are beyond the embeddings
    with pytest.raises(UserError, match=r"the tokenizer gives the token id 26., and the model has only 261 tokens"):
        load_renderer(ModelSettings(path=str(directory)), PromptSettings(source="x"))
    load_renderer(ModelSettings(path=str(directory)), PromptSettings(source="x", chat="never"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


def test_an_end_that_only_the_template_knows_ends_a_completion_and_is_said_once(model, monkeypatch, capfd):
    monkeypatch.setattr(events, "_warned", set())
    settings = ModelSettings(path=str(model), device="cpu")
    requests = [Request((20, 21, 22), (0, "x", row)) for row in range(24)]
    hot = (Decoding(temperature=2.0),)
    here = EngineSettings(kind="transformers")
    known = load_engine(settings, here).generate(decoded(requests, hot), max_new_tokens=200)
    assert capfd.readouterr().err == ""
    engine = load_engine(settings, here, ends=(7,))
    completions = engine.generate(decoded(requests, hot), max_new_tokens=200)
    load_engine(settings, here, str(model), ends=(7,))
    said = capfd.readouterr().err
    assert said.startswith("warning: the chat template ends an answer with ")
    assert said.count("\n") == 1
    for before, after in zip(known, completions, strict=True):
        first = before.token_ids.index(7) + 1 if 7 in before.token_ids else len(before.token_ids)
        assert after.token_ids == before.token_ids[:first]
        assert after.finish_reason == ("stop" if 7 in before.token_ids else before.finish_reason)
    assert sum(7 in each.token_ids for each in known) > 3


def test_a_server_is_told_of_it_as_well(model):
    server = FakeServer()
    try:
        settings = EngineSettings(kind="openai", base_url=server.url)
        engine = load_engine(ModelSettings(path=str(model)), settings, ends=(END,))
        [completion] = engine.generate([Request((20, 21), (0, "x"))], max_new_tokens=4)
        assert server.bodies[-1]["stop_token_ids"] == [0, END]
        assert completion.finish_reason == ("stop" if END in completion.token_ids else "length")
    finally:
        server.stop()


def test_what_the_model_names_as_an_end_is_no_news(model, monkeypatch, capfd):
    monkeypatch.setattr(events, "_warned", set())
    named = model / "generation_config.json"
    before = named.read_text()
    try:
        named.write_text(json.dumps({**json.loads(before), "eos_token_id": [0, 7]}))
        assert end_of_turn_ids(str(model), template=(7,)) == (0, 7)
        assert capfd.readouterr().err == ""
        named.unlink()
        assert end_of_turn_ids(str(model)) == (0,)  # the model's configuration says so
        named.write_text("{")
        with pytest.raises(UserError, match=r"generation configuration: damaged or incomplete: generation_config.json"):
            end_of_turn_ids(str(model))
    finally:
        named.write_text(before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "expected"),
    [(GEMMA, "error: prompts.system: "), ({"chat": CHATML, "tools": CHATML}, "no default one: chat, tools")],
)
def test_a_template_that_cannot_be_used_is_found_before_anything_is_written(tmp_path, template, expected):
    model = make_model(tmp_path / "model", chat=True)
    tokenizer = load_tokenizer(str(model))
    tokenizer.chat_template = template
    (model / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(model)
    sets = [f"model.path={model}", "prompts.chat=auto", "prompts.template=auto", f"prompts.system={SYSTEM}"]
    options = [part for each in sets for part in ("--set", each)]
    done = run(command("run", "demo", "--out", str(tmp_path / "out"), *options))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert expected in line
    assert not (tmp_path / "out").exists()
