"""Which program's settings these are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfdistill.errors import UserError
from selfdistill.importing.imported import Imported
from selfdistill.importing.ml_ssd import from_ml_ssd, is_ml_ssd
from selfdistill.importing.trl import from_trl
from selfdistill.importing.words import read_yaml, settings_of, split


def import_ssd(words: Sequence[str], *, gpus: int = 1, benchmark: str | None = None) -> Imported:
    """A recipe from a configuration file or a command line of TRL's `SSDTrainer` or of ml-ssd.

    Args:
        words: a YAML file's name, then options that override it; or the words of the script's command line.
        gpus: processes that trained together, for TRL.
        benchmark: to judge by.

    Raises:
        UserError: the file cannot be read, or the settings name no model or no data set.
    """
    words = split(words)
    if not words:
        raise UserError("nothing to import", fix="give a YAML file, or the script's arguments after --")
    file = words[0] if words[0].endswith((".yaml", ".yml")) else None
    settings = settings_of([f"--config={file}", *words[1:]] if file else words)
    if is_ml_ssd(settings):
        sections = read_yaml(Path(_config(words)))
        options = {name: value for name, value in settings.items() if name not in sections}
        return from_ml_ssd(sections, options, benchmark=benchmark)
    if not settings:
        raise UserError(
            "no settings in it", where=" ".join(words), fix="give --name value pairs, as the script had them"
        )
    return from_trl(settings, gpus=gpus, benchmark=benchmark)


def _config(words: Sequence[str]) -> str:
    if words[0].endswith((".yaml", ".yml")):
        return words[0]
    at = next(index for index, word in enumerate(words) if word.startswith("--config"))
    return words[at].partition("=")[2] or words[at + 1]
