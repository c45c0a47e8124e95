"""report.html in a real browser: no console error, nothing loaded, no text cut off, spilled or written over another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pages import CHART_FAULTS, SPILLED, assert_stands, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def report(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page)
    return path


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (390, "dark"), (1280, "light")])
def test_the_page_stands_at_every_width(browser: Any, report: Path, tmp_path: Path, width: int, scheme: str) -> None:
    assert_stands(browser, report, tmp_path / "report.png", width=width, scheme=scheme)
    assert (tmp_path / "report.png").stat().st_size > 50_000


def test_the_checks_catch_planted_faults(browser: Any, report: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(report.as_uri())
    page.evaluate("document.querySelector('h2').style.cssText = 'white-space: nowrap; width: 3rem'")
    page.evaluate("""() => {
      const [first, second] = document.querySelectorAll('svg.chart text');
      second.parentNode.insertBefore(first.cloneNode(true), second);
      second.parentNode.insertBefore(first.cloneNode(true), second);
    }""")
    assert len(page.evaluate(SPILLED)) >= 1
    assert len(page.evaluate(CHART_FAULTS)) >= 1
    page.close()


def test_dark_mode_and_print_keep_their_contrast(browser: Any, report: Path) -> None:
    """Text against page at least 4.5 to 1 (WCAG AA) in every mode; print is black on white whatever the screen is."""
    page = browser.new_page(color_scheme="dark")
    page.goto(report.as_uri())
    for media in ("screen", "print"):
        page.emulate_media(media=media, color_scheme="dark")
        read = "name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()"
        colours = {name: page.evaluate(read, name) for name in ("paper", "ink", "muted", "student", "base")}
        assert all(contrast(colours["paper"], colours[name]) >= 4.5 for name in colours if name != "paper"), colours
        if media == "print":
            assert colours["paper"] == "#fff"
    page.close()


def test_it_prints(browser: Any, report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert 3 <= pdf.count(b"/Type /Page\n") <= 20
    page.close()


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two #rgb or #rrggbb colours."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
