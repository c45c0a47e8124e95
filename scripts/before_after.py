"""The numbers that a change of structure must leave as they are, in one file: compare two with `diff`.

    python scripts/before_after.py NUMBERS.json [--work DIR] [--humaneval FILE]

The demo's summary without what it cost and where it ran, its training log, and the verdicts on HumanEval's own
solutions, each by the command line of the package that this Python has.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

RULES = ("judge", "livecodebench")


def run(*arguments: str | Path) -> None:
    """One command of the package."""
    subprocess.run([sys.executable, "-m", "selfdistill", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def demo(work: Path) -> dict[str, Any]:
    """Summary and training log of the demo's run."""
    out = work / "demo"
    run("demo", "--out", out)
    summary = json.loads((out / "summary.json").read_text())
    for key in ("cost", "provenance"):
        summary.pop(key, None)
    log = [json.loads(line) for line in (out / "training-log.jsonl").read_text().splitlines()]
    return {"summary": summary, "training log": log}


def verdicts(humaneval: Path, work: Path) -> dict[str, Any]:
    """Outcome of every reference solution."""
    with gzip.open(humaneval, "rt") as file:
        rows = [json.loads(line) for line in file]
    samples = work / "gold.jsonl"
    samples.write_text(
        "".join(json.dumps({"task_id": r["task_id"], "completion": r["canonical_solution"]}) + "\n" for r in rows)
    )
    found = {}
    for rules in RULES:
        out = work / f"gold-{rules}.jsonl"
        run("grade", samples, "--benchmark", humaneval, "--rules", rules, "--out", out)
        found[rules] = sorted((v["key"], v["outcome"]) for v in map(json.loads, out.read_text().splitlines()))
    return found


def main() -> None:
    """Read the options, collect, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--humaneval", type=Path, default=Path("../shared/data/HumanEval.jsonl.gz"))
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        found = {**demo(work), "HumanEval": verdicts(given.humaneval, work)}
    given.numbers.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
