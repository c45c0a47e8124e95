"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Time limits of single examples say nothing on a busy machine; pytest-timeout guards against hanging.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of benchmark files and hostile programs beside the repository; a user's clone has none."""
    directory = REPOSITORY.parent / "shared"
    if not (directory / "grader").is_dir():
        pytest.skip("needs ../shared (benchmark files and hostile programs), which this clone does not have")
    return directory
