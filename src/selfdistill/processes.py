"""Which of several training processes this is: `accelerate launch` and `torchrun` tell through the environment.

Only the main one writes a run's files; the others compute.
"""

from __future__ import annotations

import os


def process_count() -> int:
    """Processes that train together; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """This one's number among those on this machine; names its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def weights_are_sharded() -> bool:
    """Whether accelerate's configuration says FSDP or DeepSpeed."""
    return any(os.environ.get(f"ACCELERATE_USE_{name}") == "true" for name in ("FSDP", "DEEPSPEED"))


def is_main_process() -> bool:
    """Whether this one writes the run's files."""
    return os.environ.get("RANK", "0") == "0"
