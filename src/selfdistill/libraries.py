"""How the libraries below behave: quiet, while the package speaks for itself."""

from __future__ import annotations


def quiet_libraries() -> None:
    """Let the run's own progress be the only progress: libraries speak up only on errors."""
    import logging
    import os
    import warnings

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    warnings.simplefilter("ignore")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # on a CPU it says that it has no fast kernel
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
