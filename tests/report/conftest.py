"""One simulated run for all tests that only read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated_run import Simulation, write_run

from selfdistill.report import build_summary
from selfdistill.report.html import render


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    return Simulation(problems=60)


@pytest.fixture(scope="session")
def run_dir(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), simulation)


@pytest.fixture(scope="session")
def summary(run_dir: Path) -> dict[str, Any]:
    return build_summary(run_dir)


@pytest.fixture(scope="session")
def page(summary: dict[str, Any]) -> str:
    return render(summary)
