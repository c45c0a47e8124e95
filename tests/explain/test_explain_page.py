"""explain.html in a real browser: distributions by keyboard and without script, no error, no overflow, a screenshot."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_run import SAMPLING, TinyRun

from pages import SPILLED, chromium
from selfdistill.explain.explain import explain_models
from selfdistill.explain.records import ExplainResult, PreviewGap
from selfdistill.files import read_json
from selfdistill.recipe.explain import AnalysisSettings
from selfdistill.report.pages.explain import render, write_explain
from selfdistill.report.tokens import token_name


@pytest.fixture(scope="module")
def result(tiny_run: TinyRun) -> ExplainResult:
    return explain_models(
        str(tiny_run.base),
        str(tiny_run.student),
        tiny_run.prompts,
        tiny_run.samples,
        SAMPLING,
        AnalysisSettings(programs=4, movers=4),
        graded=tiny_run.graded,
        preview=[PreviewGap("pass@1", 0.5, 0.55, 0.57)],
        device="cpu",
    )


@pytest.fixture(scope="module")
def page_path(result: ExplainResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_explain(result, tmp_path_factory.mktemp("explain"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (390, "dark"), (1280, "light")])
def test_the_page_stands_at_every_width(browser: Any, page_path: Path, tmp_path: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults, requests = [], []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    page.locator(".listing .tok.fork").first.focus()
    assert faults == []
    assert [url for url in requests if not url.startswith("data:")] == [page_path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SPILLED) == []
    card = page.locator(".tok:focus .card").bounding_box()
    assert card["x"] >= 0
    assert card["x"] + card["width"] <= width
    assert card["y"] + card["height"] <= 800
    image = tmp_path / "explain.png"
    page.screenshot(path=image)
    assert image.stat().st_size > 20_000
    page.close()


def shown_card(page: Any) -> str:
    cards = page.locator(".listing .card:visible")
    assert cards.count() == 1
    return cards.inner_text()


def test_distributions_are_read_by_keyboard(browser: Any, page_path: Path, result: ExplainResult) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(page_path.as_uri())
    positions = result.programs[0].positions
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('tok')"):
            break
    assert_shows(shown_card(page), positions[0])
    page.keyboard.press("ArrowRight")
    assert_shows(shown_card(page), positions[1])
    forks = [position for position in positions if position.kind == "fork" and position.offset > 1]
    page.keyboard.press("ArrowDown")
    assert_shows(shown_card(page), forks[0])
    page.keyboard.press("End")
    assert_shows(shown_card(page), positions[-1])
    page.keyboard.press("Escape")
    assert page.locator(".listing .card:visible").count() == 0
    page.close()


def assert_shows(text: str, position: Any) -> None:
    assert position.kind in text.lower()
    for choice in position.choices:
        for probability in (choice.base, choice.student):
            assert f"{100 * probability:.1f}\u00a0%" in text
        assert token_name(choice.text).strip() in text


def test_it_reads_without_script_and_in_print(browser: Any, page_path: Path, result: ExplainResult) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(page_path.as_uri())
    tokens = page.locator(".listing").first.locator(".tok")
    assert tokens.count() == len(result.programs[0].positions)
    tokens.nth(1).focus()
    assert_shows(shown_card(page), result.programs[0].positions[1])
    described = tokens.nth(1).get_attribute("aria-describedby")
    assert page.locator(f"#{described}").count() == 1
    page.emulate_media(media="print")
    assert page.locator("details.table table").first.is_visible()
    assert page.locator(".listing .card:visible").count() == 0
    context.close()


def test_kinds_differ_by_more_than_colour(browser: Any, page_path: Path) -> None:
    page = browser.new_page()
    page.goto(page_path.as_uri())
    style = "element => getComputedStyle(element).textDecorationStyle"
    lock = page.locator(".listing .tok.lock").first.evaluate(style)
    fork = page.locator(".listing .tok.fork").first.evaluate(style)
    assert (lock, fork) == ("dotted", "double")
    page.close()


def test_hostile_text_stays_text(result: ExplainResult) -> None:
    hostile = "<script>alert(1)</script>\u202e\x00"
    program = result.programs[0]
    position = replace(program.positions[0], text=hostile)
    prompt = replace(program.prompt, text=hostile, prompt_id=hostile)
    mover = replace(result.movers[0], before=hostile)
    page = render(
        replace(
            result,
            programs=(replace(program, prompt=prompt, positions=(position,), origin=hostile),),
            movers=(mover,),
            base=hostile,
        )
    )
    assert page.count("<script>") == 1
    assert html.escape("<script>alert(1)</script>") in page
    assert "\x00" not in page
    assert "\u202e" not in page


def test_json_holds_the_pages_numbers(page_path: Path, result: ExplainResult) -> None:
    document = read_json(page_path.with_suffix(".json"))
    assert document["positions"] == result.positions
    assert document["kinds"][1]["measures"]["base_kept"]["value"] == result.kinds[1].measures["base_kept"].value
    assert document["preview"] == [{"measure": "pass@1", "base": 0.5, "preview": 0.55, "student": 0.57}]


def test_a_page_without_verdicts_or_forks(result: ExplainResult) -> None:
    bare = render(replace(result, breaks=(), preview=(), programs=(), movers=()))
    assert "Where programs break" not in bare
    assert "ideal-fit preview" not in bare
