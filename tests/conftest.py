"""Fixtures that every test may use."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

# Time limits of single examples say nothing on a busy machine; pytest-timeout guards against hanging.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# Runs of the tests leave nothing in the user's cache directory, and learn nothing from it.
os.environ["SELFDISTILL_MEASURED"] = "off"

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of benchmark files and hostile programs beside the repository; a user's clone has none."""
    directory = REPOSITORY.parent / "shared"
    if not (directory / "grader").is_dir():
        pytest.skip("needs ../shared (benchmark files and hostile programs), which this clone does not have")
    return directory


def without_digests(lines: bytes) -> bytes:
    """JSON lines as another program would write them, so that a test may change them."""
    return re.sub(rb',"digest":"[0-9a-f]{16}"(?=}\n)', b"", lines)
