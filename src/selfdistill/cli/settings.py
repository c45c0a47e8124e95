"""Settings of a command's results, kept beside them: the same command resumes, another one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfdistill.errors import UserError
from selfdistill.files import read_json, write_json


def keep_settings(out: Path, settings: dict[str, Any]) -> None:
    """Write the settings beside a file or into a directory of results, or compare them with what is there.

    Args:
        out: a file or a directory; `FILE.settings.json` or `DIR/settings.json` is where they are kept.
        settings: everything that a result depends on, as JSON.

    Raises:
        UserError: the results were made under other settings, which are named, or by something else.
    """
    beside = out / "settings.json" if out.is_dir() else out.with_name(out.name + ".settings.json")
    if out.exists() and not (out.is_file() or out.is_dir()):
        raise UserError("is a device or a pipe", where=out, fix="choose another --out")
    if out.exists() and beside.exists():
        before = read_json(beside)
        if not isinstance(before, dict):
            raise UserError("holds no settings", where=beside, fix="choose another --out")
        changed = sorted(key for key in settings.keys() | before.keys() if settings.get(key) != before.get(key))
        if changed:
            raise UserError(
                f"holds results under other settings: {', '.join(changed)}", where=out, fix="choose another --out"
            )
    elif out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UserError("exists and was not written by this command", where=out, fix="choose another --out")
    write_json(beside, settings)
