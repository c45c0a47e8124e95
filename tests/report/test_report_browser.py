"""report.html in a real browser: no console error, nothing loaded, no text cut off, spilled or written over another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SPILLED = """() => [...document.querySelectorAll('body *')].filter(element => {
  if (element.closest('svg')) return false;
  const style = getComputedStyle(element);
  return element.scrollWidth > element.clientWidth + 1 && style.display !== 'inline'
    && !['auto', 'scroll'].includes(style.overflowX);
}).map(element => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 60)}`)"""

CHART_FAULTS = """() => [...document.querySelectorAll('svg.chart')].flatMap(chart => {
  const page = document.documentElement.clientWidth, faults = [], label = chart.getAttribute('aria-label').slice(0, 30);
  const shown = [...chart.querySelectorAll('text')];
  const texts = shown.map(text => [text.textContent.trim(), text.getBoundingClientRect()]);
  texts.forEach(([name, box], i) => {
    if (box.left < -1 || box.right > page + 1) faults.push(`outside the page: ${name}`);
    if (box.height < 8) faults.push(`too small to read: ${name}`);
    texts.slice(i + 1).forEach(([other, its]) => {
      const wide = Math.min(box.right, its.right) - Math.max(box.left, its.left);
      const high = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
      if (wide > 2 && high > 4) faults.push(`${name} over ${other} in ${label}`);
    });
  });
  return faults;
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (the dev extra)")
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("needs Chromium on the PATH")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page)
    return path


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (390, "dark"), (1280, "light")])
def test_the_page_stands_at_every_width(browser: Any, report: Path, tmp_path: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults, requests = [], []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert faults == []
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SPILLED) == []
    assert page.evaluate(CHART_FAULTS) == []
    assert page.evaluate("document.querySelectorAll('img:not([alt]), svg:not([aria-label])').length") == 0
    image = tmp_path / "report.png"
    page.screenshot(path=image, full_page=True, timeout=120_000)
    assert image.stat().st_size > 50_000
    page.close()


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
