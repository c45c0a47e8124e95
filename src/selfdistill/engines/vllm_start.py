"""What comes before vLLM is imported: that it is here, and the environment that it reads when it is."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from selfdistill.engines.base import Engine
from selfdistill.engines.choose import require_vllm
from selfdistill.errors import UserError

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings

INVARIANT = "VLLM_BATCH_INVARIANT"
"""vLLM's environment variable for kernels whose floats do not depend on the batch."""


def load(settings: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...]) -> Engine:
    """See `engines.load.load_engine`."""
    require_vllm()
    if engine.batch_invariant:
        if "vllm" in sys.modules and os.environ.get(INVARIANT) != "1":
            raise UserError("vLLM was started without it in this process", where="engine.batch_invariant")
        os.environ[INVARIANT] = "1"  # read when vLLM is imported, here and in the processes that it starts
    from selfdistill.engines.vllm import load_vllm

    return load_vllm(settings, engine, path, ends)
