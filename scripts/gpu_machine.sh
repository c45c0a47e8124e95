#!/usr/bin/env bash
# benchmarks/real.py on a machine with a GPU and no network, from what was carried there as files.
#
#   scripts/gpu_machine.sh SECONDS WHEELS MODEL [arguments of benchmarks/real.py ...]
#
# WHEELS: a folder of wheels (*.whl), or of one archive of them cut into parts (w00, w01, ... of `tar` of whl/).
# MODEL:  a model directory, or a folder of packed parts (c00, c01, ... with unpack.py and config/).
# They are installed once into .gpu/ of this checkout; calling again goes on with what is there. Results go to $OUT (by
# default runs/gpu) as they come, so that what was measured survives the end of the time; the sides' logs at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=$1 wheels=$2 model=$3
shift 3
started=$(date +%s)
out=${OUT:-runs/gpu}
here=$PWD/.gpu
mkdir -p "$out" "$here"
exec > >(tee -a "$out/log.txt") 2>&1

say() { echo "[$(($(date +%s) - started)) s] $*"; }

site=$here/site
if [ ! -e "$here/installed" ]; then
    [ -e "$wheels/w00" ] && cat "$wheels"/w[0-9][0-9] | tar -x -C "$here" && wheels=$here/whl
    [ -d "$wheels/whl" ] && wheels=$wheels/whl
    # Without dependencies: the wheels are all that the machine lacks, in the versions that go together.
    python3 -m pip install --quiet --no-index --no-deps --disable-pip-version-check --target "$site" "$wheels"/*.whl ||
        { say "the wheels could not be installed"; exit 1; }
    touch "$here/installed"
    say "wheels installed"
fi
export PYTHONPATH=$PWD/src:$site PATH=$site/bin:$PATH HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
export XDG_CACHE_HOME=$here/cache VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1

if [ -e "$model/unpack.py" ]; then
    unpacked=$here/$(basename "$model")
    if [ ! -e "$unpacked/model.safetensors" ]; then
        python3 "$model/unpack.py" "$model" "$model/config" "$unpacked" || { say "the model could not be unpacked"; exit 1; }
        say "model unpacked"
    fi
    model=$unpacked
fi

{ nvidia-smi || true; python3 -m pip list 2>/dev/null; } > "$out/machine.txt"
left=$((seconds - $(date +%s) + started))
say "benchmark begins, $left s left"
# real.py keeps its own time; the limit around it is for a side that does not die.
timeout --kill-after=5 "$left" python3 benchmarks/real.py "$model" --out "$out" --scratch "$here/scratch" \
    --minutes "$(awk "BEGIN { print ($left - 15) / 60 }")" "$@"
code=$?
tar -czf "$out/logs.tgz" -C "$here/scratch" logs
say "ended with $code"
exit "$code"
