"""A study: how long the prompts are that each seed draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfdistill.files import read_records
from selfdistill.recipe import Recipe
from selfdistill.records import Prompt
from selfdistill.report.pages.page import Page, Section, table
from selfdistill.run import start


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, of_words: str) -> tuple[dict[str, Any], Page]:
    rows = []
    for seed in range(seeds):
        run = start.begin(recipe.model_copy(update={"seed": seed}), out / f"seed-{seed}")
        texts = [prompt.text for prompt in read_records(run.prompts, Prompt) if of_words in prompt.text]
        rows.append({"seed": seed, "prompts": len(texts), "characters": sum(map(len, texts))})
    cells = [[str(value) for value in row.values()] for row in rows]
    shown = Section("By seed", table=table(["seed", "prompts", "characters"], cells))
    return {"rows": rows}, Page("Study", "Prompts differ by seed", (), (shown,))
