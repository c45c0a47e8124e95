"""A page in a real browser: no console error, nothing loaded, no text cut off, spilled or written over another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
  return element.scrollWidth > element.clientWidth + 1 && !['inline', 'contents'].includes(style.display)
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


@contextmanager
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (the dev extra)")
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("needs Chromium on the PATH")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield opened
        opened.close()


def assert_stands(browser: Any, path: Path, image: Path, *, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults, requests = [], []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert faults == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SPILLED) == []
    assert page.evaluate(CHART_FAULTS) == []
    assert page.evaluate("document.querySelectorAll('img:not([alt]), svg:not([aria-label])').length") == 0
    page.screenshot(path=image, full_page=True, timeout=120_000)
    assert image.stat().st_size > 20_000
    page.close()
