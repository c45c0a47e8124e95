"""`selfdistill export`: the student for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from selfdistill.errors import UserError
from selfdistill.libraries import quiet_libraries


class Precision(StrEnum):
    """Values of `--gguf`."""

    F16 = "f16"
    Q8_0 = "q8_0"


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run's directory, or a model's.")],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The GGUF file, or the adapters' directory.")],
    gguf: Annotated[
        Precision | None, typer.Option("--gguf", help="One file for llama.cpp, Ollama and LM Studio, in 16 or 8 bits.")
    ] = None,
    adapter: Annotated[bool, typer.Option("--adapter", help="The adapters of LoRA, not merged, for PEFT.")] = False,
) -> None:
    """Write a student for llama.cpp, Ollama and LM Studio (GGUF), or its adapters for PEFT.

    Examples:

      selfdistill export runs/mine --gguf q8_0 --out student.gguf

      selfdistill export runs/mine --adapter --out student-adapter
    """
    if (gguf is not None) == adapter:
        raise UserError("say what to export", fix="give either --gguf f16, --gguf q8_0 or --adapter")
    quiet_libraries()
    from selfdistill.export.student import export_adapter, export_gguf

    written = export_gguf(directory, out, gguf.value) if gguf is not None else export_adapter(directory, out)
    size = sum(file.stat().st_size for file in ([written] if written.is_file() else written.iterdir()))
    print(f"{written} ({size / 1e6:.0f} MB)")
