"""The report's section on rival decodings, from a decoding-baselines.json of known numbers."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from selfdistill.files import write_json
from selfdistill.report import build_summary
from selfdistill.report.charts.decoding_baselines import decoding_baselines
from selfdistill.report.html import render

TITLE = "Can a smarter decoder do it without training?"


def estimate(value: float) -> dict:
    low, middle, high = (round(value + shift, 6) for shift in (-0.02, 0, 0.02))
    return {"value": middle, "low": low, "high": high, "problems": 60}


def row(measure: str, family: str, base: float, student: float, plain_student: float, plain_base: float) -> dict:
    return {
        "measure": measure,
        "family": family,
        "base": {"decoding": "T 1, min-p 0.1", "stages": [], "validation": base, "test": estimate(base)},
        "student": {"decoding": "greedy", "stages": [], "validation": student, "test": estimate(student)},
        "differences": {
            "SSD - rival": estimate(plain_student - base),
            "SSD + rival - SSD": estimate(student - plain_student),
            "rival - base": estimate(base - plain_base),
        },
    }


def compared() -> dict:
    rows = [
        row(measure, family, base, student, 0.62, 0.55)
        for measure in ("pass@1", "pass@5")
        for family, base, student in (("plain", 0.55, 0.62), ("min-p", 0.573, 0.631))
    ]
    return {
        "format": 1,
        "seed": 0,
        "measures": ["pass@1", "pass@5"],
        "families": ["plain", "min-p"],
        "intervals": {},
        "validation": {"problems": 40, "systems": []},
        "test": {"problems": 60, "systems": []},
        "rows": rows,
        "answers": ["SSD is <ahead>."],
    }


def test_the_section_is_there_where_rivals_were_compared(run_dir: Path, tmp_path: Path, page: str):
    assert TITLE not in page
    copy = shutil.copytree(run_dir, tmp_path / "run")
    write_json(copy / "decoding-baselines.json", compared())
    summary = build_summary(copy)
    assert summary["decoding_baselines"] == compared()
    assert not any("smarter decoder" in text for text in summary["unchecked"])
    shown = render(summary)
    section = shown[shown.index(TITLE) :]
    section = section[: section.index("</section>")]
    assert "SSD is &lt;ahead&gt;." in section
    assert section.count("57.3\u00a0[55.3,\u00a059.3]") >= 2
    assert "+4.7\u00a0[+2.7,\u00a0+6.7]" in section  # 62.0 - 57.3
    assert section.count("<svg") == 2
    assert 'href="#decoding-baselines"' in shown


def test_without_a_comparison_the_report_says_that_it_was_not_checked(summary: dict):
    assert summary["decoding_baselines"] is None
    assert any("smarter decoder" in text for text in summary["unchecked"])


def test_the_chart_is_well_formed_says_its_numbers_and_copes_with_gaps():
    undefined = {"value": None, "low": None, "high": None, "problems": 0}
    drawn = decoding_baselines(
        [("plain", estimate(0.5), estimate(0.6)), ("min-p", undefined, undefined)], 0.6, "pass@1"
    )
    root = ElementTree.fromstring(drawn)
    assert "plain: base 50.0" in root.attrib["aria-label"]
    texts = " ".join("".join(node.itertext()) for node in root.iter() if node.tag.endswith("text"))
    assert "50.0 / 60.0" in texts
    assert "– / –" in texts
    assert ElementTree.fromstring(decoding_baselines([("min-p", undefined, undefined)], None, "pass@5")) is not None
