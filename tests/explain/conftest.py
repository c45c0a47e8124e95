"""Fixtures of the analysis tests."""

from __future__ import annotations

import pytest
from tiny_run import TinyRun, make_run


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """A tiny base, its student, and what they wrote."""
    return make_run(tmp_path_factory.mktemp("tiny"))
