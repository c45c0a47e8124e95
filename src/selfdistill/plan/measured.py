"""Throughputs that were measured: a few that come with the package, and those of earlier runs on this machine.

Runs append to a file in the user's cache directory (`SELFDISTILL_MEASURED=off` keeps them from it). The file only makes
plans better: one that cannot be read or written is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

VARIABLE = "SELFDISTILL_MEASURED"
"""The environment variable: `off` neither reads nor writes the machine's file."""
SCALABLE = 4.0
"""A throughput says something of models up to so many times larger or smaller: tokens/s times parameters is kept.
Beyond it, what binds (small kernels, memory, arithmetic) is another."""
LONG_ENOUGH = 10.0
"""Seconds; a shorter stage is mostly loading."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One throughput."""

    device: str
    """As `device_name` says it, or a GPU's short name (`h100`)."""
    path: str
    """`sampling ENGINE`, `evaluation ENGINE` or `training METHOD TARGETS`."""
    parameters: float
    """Of the model, active for one token."""
    rate: float
    """Tokens/s on one device."""
    source: str
    """Where the number is from: the command and the date."""
    waited: float = 0.0
    """The share of the time in which other work had the processor. It is taken off: `rate` is of the machine alone."""

    @property
    def told(self) -> str:
        """The source, and what was taken off."""
        busy = f", {self.waited:.0%} of the time taken off, in which other work had the processor"
        return self.source + (busy if self.waited >= BUSY else "")


BUSY = 0.1
"""The share of waiting from which on it is worth a word."""

_RUN = "by selfdistill run in 2026-11"
COMING_ALONG = (
    Measured("h100", "sampling transformers", 0.494e9, 6600, f"an H100, 1,536 rows, {_RUN}"),
    Measured("h100", "training full soft", 0.494e9, 23000, f"an H100, 16 x 600 tokens, {_RUN}"),
    Measured("cpu", "sampling transformers", 0.886e6, 4900, f"one thread of a busy two-core server, demo, {_RUN}"),
    Measured("cpu", "training full soft", 0.886e6, 5900, f"one thread of a busy two-core server, demo, {_RUN}"),
)
"""On GPUs Qwen2.5-Coder-0.5B in bfloat16, before the GPU's paths were made faster (`benchmarks/real.py` measures them
anew); on CPUs the embedded model. What larger models do on a CPU is reckoned from its own speed (`cpu.py`) until a run
has measured it."""


def find(known: Iterable[Measured], device: str, path: str, parameters: float) -> tuple[float, str] | None:
    """Tokens/s for a model of this size, and where the number is from; the newest of the nearest in size.

    Args:
        known: in the order of time.
        device: of the plan; a measured one is the same if either name is in the other.
        path: see `Measured.path`; an evaluation is sampling where no evaluation was measured.
        parameters: active for one token.
    """
    here = [each for each in known if _same_device(each.device, device)]
    here = [each for each in here if 1 / SCALABLE <= each.parameters / parameters <= SCALABLE]
    for wanted in dict.fromkeys((path, path.replace("evaluation", "sampling"))):
        found = [each for each in here if each.path == wanted]
        if found:
            nearest = min(reversed(found), key=lambda each: _distance(each.parameters, parameters))
            exact = _distance(nearest.parameters, parameters) < 1.02
            scaled = "" if exact else f", scaled from {nearest.parameters / 1e9:.3g}B parameters"
            return nearest.rate * nearest.parameters / parameters, nearest.told + scaled
    return None


def measured_file() -> Path | None:
    """The machine's file, or None where it is switched off."""
    if os.environ.get(VARIABLE, "").lower() in ("off", "0", "no", "false"):
        return None
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "selfdistill" / "measured.jsonl"


def append(line: dict[str, Any]) -> None:
    """Add a line to the machine's file.

    Raises:
        OSError: the file cannot be written.
    """
    path = measured_file()
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:  # one write of one short line: runs side by side do not mix
        file.write(json.dumps(line) + "\n")


def remember(measured: Measured) -> None:
    """Keep one throughput for later plans.

    Raises:
        OSError: the file cannot be written.
    """
    append(asdict(measured))


def all_measured() -> list[Measured]:
    """What comes with the package, then what this machine's runs measured, oldest first."""
    found = [line for line in _lines() if set(line) == set(Measured.__dataclass_fields__)]
    valid = [line for line in found if _positive(line["rate"]) and _positive(line["parameters"])]
    return [*COMING_ALONG, *(Measured(**line) for line in valid)]


def last_prediction() -> dict[str, Any] | None:
    """Of the last finished run on this machine: `run`, `device`, and seconds by stage: `predicted`, `actual`, and
    those of the actual ones in which it `waited` for a processor."""
    wanted = {"run", "device", "predicted", "actual", "waited"}
    return next((line for line in reversed(list(_lines())) if set(line) == wanted), None)


def _lines() -> Iterator[dict[str, Any]]:
    path = measured_file()
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path else []
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(found, dict):
            yield found


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and value > 0


def _same_device(one: str, other: str) -> bool:
    first, second = (name.lower().replace(" ", "") for name in (one, other))
    return first in second or second in first


def _distance(one: float, other: float) -> float:
    return max(one, other) / min(one, other)
