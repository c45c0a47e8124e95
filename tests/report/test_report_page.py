"""report.html as a document: self-contained, harmless, accessible, and without a number that summary.json lacks."""

from __future__ import annotations

import html.parser
import io
import re
from collections import Counter
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from simulated_run import Simulation, write_run

from selfdistill import files
from selfdistill.measure import words
from selfdistill.records import Outcome
from selfdistill.report import build_summary, terminal_table
from selfdistill.report.charts.style import COLOURS
from selfdistill.report.html import render
from selfdistill.report.programs import program_html

HOSTILE = """\
</code></pre></style></script><script>alert(1)</script><img src=x onerror=alert(2)>
<svg/onload=alert(3)><iframe src="https://example.com"></iframe><!-- {{ 7 * 7 }} {% raw %}
'"><a href="javascript:alert(4)">&lt;&amp;\x00\x1b[31m\u202egnp.exe ``` \x85
"""


class Document(html.parser.HTMLParser):
    """Elements with their attributes, and the text that readers see outside of charts and programs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._silent = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._silent += tag in ("style", "svg", "pre", "title")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("style", "svg", "pre", "title")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    texts = dict.fromkeys(Outcome, HOSTILE)
    return render(build_summary(write_run(tmp_path_factory.mktemp("hostile"), Simulation(30, texts=texts))))


def test_hostile_programs_stay_text(page: str, hostile_page: str) -> None:
    tags = [Counter(tag for tag, _ in Document(text).elements) for text in (page, hostile_page)]
    assert not tags[1].keys() - tags[0].keys(), "no element that a harmless report does not have"
    assert tags[1]["script"] == tags[1]["img"] == tags[1]["iframe"] == tags[1]["a"] - tags[0]["a"] == 0
    for _, attributes in Document(hostile_page).elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert "javascript" not in (attributes.get("href") or "")
    assert "alert(1)" in hostile_page, "the program is shown"
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", hostile_page)


def test_hostile_programs_keep_their_characters() -> None:
    shown = re.sub(r"<[^>]*>", "", str(program_html("a < b && '</pre>'")))
    assert html.unescape(shown) == "a < b && '</pre>'"
    assert "␀" in program_html("\x00")
    assert "class=" in program_html("def f(): pass")
    assert "class=" in program_html("Sure!\n```python\ndef f(): pass\n```")


def test_hostile_names_and_statements_are_escaped(summary: dict[str, Any]) -> None:
    attack = "<script>alert(1)</script>"
    changed = summary | {"name": attack, "recipe": summary["recipe"] | {"description": attack}}
    changed["systems"] = [system | {"title": attack} for system in summary["systems"]]
    changed["comparisons"] = [each | {"title": attack, "base_title": attack} for each in summary["comparisons"]]
    assert "<script" not in render(changed)


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    for tag, attributes in Document(page).elements:
        for name in ("src", "href", "xlink:href", "data", "action", "poster"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:,")), f"<{tag} {name}={address}>"
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page


def test_identifiers_are_unique_and_references_resolve(page: str) -> None:
    elements = Document(page).elements
    identifiers = Counter(attributes["id"] for _, attributes in elements if "id" in attributes)
    assert [name for name, count in identifiers.items() if count > 1] == []
    targets = {a[k][1:] for _, a in elements for k in ("href", "xlink:href") if (a.get(k) or "").startswith("#")}  # type: ignore[index]
    targets |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert targets <= set(identifiers)


def test_charts_are_described_coloured_by_the_page_and_well_formed(page: str, summary: dict[str, Any]) -> None:
    charts = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    assert len(charts) == 9, "differences, bars and curves twice; frontier, outcomes, training"
    for chart in charts:
        root = ElementTree.fromstring(chart)
        assert root.get("role") == "img"
        assert len(root.get("aria-label") or "") > 40
    assert not [placeholder for placeholder in COLOURS.values() if placeholder in page.lower()]
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", page)) == set(), "every colour follows the page into dark mode"
    score = next(s for s in summary["systems"] if s["name"] == summary["lineup"][-1]["system"])["scores"]["pass@1"][
        "all"
    ]
    assert any(words.percent_interval(score) in chart for chart in charts)


def test_the_page_repeats(summary: dict[str, Any], page: str) -> None:
    assert render(summary) == page


def test_the_explain_page_is_linked_once_it_exists(summary: dict[str, Any], page: str) -> None:
    assert 'href="explain.html"' not in page
    assert 'href="explain.html"' in render(summary | {"links": {"explain": "explain.html"}})


def test_tables_name_their_columns_and_every_section_has_a_heading(page: str) -> None:
    assert page.count("<table>") == page.count("<thead>") > 6
    assert page.count("<section") == len(re.findall(r"<section[^>]*>\s*<h2>", page))
    assert page.count("<h1>") == 1


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run with few numbers, so that hardly any number is in its summary by chance: four systems, one measure."""
    run_dir = write_run(tmp_path_factory.mktemp("small"), Simulation(30))
    manifest = files.read_json(run_dir / "manifest.json")
    manifest["recipe"]["evaluation"]["pass_at"] = [1]
    manifest["stages"] = {"sample": {"seconds": 19.4, "tokens": 402_114}}
    files.write_json(run_dir / "manifest.json", manifest)
    path = run_dir / "evaluation" / "systems.json"
    files.write_json(path, [system for system in files.read_json(path) if system["roles"] != ["grid"]][:4])
    problems = [line | {"difficulty": None} for line in files.read_records(path.with_name("problems.jsonl"), dict)]
    path.with_name("problems.jsonl").write_bytes(b"".join(map(files.record_line, problems)))
    log = (run_dir / "training-log.jsonl").read_bytes().splitlines(keepends=True)
    (run_dir / "training-log.jsonl").write_bytes(b"".join(log[:3]))
    return build_summary(run_dir)


def test_every_number_of_the_page_is_in_the_summary(small: dict[str, Any]) -> None:
    """Whatever the page prints outside charts and programs is some number, or some text, of summary.json."""
    allowed = {"95", "0", "80"}  # "95 % interval", "different from zero", "the middle 80 %"
    for leaf in leaves(small):
        allowed |= numbers(leaf) if isinstance(leaf, str) else forms(leaf)
    written = {number for text in Document(render(small)).text for number in numbers(text)}
    decimals = {f"{tenths / 10:.1f}" for tenths in range(1001)}
    assert len(allowed & decimals) < 300, "or else any number would pass"
    assert len(written & decimals) > 15
    assert written <= allowed


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in [key, *leaves(item)]]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def forms(value: float | bool | None) -> set[str]:
    if value is None or isinstance(value, bool):
        return set()
    texts = [words.number(100 * value), words.count(value), str(value), words.duration(value), f"{value:.2e}"]
    texts += [words.number(value, digits) for digits in (3, 4)]
    return {number for text in texts for number in numbers(text)}


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,]*(?:\.\d+)?", text.replace(",\u00a0", " ").replace(", ", " ")))


def test_the_terminal_table_fits_80_columns_and_agrees(summary: dict[str, Any]) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table(summary))
    text = console.export_text()
    assert summary["answer"]["headline"][0].split()[0] in text
    for entry in summary["lineup"]:
        assert entry["label"].removeprefix("base, ") in text
    assert "…" not in text
    default = next(each for each in summary["comparisons"] if each["kind"] == "default")
    assert words.point_interval(default["scores"]["pass@1"]["all"]["difference"]) in text
