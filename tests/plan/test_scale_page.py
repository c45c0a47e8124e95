"""docs/scale.md and docs/engines.md say what works: keys exist, files exist, and what runs on a CPU is run."""

from __future__ import annotations

import re
import shlex

import pytest
from pydantic import BaseModel

from run.small import command, run
from selfdistill.recipe.schema import Recipe
from tests.conftest import REPOSITORY

PAGES = ("docs/scale.md", "docs/engines.md")


def blocks() -> str:
    text = "\n".join((REPOSITORY / page).read_text() for page in PAGES)
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")


def known(key: str) -> bool:
    section: type = Recipe
    for part in key.split("."):
        if not issubclass(section, BaseModel) or part not in section.model_fields:
            return False
        section = section.model_fields[part].annotation if part != key.split(".")[-1] else object
    return True


def test_every_key_and_file_that_the_pages_name_exists():
    keys = set(re.findall(r"--set '?([a-z_.]+)=", blocks()))
    assert len(keys) >= 5
    assert [key for key in sorted(keys) if not known(key)] == []
    files = set(re.findall(r"(?:configs|benchmarks|scripts)/[\w./-]+\w", "\n".join(map(str, [blocks()]))))
    assert files
    assert [file for file in sorted(files) if not (REPOSITORY / file).exists()] == []


@pytest.mark.slow
def test_the_calculations_of_the_pages_run():
    lines = [line for line in blocks().splitlines() if line.startswith("selfdistill plan")]
    assert len(lines) >= 2
    for line in lines:
        done = run(command(*shlex.split(line)[1:]))
        assert done.returncode == 0, done.stderr
        assert "GPU hours" in done.stdout
