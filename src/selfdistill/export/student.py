"""A run's student, or any model directory, for other programs: a GGUF file for llama.cpp, an adapter for PEFT.

selfdistill export runs/mine --gguf q8_0 --out student.gguf
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.export.gguf import write_gguf
from selfdistill.files import read_json, write_json
from selfdistill.run.integrity import check_student


def export_gguf(directory: str | Path, out: str | Path, precision: Literal["f16", "q8_0"] = "q8_0") -> Path:
    """Write a model as one GGUF file, with its tokenizer and chat template, for llama.cpp, Ollama and LM Studio.

    Args:
        directory: a run's, whose student is taken, or a Hugging Face directory.
        out: the file; one that is there is replaced when the new one is whole.
        precision: of the matrices: 16 bits, or 8 with a scale for each 32 numbers (8.5 bits a number).

    Returns:
        The file's path.

    Raises:
        UserError: there is no model there, or llama.cpp has no model or tokenizer of its kind.
    """
    path = Path(out)
    if path.is_dir():
        raise UserError("is a directory", where=path, fix="give --out a file's name")
    write_gguf(model_directory(Path(directory)), path, precision)
    return path


def export_adapter(directory: str | Path, out: str | Path) -> Path:
    """Copy the adapters of a run that trained with LoRA, unmerged, as PEFT reads them.

    Args:
        directory: a run's, or its student's.
        out: a directory that does not exist yet. It holds the adapters, the tokenizer and the student's card.

    Returns:
        The directory's path.

    Raises:
        UserError: all weights were trained, so there are no adapters; or `out` exists.
    """
    student, path = model_directory(Path(directory)), Path(out)
    adapter = student / "adapter"
    if not (adapter / "adapter_config.json").is_file():
        raise UserError(
            "there are no adapters: all weights were trained", where=student, fix="set training.method: lora"
        )
    if path.exists():
        raise UserError("exists already", where=path, fix="choose another --out")
    temporary = path.with_name(f".{path.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(adapter, temporary)
        for file in student.iterdir():
            if file.name.startswith(("tokenizer", "chat_template", "README")):
                shutil.copy(file, temporary)
        _name_base(student, temporary / "adapter_config.json")
        temporary.rename(path)
    except OSError as error:
        raise UserError(f"cannot write: {error.strerror or error}", where=path, fix="choose another --out") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return path


def model_directory(directory: Path) -> Path:
    """The model that a path names: a run's student, or itself.

    Raises:
        UserError: there is none, or it is not as training has left it.
    """
    run = RunDirectory(directory)
    if run.manifest.is_file() and not (run.student / "config.json").is_file():
        raise UserError("there is no student to export", where=directory, fix=f"run selfdistill train {directory}")
    if (run.student / "config.json").is_file():
        check_student(run.student)
        return run.student
    if not (directory / "config.json").is_file():
        raise UserError("neither a run nor a model directory", where=directory, fix="give one that has a config.json")
    check_student(directory)
    return directory


def _name_base(student: Path, config: Path) -> None:
    """Name the run's base as the recipe did: PEFT wrote where it was read from."""
    manifest = RunDirectory(student.parent).manifest
    if manifest.is_file():
        model = read_json(manifest)["recipe"]["model"]
        name = str(Path(model["path"]).resolve()) if Path(model["path"]).exists() else model["path"]
        write_json(config, read_json(config) | {"base_model_name_or_path": name, "revision": model["revision"]})
