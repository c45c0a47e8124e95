"""docs/report.md: its examples run, and its table of summary.json's keys is the truth."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text()


def test_examples_run(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(run_dir, tmp_path / "runs" / "demo")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/report.md", "exec"), {})
    assert (tmp_path / "runs" / "demo" / "report.html").exists()


def test_every_key_of_the_summary_is_documented(summary: dict[str, Any]) -> None:
    rows = re.findall(r"^\| (`.*?) \|", TEXT, flags=re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == set(summary)
