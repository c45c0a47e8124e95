"""Fixtures for tests that run programs."""

from tests.grading.conftest import sandbox_works

__all__ = ["sandbox_works"]
