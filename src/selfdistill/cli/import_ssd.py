"""`selfdistill import-ssd`: settings of other programs as a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.errors import UserError
from selfdistill.files import write_text
from selfdistill.importing.read import import_ssd as translate


def import_ssd(
    words: Annotated[
        list[str], typer.Argument(metavar="CONFIG.yaml | -- ARGUMENTS", help="A YAML file, or a script's arguments.")
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the recipe there.")] = None,
    gpus: Annotated[int, typer.Option("--gpus", min=1, help="Processes that SSDTrainer trained with.")] = 1,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", metavar="NAME|FILE", help="To judge by; they had no evaluation.")
    ] = None,
) -> None:
    """Translate settings of TRL's removed SSDTrainer, or of Apple's ml-ssd, to a recipe; says what will differ.

    Examples:

      selfdistill import-ssd ssd.yaml --gpus 4 --out mine.yaml

      selfdistill import-ssd -- ssd.py --model_name_or_path Qwen/Qwen3-4B-Instruct-2507 --dataset_name me/prompts

      selfdistill import-ssd data_generation/config.yaml --out mine.yaml
    """
    imported = translate(words, gpus=gpus, benchmark=benchmark)
    imported.recipe()
    if out is None:
        print(imported.text(), end="")
        return
    if out.exists():
        raise UserError("exists already", where=out, fix="choose another --out")
    write_text(out, imported.text())
    print(f"{out}: a recipe from {imported.program}'s settings. A run of it differs in this:")
    for each in imported.differs:
        print(f"- {each}")
    print(f"Then: selfdistill plan {out}; selfdistill run {out}")
