"""Whether the memory of large tensors is used again, as the kernel counts it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from selfdistill.models.allocator import keep_freed_memory

STEPS = """
import resource, sys, torch
from selfdistill.models.allocator import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
logits = torch.zeros(10_000_000)
logits + 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(40):
    logits + 1
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str) -> tuple[str, int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", STEPS, *arguments]
    run = subprocess.run(command, env=clean, capture_output=True, text=True, check=True)
    kept, count = run.stdout.split()
    return kept, int(count)


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="another C library than glibc")
def test_a_step_uses_the_memory_of_the_step_before() -> None:
    pages = 40 * 40_000_000 // os.sysconf("SC_PAGE_SIZE")
    assert faults("as it is") == ("None", pytest.approx(pages, rel=0.1))
    kept, count = faults("keep")
    assert kept == "True"
    assert count < pages / 2, "most steps: a few pass until the heap has its shape"


def test_what_the_user_has_decided_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1000000")
    assert keep_freed_memory.__wrapped__() is False
