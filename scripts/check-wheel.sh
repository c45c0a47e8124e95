#!/usr/bin/env bash
# Try the wheel as its users get it: in a new environment of each Python given, from an empty directory, outside of this
# repository. Without a wheel it is built first.
#   scripts/check-wheel.sh [WHEEL.whl] python3.11 python3.12 python3.13
# WORK=DIR keeps the environments (1.5 GB each); by default each is removed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=${WORK:-$(mktemp -d)}
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT
unset PYTHONPATH
case ${1:?give at least one Python} in
*.whl)
    wheel=$(realpath "$1")
    shift
    ;;
*)
    "$1" -m venv "$work/build"
    "$work/build/bin/python" -m pip install --quiet --disable-pip-version-check build
    "$work/build/bin/python" -m build --outdir "$work/wheel" "$root" >"$work/build.log"
    wheel=$(ls "$work"/wheel/*.whl)
    echo "built $(basename "$wheel"), $(du -k "$wheel" | cut -f1) kB"
    ;;
esac

for python in "$@"; do
    name=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
    environment="$work/$name"
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$root/constraints.txt" "$wheel"
    "$environment/bin/python" -m pip check
    "$environment/bin/python" -W error -m compileall -q -f -d selfdistill \
        "$("$environment/bin/python" -c 'import selfdistill, os; print(os.path.dirname(selfdistill.__file__))')"
    mkdir -p "$work/empty-$name" && cd "$work/empty-$name"
    "$environment/bin/selfdistill" --version
    "$environment/bin/selfdistill" doctor
    "$environment/bin/selfdistill" recipes >/dev/null
    OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} "$environment/bin/selfdistill" run demo --out run \
        --set prompts.limit=64 --set evaluation.limit=10 --set evaluation.samples_per_problem=2 \
        --set "evaluation.pass_at=[1]" --set "evaluation.grid.temperatures=[0.0]" --set checks.regressions.limit=5
    test -s run/report.html
    echo "the wheel works on Python $name"
    [ -n "${WORK:-}" ] || rm -rf "$environment"
done
