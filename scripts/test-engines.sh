#!/usr/bin/env bash
# The tests of real engines: vLLM in process and as a server, a Ray cluster, training in two processes, QLoRA, llama.cpp
# on exported files, and the steps of docs/scale.md. No GPU needed. What they need is installed only when missing.
#
#   scripts/test-engines.sh [python of the package's own environment, by default .venv/bin/python]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 RAY_USAGE_STATS_ENABLED=0

scripts/vllm-environment.sh "$python" &
installing=$!
"$python" -c "import ray, httpx, lm_eval, bitsandbytes, tensorboard" 2>/dev/null ||
    "$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
        "ray>=2.49" "httpx>=0.27" "lm-eval>=0.4.13" "bitsandbytes>=0.49" "tensorboard>=2.18"
# llama.cpp takes minutes to build: with WITH_LLAMA_CPP=1 exported files are tested with it, else those tests are skipped.
[ -z "${WITH_LLAMA_CPP:-}" ] || "$python" -c "import llama_cpp" 2>/dev/null ||
    "$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt llama-cpp-python
# DeepSpeed is built here, against the torch that is here; its kernels are not needed on a CPU.
"$python" -c "import deepspeed" 2>/dev/null ||
    DS_BUILD_OPS=0 "$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
        --no-build-isolation setuptools wheel deepspeed

# The two halves use different environments and wait for servers much of the time: side by side.
"$python" -m pytest -q -m engines tests/steps/training tests/cluster tests/measure/regressions tests/plan tests/export &
own=$!
wait "$installing"
failed=0
.venv-vllm/bin/python -m pytest -q -m engines tests/engines || failed=1
wait "$own" || failed=1
exit "$failed"
