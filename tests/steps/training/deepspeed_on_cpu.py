"""`python -m selfdistill`, without DeepSpeed's shared-memory kernel, which it would compile for minutes on a CPU.

Gathering and scattering then go over gloo; sharding and optimizer are DeepSpeed's own.
"""

from __future__ import annotations

import sys

import deepspeed.comm.comm  # noqa: F401  (loads the module below; its own name there is torch's)

sys.modules["deepspeed.comm.torch"].build_shm_op = lambda: None

if __name__ == "__main__":
    from selfdistill.cli import main

    main()
